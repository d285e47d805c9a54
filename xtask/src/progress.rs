//! What is going on, and how long it took.

use std::time::{Duration, Instant};

use anstream::eprintln;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Steps done so far, for the closing table.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Runs one step under a heading. The first that fails ends the run.
    pub(crate) fn run(
        &mut self,
        title: &'static str,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        eprintln!("\n{BOLD}==> {title}{PLAIN}");
        let started = Instant::now();
        let result = step();
        let took = started.elapsed();
        match &result {
            Ok(()) => eprintln!("{GREEN}==> {title}: done{PLAIN} {DIM}in {}{PLAIN}", shown(took)),
            Err(_) => eprintln!("{RED}==> {title}: failed{PLAIN} {DIM}after {}{PLAIN}", shown(took)),
        }
        self.done.push((title, took));
        result
    }

    /// The closing table: every step with its time.
    pub(crate) fn summary(&self) {
        eprintln!();
        for (title, took) in &self.done {
            eprintln!("  {title:<44}{:>10}", shown(*took));
        }
        let all = self.done.iter().map(|(_, took)| *took).sum();
        eprintln!("  {:<44}{:>10}", "all", shown(all));
    }
}

/// One line about something that takes a moment.
pub(crate) fn note(text: impl std::fmt::Display) {
    eprintln!("{DIM}    {text}{PLAIN}");
}

fn shown(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", took.as_secs() / 60, took.as_secs() % 60)
    }
}
