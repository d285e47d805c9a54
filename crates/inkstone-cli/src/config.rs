//! `inkstone config check FILE…`.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::{eprint, println};
use clap::Subcommand;
use inkstone::KINDS;
use inkstone::config::{Code, Fault, Kind, MOST_TEXT, Problems, check_text};
use inkstone_console::ConsoleConfig;

/// Every table that this program knows: the framework's and its own.
fn kinds() -> Vec<Kind> {
    let own = [Kind::table::<ConsoleConfig>("console")];
    KINDS.iter().copied().chain(own).collect()
}

/// What can be done with configuration files.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every mistake in these files. Nothing is connected to, and the programs are not needed.
    Check {
        /// TOML, YAML or JSON files, each checked for itself.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One JSON line for each problem, in place of text.
        #[arg(long)]
        json: bool,
    },
}

/// The text of a regular file: a pipe that nobody writes to, or a device without an end, would never come back.
fn read(file: &Path) -> io::Result<String> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    // One byte more than is allowed is enough for the check to refuse the file by its size.
    fs::File::open(file)?.take(MOST_TEXT.bytes() + 1).read_to_string(&mut text)?;
    Ok(text)
}

impl ConfigCommand {
    pub(crate) fn run(self) -> ExitCode {
        let Self::Check { files, json } = self;
        let kinds = kinds();
        let mut problems = Problems::new();
        for file in &files {
            let name = file.display().to_string();
            match read(file) {
                Ok(text) => problems.append(check_text(&name, &text, &kinds)),
                Err(error) => problems.push(
                    Fault::new(Code::UnreadableFile, format!("cannot be read: {error}"))
                        .target(name)
                        .hint("name a TOML, YAML or JSON file that exists and that you may read"),
                ),
            }
        }
        if !problems.is_empty() {
            let color = std::io::stderr().is_terminal();
            let text = if json { problems.to_json_lines() } else { problems.render(color) };
            eprint!("{}\n", text.trim_end());
        }
        if problems.has_errors() {
            return ExitCode::from(problems.exit_status());
        }
        if !json {
            println!("{} checked, no errors", count(files.len(), "file"));
        }
        ExitCode::SUCCESS
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
