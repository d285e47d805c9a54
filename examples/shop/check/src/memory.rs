//! Resident memory of a process and of all that it started.

use std::collections::BTreeMap;
use std::fs;

/// A process as `/proc` shows it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    parent: u32,
    /// File name of its program.
    pub(crate) program: String,
    /// Resident memory in MiB.
    pub(crate) resident: f64,
}

/// A process and its descendants.
pub(crate) fn family(root: u32) -> Vec<Process> {
    let all: BTreeMap<u32, Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| read(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .map(|process| (process.pid, process))
        .collect();
    let descends = |process: &Process| {
        let mut at = process;
        while at.pid != root {
            match all.get(&at.parent) {
                Some(parent) => at = parent,
                None => return false,
            }
        }
        true
    };
    all.values().filter(|process| descends(process)).cloned().collect()
}

/// One process, if it runs.
pub(crate) fn read(pid: u32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let kib: f64 = field("VmRSS")?.trim_end_matches(" kB").parse().ok()?;
    Some(Process {
        pid,
        parent: field("PPid")?.parse().ok()?,
        // A program that was built anew meanwhile shows as deleted.
        program: program.file_name()?.to_string_lossy().trim_end_matches(" (deleted)").to_owned(),
        resident: kib / 1024.0,
    })
}
