//! The table of what was seen, and the numbers measured on the way.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::Context as _;
use serde_json::{Map, Value, json};

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    numbers: Map<String, Value>,
}

#[derive(Debug)]
struct Row {
    title: String,
    took: Duration,
    seen: Result<String, String>,
}

impl Report {
    /// Prints the heading of a part.
    pub(crate) fn part(&self, title: &str) {
        println!("\n\x1b[1m{title}\x1b[0m");
    }

    /// Looks at one thing, for no longer than `within`, and writes a line about it. Later lines do not depend on it.
    pub(crate) async fn see<F>(&mut self, title: &str, within: Duration, look: F) -> bool
    where
        F: Future<Output = anyhow::Result<String>>,
    {
        let started = Instant::now();
        let seen = match tokio::time::timeout(within, look).await {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(_elapsed) => Err(format!("not within {} s", within.as_secs())),
        };
        let took = started.elapsed();
        match &seen {
            Ok(seen) => println!("  \x1b[32mok  \x1b[0m {:>7.2} s  {title:<58} {seen}", took.as_secs_f64()),
            Err(why) => println!("  \x1b[31mFAIL\x1b[0m {:>7.2} s  {title:<58} {why}", took.as_secs_f64()),
        }
        let ok = seen.is_ok();
        self.rows.push(Row { title: title.to_owned(), took, seen });
        ok
    }

    /// Remembers a measurement.
    pub(crate) fn number(&mut self, name: &str, value: impl Into<Value>) {
        self.numbers.insert(name.to_owned(), value.into());
    }

    /// Writes rows and numbers as JSON.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let rows: Vec<_> = self.rows.iter().map(Row::json).collect();
        let report = json!({ "machine": machine(), "numbers": self.numbers, "rows": rows });
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text + "\n").with_context(|| format!("write the report to {}", path.display()))
    }

    /// Prints the numbers and the closing line; whether everything was as it should be.
    pub(crate) fn close(&self) -> bool {
        println!("\n\x1b[1mmeasured\x1b[0m");
        for (name, value) in &self.numbers {
            println!("  {name:<44} {value}");
        }
        let failed: Vec<_> = self.rows.iter().filter(|row| row.seen.is_err()).collect();
        if !failed.is_empty() {
            println!("\n\x1b[1mfailed\x1b[0m");
        }
        for row in &failed {
            println!("  {}: {}", row.title, row.seen.as_ref().err().map_or("", String::as_str));
        }
        println!("\n{} passed, {} failed", self.rows.len() - failed.len(), failed.len());
        failed.is_empty()
    }
}

impl Row {
    fn json(&self) -> Value {
        let (ok, seen) = match &self.seen {
            Ok(seen) => (true, seen),
            Err(why) => (false, why),
        };
        json!({ "title": self.title, "ok": ok, "seconds": self.took.as_secs_f64(), "seen": seen })
    }
}

/// What the numbers were measured on.
fn machine() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |(_, name)| name);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().unwrap_or_default().trim_start_matches("MemTotal:").trim().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({ "cpu": model, "cores": cores, "memory": memory })
}
