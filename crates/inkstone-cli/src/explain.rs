//! `inkstone explain INK1001`.

use std::process::ExitCode;

use anstream::{eprintln, println};
use clap::Args;
use inkstone::config::{CODES, Code};

use crate::table::{self, Cell};

/// Prints the pages of codes; without a code, all of them in one line each.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The codes, as an error shows them: `INK1001` or `1001`.
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
}

impl Explain {
    pub(crate) fn run(&self) -> ExitCode {
        if self.codes.is_empty() {
            let rows = CODES.iter().map(|code| vec![Cell::key(code.as_str()), Cell::plain(code.title())]);
            table::print(&rows.collect::<Vec<_>>());
            return ExitCode::SUCCESS;
        }
        let mut status = ExitCode::SUCCESS;
        for (number, text) in self.codes.iter().enumerate() {
            let Some(code) = Code::parse(text) else {
                unknown(text);
                status = ExitCode::from(2);
                continue;
            };
            if number > 0 {
                println!();
            }
            println!("{}", code.page().trim_end());
        }
        status
    }
}

fn unknown(text: &str) {
    let asked = text.trim().to_uppercase();
    let asked = if asked.starts_with("INK") { asked } else { format!("INK{asked}") };
    // One wrong or missing digit is a slip; more is another word, for which no code is "near".
    let near = |code: &&Code| strsim::levenshtein(code.as_str(), &asked) <= 1;
    let nearest = CODES.iter().find(near);
    let nearest = nearest.map(|code| format!("; did you mean {} ({})?", code.as_str(), code.title()));
    eprintln!("error: there is no code {text}{}", nearest.unwrap_or_default());
    eprintln!("  `inkstone explain` lists all of them");
}
