//! `inkstone config check FILE…`.

use std::ffi::OsString;
use std::process::ExitCode;

use anstream::println;
use clap::Args;
use inkstone::config::{Problems, Survey};

use super::files::Reading;
use super::{kinds, tell};

/// Reports every mistake in files.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// TOML, YAML or JSON files, each checked for itself; `a.toml,b.yaml` are checked as one configuration, the second
    /// over the first. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<OsString>,
    /// One key in place of what the files say: `server.http.port=8080`. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    reading: Reading,
    /// One JSON line for each problem, in place of text.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(&self) -> ExitCode {
        let kinds = kinds();
        let mut problems = Problems::new();
        for file in &self.files {
            match self.reading.sources([file], &self.set) {
                Ok(sources) => problems.append(Survey::of(&sources, &kinds).problems().clone()),
                Err(unreadable) => problems.append(unreadable),
            }
        }
        tell(&problems, self.json);
        if problems.has_errors() {
            return ExitCode::from(problems.exit_status());
        }
        if !self.json {
            let (number, s) = (self.files.len(), if self.files.len() == 1 { "" } else { "s" });
            println!("{number} file{s} checked, no errors");
        }
        ExitCode::SUCCESS
    }
}
