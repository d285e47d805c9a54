//! The folder in which `inkstone dev` keeps everything, for one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use inkstone::config::{Code, Fault};
use inkstone_cluster::Cluster;
use serde::Serialize;

use super::fault;
use crate::console::{Announcement, private_dir, write_whole};

/// The folder, held until this is dropped.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    _lock: File,
}

/// What `dev.json` says, for programs: where everything is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Places {
    pub(crate) pid: u32,
    pub(crate) state_dir: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) cluster: String,
    /// The console's address and process; null without a console.
    pub(crate) console: Option<String>,
    pub(crate) console_pid: Option<u32>,
    /// The link for the first account, while there is none.
    pub(crate) setup: Option<String>,
    /// From the start of the command until every pod was ready; null until then.
    pub(crate) seconds_to_ready: Option<f64>,
}

impl Places {
    /// What is known once the cluster runs.
    pub(crate) fn new(cluster: &Cluster, state: &State) -> Self {
        Self {
            pid: std::process::id(),
            state_dir: state.dir.clone(),
            kubeconfig: cluster.kubeconfig().to_owned(),
            cluster: cluster.url(),
            console: None,
            console_pid: None,
            setup: None,
            seconds_to_ready: None,
        }
    }

    pub(crate) fn console_is(&mut self, announced: Announcement, pid: Option<u32>) {
        self.console = Some(announced.url.trim_end_matches('/').to_owned());
        self.setup = announced.setup;
        self.console_pid = pid;
    }
}

impl State {
    /// Makes the folder and holds it.
    pub(crate) fn lock(dir: &Path) -> Result<Self, Fault> {
        let cannot = |error: &std::io::Error| {
            fault(Code::CannotCreate, format_args!("the state folder cannot be used: {error}"), dir.display())
                .hint("make it writable, or name another with --state-dir")
        };
        private_dir(dir).map_err(|error| cannot(&error))?;
        let dir = dir.canonicalize().map_err(|error| cannot(&error))?;
        let lock = File::create(dir.join("lock")).map_err(|error| cannot(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(fault(
                Code::CannotCreate,
                "another `inkstone dev` runs on this state folder",
                dir.display(),
            )
            .hint("end it, or name another folder with --state-dir")),
            Err(TryLockError::Error(error)) => Err(cannot(&error)),
        }
    }

    /// The folder, absolute.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Tells programs where everything is. Whoever reads the file sees all of it or none.
    pub(crate) fn write(&self, places: &Places) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(places).unwrap_or_default() + "\n";
        let file = self.file();
        write_whole(&file, &text).map_err(|error| {
            fault(Code::CannotCreate, format_args!("cannot be written: {error}"), file.display())
        })
    }

    /// Nothing is anywhere any more.
    pub(crate) fn clear(&self) {
        let _already = fs::remove_file(self.file());
    }

    fn file(&self) -> PathBuf {
        self.dir.join("dev.json")
    }
}
