//! `inkstone explain INK1001`.

use std::process::ExitCode;

use anstream::{eprintln, println};
use clap::Args;
use inkstone::config::{CODES, Code};

/// Prints the page of a code; without a code, all of them in one line each.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, as an error shows it: `INK1001` or `1001`.
    code: Option<String>,
}

impl Explain {
    pub(crate) fn run(&self) -> ExitCode {
        let Some(text) = &self.code else {
            for code in CODES {
                println!("{}  {}", code.as_str(), code.title());
            }
            return ExitCode::SUCCESS;
        };
        let asked = text.trim().to_uppercase();
        let asked = if asked.starts_with("INK") { asked } else { format!("INK{asked}") };
        if let Some(code) = Code::parse(&asked) {
            println!("{}", code.page().trim_end());
            return ExitCode::SUCCESS;
        }
        // One wrong or missing digit is a slip; more is another word, for which no code is "near".
        let near = |code: &&Code| strsim::levenshtein(code.as_str(), &asked) <= 1;
        let nearest = CODES.iter().find(near);
        let nearest = nearest.map(|code| format!("; did you mean {} ({})?", code.as_str(), code.title()));
        eprintln!("error: there is no code {text}{}", nearest.unwrap_or_default());
        eprintln!("  `inkstone explain` lists all of them");
        ExitCode::from(2)
    }
}
