//! One of the programs, run to its end.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

/// What a program said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program in `dir`, for no longer than 20 s.
pub(crate) async fn run(
    program: &Path,
    dir: &Path,
    args: &[&str],
    env: &[(&str, &str)],
) -> anyhow::Result<Ran> {
    let child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let Ok(output) = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await else {
        bail!("{} {} did not end within 20 s", program.display(), args.join(" "));
    };
    let output = output?;
    Ok(Ran {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Starts a program that goes on until it is dropped.
pub(crate) fn start(program: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Child> {
    Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {}", program.display()))
}

/// A port that is free now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Ran {
    /// It ended well.
    pub(crate) fn succeeded(&self) -> anyhow::Result<&Self> {
        ensure!(self.status == Some(0), "exit status {:?}: {}{}", self.status, self.stdout, self.stderr);
        Ok(self)
    }

    /// It refused, with all of these words on standard error.
    pub(crate) fn refused(&self, words: &[&str]) -> anyhow::Result<&Self> {
        ensure!(
            self.status.is_some_and(|status| status != 0),
            "exit status {:?}: {}",
            self.status,
            self.stderr
        );
        for word in words {
            ensure!(self.stderr.contains(word), "`{word}` is not in: {}", self.stderr);
        }
        Ok(self)
    }

    /// The problems it reported, one JSON line each.
    pub(crate) fn problems(&self) -> Vec<Value> {
        let lines = self.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| {
                line.get("code").is_some_and(|code| code.as_str().is_some_and(|c| c.starts_with("INK")))
            })
            .collect()
    }
}
