//! What runs between the cluster and a container's program: the shim that ties the program's life to the
//! cluster's, and the guard that ends whole process groups when the cluster is gone.
//!
//! Two nets, because each has a hole. The kernel's parent death signal reaches the program itself at once, but
//! not the children that a shell script has started; the guard reaches the whole group, but could be killed too.
//! What slips through both is ended when the cluster starts again (see `leftovers`).
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal, setsid};

/// First argument of the shim that becomes a container's program.
pub(crate) const RUN: &str = "run";
/// First argument of the process that outlives a killed cluster for a moment.
pub(crate) const GUARD: &str = "guard";

/// Exit status when the program cannot be started, as a shell reports it.
const CANNOT_START: u8 = 127;

/// The main function of the shim program: `run PARENT PROGRAM [ARG…]` or `guard`.
///
/// The cluster starts its containers through a program that calls this, named in
/// [`Options::shim`](crate::kubelet::Options::shim). `run` makes a new session, asks the kernel for SIGKILL when
/// the cluster dies, and then becomes PROGRAM. `guard` reads group ids from its standard input and ends those
/// groups when the input closes.
pub fn exec_pod(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let mode = args.next().unwrap_or_default();
    let outcome = match mode.to_str() {
        Some(RUN) => become_program(args),
        Some(GUARD) => guard(io::stdin().lock()),
        _ => Err("this program is started by the local cluster: run PARENT PROGRAM [ARG…], or guard".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nowhere else to say it: this stream is the container's log.
            let _ = writeln!(io::stderr(), "inkstone: {message}");
            ExitCode::from(CANNOT_START)
        }
    }
}

/// Ties this process to `PARENT` and becomes the program. Returns only when that failed.
fn become_program(mut args: impl Iterator<Item = OsString>) -> Result<(), String> {
    let parent = args.next().and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let (Some(parent), Some(program)) = (parent, args.next()) else {
        return Err("run needs the parent's process id and a program".into());
    };
    setsid().map_err(|error| format!("cannot make a session of its own: {error}"))?;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("cannot ask for a signal when the cluster ends: {error}"))?;
    // The parent may have died before the request was in force; then no signal will ever come.
    if getppid() != Some(parent) {
        return Err("the cluster ended while this container was starting".into());
    }
    let error = Command::new(&program).args(args).exec();
    Err(format!("cannot start {}: {error}", program.display()))
}

/// Reads `+GROUP` and `-GROUP` lines until the other end closes, then ends every group still on the list.
fn guard(input: impl BufRead) -> Result<(), String> {
    // Not in the terminal's foreground group: Ctrl-C must not take the guard before the cluster.
    setsid().map_err(|error| format!("cannot make a session of its own: {error}"))?;
    let mut groups = BTreeSet::new();
    for line in input.lines() {
        let Ok(line) = line else { break };
        note(&mut groups, &line);
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // A group that has ended already is what we want.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}

fn note(groups: &mut BTreeSet<i32>, line: &str) {
    match (line.get(..1), line.get(1..).and_then(|group| group.parse::<i32>().ok())) {
        // Group 1 and 0 would mean "everything" and "ourselves".
        (Some("+"), Some(group)) if group > 1 => drop(groups.insert(group)),
        (Some("-"), Some(group)) => drop(groups.remove(&group)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_keeps_the_groups_that_were_not_taken_back() {
        let mut groups = BTreeSet::new();
        for line in ["+12", "+13", "-12", "+0", "+1", "nonsense", ""] {
            note(&mut groups, line);
        }
        assert_eq!(groups.into_iter().collect::<Vec<_>>(), [13]);
    }
}
