//! `inkstone console`: the console as an Inkstone service.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstream::eprintln;
use clap::Args;
use inkstone::config::{Code, Fault};
use inkstone_console::Started;
use serde::{Deserialize, Serialize};

use crate::report;

/// How long a console that was just killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the console for the cluster of KUBECONFIG.
#[derive(Debug, Args)]
pub(crate) struct ConsoleCommand {
    /// Where the console keeps its database and its configuration, `console.toml`.
    #[arg(long, default_value = ".inkstone/console")]
    state_dir: PathBuf,
    /// A file to write the console's address to, as JSON, once it listens. `inkstone dev` waits for it.
    #[arg(long, hide = true)]
    announce: Option<PathBuf>,
    /// The flags that every Inkstone service has, after `--`: `-- --set server.http.port=8000`.
    #[arg(last = true)]
    flags: Vec<OsString>,
}

/// Where a console is, as it announces itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) url: String,
    /// The one-time link for the first account, while there is none.
    pub(crate) setup: Option<String>,
}

impl ConsoleCommand {
    pub(crate) fn run(self) -> ExitCode {
        let prepared = prepare(&self.state_dir).and_then(|config| Ok((config, hold(&self.state_dir)?)));
        let (config, _lock) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return report(&fault.into()),
        };
        let mut flags: Vec<OsString> =
            vec!["inkstone console --".into(), format!("--config={}", config.display()).into()];
        flags.extend(self.flags);
        let announce = move |started: Started| say(started, self.announce.as_deref());
        inkstone::main_with(flags, crate::build(), |app| inkstone_console::serve(app, announce))
    }
}

/// Tells `inkstone dev`, or whoever reads the terminal.
fn say(started: Started, file: Option<&Path>) {
    let Some(file) = file else {
        eprintln!("console    {}", started.url);
        if let Some(link) = &started.setup {
            eprintln!("first login: {link}\n           works once, and makes the administrator's account");
        }
        return;
    };
    let announcement = Announcement { url: started.url, setup: started.setup };
    let text = serde_json::to_string(&announcement).unwrap_or_default();
    if let Err(error) = write_whole(file, &text) {
        tracing::error!(file = %file.display(), "the console's address cannot be written: {error}");
    }
}

/// Writes a file so that whoever reads it sees all of it or nothing, and nobody but its owner reads it: the link for
/// the first account is worth as much as that account.
pub(crate) fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    if new.exists() {
        fs::remove_file(&new)?; // its mode may be another
    }
    private_file(&new)?.write_all(text.as_bytes())?;
    fs::rename(&new, file)
}

/// Opens a file, and makes it if need be, so that only its owner can read it.
fn private_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file)
}

/// Makes a folder that only its owner can enter; one that is there stays as it is.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Holds the folder as long as the file lives: two consoles on one database would take each other's releases for
/// interrupted, and replace each other's link for the first account.
fn hold(state_dir: &Path) -> Result<File, Fault> {
    let path = state_dir.join("lock");
    let refused = |message: String| {
        Fault::new(Code::CannotCreate, message).component("inkstone console").target(state_dir.display())
    };
    let lock = private_file(&path).map_err(|error| refused(format!("cannot be held: {error}")))?;
    let patience = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => pause(),
            Err(TryLockError::WouldBlock) => {
                let fault = refused("another `inkstone console` runs on this state folder".to_owned());
                return Err(fault.hint("end it, or name another folder with --state-dir"));
            }
            Err(TryLockError::Error(error)) => return Err(refused(format!("cannot be held: {error}"))),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "nothing else runs yet")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Makes the folder and, if there is none yet, a configuration to begin with; where that is.
pub(crate) fn prepare(state_dir: &Path) -> Result<PathBuf, Fault> {
    let cannot = |path: &Path, error: &std::io::Error| {
        Fault::new(Code::CannotCreate, format!("the console's folder cannot be prepared: {error}"))
            .component("inkstone console")
            .target(path.display())
            .hint("make it writable, or name another with --state-dir")
    };
    private_dir(state_dir).map_err(|error| cannot(state_dir, &error))?;
    let state_dir = state_dir.canonicalize().map_err(|error| cannot(state_dir, &error))?;
    let file = state_dir.join("console.toml");
    if !file.exists() {
        let database = state_dir.join("console.db");
        // SQLite would make it for everybody to read.
        private_file(&database).map_err(|error| cannot(&database, &error))?;
        let text = beginning(&database.display().to_string());
        write_whole(&file, &text).map_err(|error| cannot(&file, &error))?;
    }
    Ok(file)
}

fn beginning(database: &str) -> String {
    // A string of TOML is quoted as one of Rust is, but for characters that no path should have.
    format!(
        r#"# The console's configuration. Change what you like; every key: `docs/reference/configuration.md`.
[app]
name = "inkstone-console"
drain = "0s"

[server.http]
host = "127.0.0.1"
port = 7070

[server.governor]
port = 0

[sqlite.console]
addr = {database:?}

[console]
base_path = "/"
"#
    )
}
