//! The folder in which `inkstone dev` keeps everything, for one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inkstone::config::{Code, Fault};
use serde::Serialize;

use super::fault;

/// The folder; held until the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct State {
    dir: PathBuf,
    _lock: Arc<File>,
}

/// What `dev.json` says, for programs: where everything is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Places {
    pub(crate) pid: u32,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) cluster: String,
    pub(crate) console: String,
    /// The link for the first account, while there is none.
    pub(crate) setup: Option<String>,
}

impl State {
    /// Makes the folder and holds it.
    pub(crate) fn lock(dir: &Path) -> Result<Self, Fault> {
        let cannot = |error: &std::io::Error| {
            fault(Code::CannotCreate, format_args!("the state folder cannot be used: {error}"), dir.display())
                .hint("make it writable, or name another with --state-dir")
        };
        fs::create_dir_all(dir).map_err(|error| cannot(&error))?;
        let dir = dir.canonicalize().map_err(|error| cannot(&error))?;
        let lock = File::create(dir.join("lock")).map_err(|error| cannot(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir, _lock: Arc::new(lock) }),
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
        let (file, new) = (self.dir.join("dev.json"), self.dir.join("dev.json.new"));
        let text = serde_json::to_string_pretty(places).unwrap_or_default();
        fs::write(&new, text + "\n").and_then(|()| fs::rename(&new, &file)).map_err(|error| {
            fault(Code::CannotCreate, format_args!("cannot be written: {error}"), file.display())
        })
    }
}
