//! Ends what an earlier cluster left running in this state directory, should both of its nets have failed.
use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};

/// Name of the file beside a container's logs that says which process it is.
const RECORD: &str = "process";
/// Environment variable by which a pod's processes are known.
pub(crate) const MARK: &str = "INKSTONE_POD_UID";

/// A process that cannot be mistaken for a later one with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// Clock ticks between the machine's start and the process's.
    pub(crate) started: u64,
}

impl Identity {
    /// Looks a running process up.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, started: stat(pid)?.started })
    }

    fn parse(text: &str) -> Option<Self> {
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok().filter(|pid| *pid > 1)?, started: started.parse().ok()? })
    }
}

/// Notes in the container's directory which process runs there.
pub(crate) fn record(container_dir: &Path, process: Identity) -> io::Result<()> {
    fs::write(container_dir.join(RECORD), format!("{} {}\n", process.pid, process.started))
}

/// Ends every process that the containers below `pods_dir` recorded and that still runs. Returns how many groups.
pub(crate) fn end_all(pods_dir: &Path) -> usize {
    let mut ended = 0;
    for pod in entries(pods_dir) {
        let uid = pod.file_name().to_string_lossy().into_owned();
        for container in entries(&pod.path()) {
            let record = fs::read_to_string(container.path().join(RECORD)).ok();
            let Some(process) = record.as_deref().and_then(Identity::parse) else { continue };
            if is_ours(process, &uid)
                && let Some(group) = Pid::from_raw(process.pid)
                && kill_process_group(group, Signal::KILL).is_ok()
            {
                ended += 1;
            }
        }
    }
    ended
}

/// Whether the group of `process` is still that of our container: its leader is the process recorded, or the
/// leader is gone and a member carries the pod's mark.
fn is_ours(process: Identity, uid: &str) -> bool {
    if let Some(leader) = stat(process.pid) {
        return leader.started == process.started;
    }
    let mark = format!("{MARK}={uid}");
    entries(Path::new("/proc")).any(|entry| {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { return false };
        stat(pid).is_some_and(|found| found.group == process.pid)
            && fs::read(entry.path().join("environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|item| item == mark.as_bytes()))
    })
}

struct Stat {
    group: i32,
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat { group: fields.get(2)?.parse().ok()?, started: fields.get(19)?.parse().ok()? })
}

fn entries(dir: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn sleeper(uid: &str) -> Child {
        Command::new("sleep").arg("60").env(MARK, uid).process_group(0).spawn().unwrap()
    }

    fn pod_dir(state: &Path, process: Identity) {
        let dir = state.join("uid-1/main");
        fs::create_dir_all(&dir).unwrap();
        record(&dir, process).unwrap();
    }

    #[test]
    fn a_recorded_process_is_ended() {
        let state = tempfile::tempdir().unwrap();
        let mut child = sleeper("uid-1");
        pod_dir(state.path(), Identity::of(i32::try_from(child.id()).unwrap()).unwrap());
        assert_eq!(end_all(state.path()), 1);
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_later_process_with_the_same_id_is_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let mut child = sleeper("another");
        let found = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        pod_dir(state.path(), Identity { started: found.started - 1, ..found });
        assert_eq!(end_all(state.path()), 0);
        assert!(child.try_wait().unwrap().is_none(), "it still runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
