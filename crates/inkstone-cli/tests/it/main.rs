//! The command, run as a person does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod config;
mod dev;
mod offline;

use std::path::Path;
use std::process::{Command, Output};

/// `inkstone` with these arguments, run to its end.
fn inkstone(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inkstone")).current_dir(dir).args(args).output().unwrap()
}

/// What it said, on both streams.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
