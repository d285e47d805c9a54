//! `inkstone dev`, started and stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::wait::until;

/// A running `inkstone dev`.
#[derive(Debug)]
pub(crate) struct Dev {
    child: Child,
    log: PathBuf,
    /// Where things are, as it says itself.
    pub(crate) at: Places,
}

/// What `inkstone dev` writes to `dev.json` in its state folder once everything answers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Places {
    pid: u32,
    /// The kubeconfig of the cluster.
    pub(crate) kubeconfig: PathBuf,
    /// The console's address; the file is written with it and without it.
    pub(crate) console: Option<String>,
    /// The console's process.
    pub(crate) console_pid: Option<u32>,
    /// The one-time link for the first account, until it has been used.
    pub(crate) setup: Option<String>,
}

impl Dev {
    /// Starts it and waits until it says where things are.
    pub(crate) async fn start(inkstone: &Path, shop: &Path, state: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(state).with_context(|| format!("create {}", state.display()))?;
        let log = state.join("dev.log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut child = Command::new(inkstone)
            .arg("dev")
            .arg(shop)
            .arg("--state-dir")
            .arg(state)
            .arg("--console-port=0")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", inkstone.display()))?;
        let pid = child.id().context("it has just been started")?;
        let places = state.join("dev.json");
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("inkstone dev ended with {status}:\n{}", tail(&log));
            }
            let found = until(Duration::from_secs(1), "dev.json", || async {
                let places: Places = serde_json::from_slice(&fs::read(&places)?)?;
                ensure!(places.pid == pid, "left by an earlier run");
                ensure!(places.console.is_some(), "the console does not listen yet");
                Ok(places)
            });
            if let Ok(at) = found.await {
                return Ok(Self { child, log, at });
            }
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.at.pid
    }

    /// The console's address.
    pub(crate) fn console(&self) -> &str {
        self.at.console.as_deref().unwrap_or_default()
    }

    /// Asks it to stop, as Ctrl-C does, and waits.
    pub(crate) async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::INT)?;
        match tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_elapsed) => bail!("inkstone dev did not stop within 30 s:\n{}", tail(&self.log)),
        }
    }

    /// Kills it without a word.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        self.child.wait().await?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        send(self.at.pid, signal)
    }
}

/// Sends a signal to a process.
pub(crate) fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).context("a process has a number")?;
    kill_process(number, signal).with_context(|| format!("send {signal:?} to process {pid}"))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
