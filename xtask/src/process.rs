//! Other programs, run with errors that name them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fmt};

use anyhow::{Context as _, bail};

use crate::workspace;

/// A command in the workspace's root, with our own tools found before the system's.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    let path = env::var_os("PATH").unwrap_or_default();
    let paths = [workspace::tools()].into_iter().chain(env::split_paths(&path));
    if let Ok(path) = env::join_paths(paths) {
        command.env("PATH", path);
    }
    command
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    command(env!("CARGO"))
}

/// Runs a command whose output the reader wants to see.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("start {}", Shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", Shown(command));
    }
    Ok(())
}

/// Runs a command whose output is only worth reading when it fails.
pub(crate) fn run_quietly(command: &mut Command) -> anyhow::Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("start {}", Shown(command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "`{}` failed: {}\n{text}{}",
            Shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

/// Whether a program of that name is on the path.
pub(crate) fn installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).with_extension(env::consts::EXE_EXTENSION).is_file())
}

struct Shown<'a>(&'a Command);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Path::new(self.0.get_program()).display())?;
        self.0.get_args().try_for_each(|arg| write!(f, " {}", arg.to_string_lossy()))
    }
}
