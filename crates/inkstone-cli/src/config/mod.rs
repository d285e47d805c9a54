//! `inkstone config …`: configuration without the program that reads it.

mod check;
mod diff;
mod explain;
mod files;
mod init;
mod schema;
mod show;

use std::process::ExitCode;

use anstream::eprint;
use clap::Subcommand;
use inkstone::KINDS;
use inkstone::config::{Kind, Problems};
use inkstone_console::ConsoleConfig;

/// Every table that this program knows: the framework's and its own.
fn kinds() -> Vec<Kind> {
    let own = [Kind::table::<ConsoleConfig>("console")];
    KINDS.iter().copied().chain(own).collect()
}

/// What can be done with configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every mistake in files. Nothing is connected to, and the programs are not needed.
    Check(check::Check),
    /// Say what a key is for: its type, default, unit, whether a change applies live. Without a key, list the kinds.
    Explain(explain::Explain),
    /// Write a file to begin with: every key with its default and what it is for.
    Init(init::Init),
    /// Show the values that files lead to, and where each comes from.
    Show(show::Show),
    /// Compare two configurations by what they mean. Exits with 0 if they are alike, 1 if not, 2 if one is wrong.
    Diff(diff::Diff),
    /// Print the JSON Schema of a configuration file, for editors and forms.
    Schema(schema::SchemaCommand),
}

impl ConfigCommand {
    pub(crate) fn run(self) -> ExitCode {
        match self {
            Self::Check(check) => check.run(),
            Self::Explain(explain) => explain.run(),
            Self::Init(init) => init.run(),
            Self::Show(show) => show.run(),
            Self::Diff(diff) => diff.run(),
            Self::Schema(schema) => schema.run(),
        }
    }
}

/// Says what is wrong, for people or as JSON lines.
fn tell(problems: &Problems, json: bool) {
    if !problems.is_empty() {
        let text = if json { problems.to_json_lines() } else { problems.render(true) };
        eprint!("{}\n", text.trim_end()); // without colours unless a terminal wants them
    }
}
