//! The process as Linux sees it, read when somebody asks: proc(5). Elsewhere there is nothing to read, and nothing shown.
//!
//! Names: <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>

use std::fmt;
use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use crate::metrics::text::single;
use crate::names;

/// What of `/proc/self/stat` is shown.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

pub(crate) fn write(text: &mut String) -> fmt::Result {
    let ticks = clock_ticks_per_second() as f64;
    if let Some(stat) = read("/proc/self/stat").as_deref().and_then(stat) {
        single(text, &names::PROCESS_CPU, stat.cpu_ticks as f64 / ticks)?;
        single(text, &names::PROCESS_RESIDENT, stat.resident_pages * page_size() as u64)?;
        single(text, &names::PROCESS_VIRTUAL, stat.virtual_bytes)?;
        single(text, &names::PROCESS_THREADS, stat.threads)?;
        if let Some(booted) = read("/proc/stat").as_deref().and_then(booted) {
            single(text, &names::PROCESS_START, booted as f64 + stat.started_ticks as f64 / ticks)?;
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One is what reads the directory.
        single(text, &names::PROCESS_OPEN_FDS, open.count().saturating_sub(1))?;
        if let Some(most) = getrlimit(Resource::Nofile).current {
            single(text, &names::PROCESS_MAX_FDS, most)?;
        }
    }
    Ok(())
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The second field is the program's name in parentheses, and may have any character in it.
fn stat(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    // Counted as in proc(5), where the state is the third.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        cpu_ticks: field(14)? + field(15)?,
        threads: field(20)?,
        started_ticks: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

/// When the machine started, in seconds since 1970.
fn booted(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let line = "7 (a) R 1 (b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 123 4096 17 1 2 3";
        let expected =
            Stat { cpu_ticks: 300, threads: 9, started_ticks: 123, virtual_bytes: 4096, resident_pages: 17 };
        assert_eq!(stat(line), Some(expected));
        assert_eq!(stat("7 (a) R 1"), None);
        assert_eq!(booted("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
    }
}
