//! The console as a process of its own: it may be killed, measured and restarted without the cluster.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anstream::eprintln;
use inkstone::Result;
use inkstone::config::{Code, Fault};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::fault;
use super::state::State;
use crate::console::{Announcement, prepare};

/// Longest wait for the console to listen; then something is very wrong.
const START: Duration = Duration::from_secs(30);
/// Longest wait for it to end when it is told to.
const STOP: Duration = Duration::from_secs(5);

/// A running `inkstone console`. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct ConsoleProcess {
    child: Child,
    announcement: PathBuf,
    log: PathBuf,
    /// What a person types to start it again.
    again: String,
}

impl ConsoleProcess {
    /// Starts it. The kernel ends it when this process ends, however that happens.
    pub(crate) fn spawn(
        this: &Path,
        state: &State,
        kubeconfig: &Path,
        port: Option<u16>,
    ) -> Result<Self, Fault> {
        let dir = state.dir().join("console");
        prepare(&dir)?;
        let (announcement, log) = (dir.join("announced.json"), dir.join("console.log"));
        let cannot = |path: &Path, error: std::io::Error| {
            fault(Code::CannotCreate, format_args!("the console cannot be started: {error}"), path.display())
        };
        if announcement.exists() {
            fs::remove_file(&announcement).map_err(|error| cannot(&announcement, error))?;
        }
        let output = File::create(&log).map_err(|error| cannot(&log, error))?;
        let mut command = Command::new(this);
        command.args(["pod-shim", "run"]).arg(std::process::id().to_string()).arg(this);
        command.arg("console").arg("--state-dir").arg(&dir).arg("--announce").arg(&announcement).arg("--");
        let mut flags = vec![format!("--set=console.kubeconfig={}", kubeconfig.display())];
        flags.extend(port.map(|port| format!("--set=server.http.port={port}")));
        let again =
            format!("{} console --state-dir {} -- {}", this.display(), dir.display(), flags.join(" "));
        let spawned =
            command.args(&flags).stdin(std::process::Stdio::null()).stdout(output).kill_on_drop(true).spawn();
        let child = spawned.map_err(|error| cannot(this, error))?;
        Ok(Self { child, announcement, log, again })
    }

    /// Waits until it says where it listens.
    pub(crate) async fn listening(&mut self) -> Result<Announcement> {
        let deadline = Instant::now() + START;
        loop {
            if let Ok(text) = fs::read(&self.announcement) {
                return Ok(serde_json::from_slice(&text)?);
            }
            if let Some(status) = self.child.try_wait()? {
                // It has said itself, on our standard error, what is wrong.
                return Err(self.fault(format_args!("the console did not start ({status})")).into());
            }
            if Instant::now() > deadline {
                return Err(self.fault(format_args!("the console does not listen after {START:?}")).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it ends although nobody told it to, and says so. Services go on without it.
    pub(crate) async fn ended(&mut self) {
        match self.child.wait().await {
            Ok(status) => {
                eprintln!("the console ended ({status}); its log: {}", self.log.display());
                eprintln!("cluster and pods go on; start it again: {}", self.again);
            }
            Err(error) => eprintln!("the console is out of sight: {error}"),
        }
    }

    /// Tells it to stop, and kills it if it does not.
    pub(crate) async fn stop(&mut self) {
        let Some(pid) = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) else { return };
        // An error means that it has just ended by itself.
        let _ended = kill_process(pid, Signal::TERM);
        if tokio::time::timeout(STOP, self.child.wait()).await.is_err() {
            eprintln!("the console does not stop; killed");
            let _ended = self.child.kill().await;
        }
    }

    /// Its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    fn fault(&self, message: impl std::fmt::Display) -> Fault {
        fault(Code::BuildFailed, message, self.log.display())
            .hint("its own error above says why; `--console-port=0` takes a free port, `--no-console` leaves it out")
    }
}
