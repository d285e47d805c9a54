//! `inkstone config show FILE…`.

use std::ffi::OsString;
use std::process::ExitCode;

use anstream::println;
use clap::Args;
use inkstone::config::{Survey, Surveyed};
use serde_json::{Value, json};

use super::files::Reading;
use super::{kinds, tell};
use crate::table::{self, Cell};

/// Shows the values that files lead to.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// TOML, YAML or JSON files, later over earlier. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<OsString>,
    /// One key in place of what the files say: `server.http.port=8080`. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    reading: Reading,
    /// Show defaults too, not only what is set.
    #[arg(long)]
    all: bool,
    /// Only this key and what is below it: `server.http`.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// As a JSON list.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(&self) -> ExitCode {
        let survey = match self.reading.sources(&self.files, &self.set) {
            Ok(sources) => Survey::of(&sources, &kinds()),
            Err(problems) => {
                tell(&problems, self.json);
                return ExitCode::from(problems.exit_status());
            }
        };
        tell(survey.problems(), self.json);
        // Where something is wrong the values would be the defaults, which nobody asked for.
        if survey.problems().has_errors() {
            return ExitCode::from(survey.problems().exit_status());
        }
        let values = survey.values().iter().filter(|value| self.wants(value));
        if self.json {
            let list: Value = values.map(to_json).collect();
            println!("{list:#}");
        } else {
            table::print(&values.map(row).collect::<Vec<_>>());
        }
        ExitCode::SUCCESS
    }

    fn wants(&self, value: &Surveyed) -> bool {
        let below = |key: &String| {
            value.key.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.all || !value.is_default()) && self.key.as_ref().is_none_or(below)
    }
}

fn row(value: &Surveyed) -> Vec<Cell> {
    let live = value.live.map_or("", |live| if live { "live" } else { "restart" });
    vec![
        Cell::key(&value.key),
        Cell::plain(value.value.to_string()),
        Cell::dim(&value.origin),
        Cell::dim(live),
    ]
}

fn to_json(value: &Surveyed) -> Value {
    json!({ "key": value.key, "value": value.value, "origin": value.origin, "live": value.live })
}
