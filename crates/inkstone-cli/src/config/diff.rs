//! `inkstone config diff A B`.

use std::ffi::OsString;
use std::process::ExitCode;

use anstream::println;
use clap::Args;
use inkstone::config::{Difference, Survey, Surveyed};
use serde_json::{Value, json};

use super::files::Reading;
use super::{kinds, tell};
use crate::table::{self, Cell};

/// Compares two configurations.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The files before: `a.toml`, or `a.toml,b.yaml`, the second over the first. `-` is standard input.
    #[arg(value_name = "BEFORE")]
    before: OsString,
    /// The files after.
    #[arg(value_name = "AFTER")]
    after: OsString,
    #[command(flatten)]
    reading: Reading,
    /// As a JSON list.
    #[arg(long)]
    json: bool,
}

/// As diff(1) has them.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

impl Diff {
    pub(crate) fn run(&self) -> ExitCode {
        let (Some(before), Some(after)) = (self.read(&self.before), self.read(&self.after)) else {
            return ExitCode::from(TROUBLE);
        };
        let differences = before.differences(&after);
        if self.json {
            println!("{:#}", differences.iter().map(to_json).collect::<Value>());
        } else {
            table::print(&differences.iter().map(row).collect::<Vec<_>>());
            println!("{}", summary(&differences));
        }
        if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) }
    }

    fn read(&self, files: &OsString) -> Option<Survey> {
        let read = self.reading.sources([files], &[]).map(|sources| Survey::of(&sources, &kinds()));
        let survey = read.map_err(|problems| tell(&problems, self.json)).ok()?;
        let right = !survey.problems().has_errors();
        // What is only a warning is no part of the difference.
        if !right {
            tell(survey.problems(), self.json);
        }
        right.then_some(survey)
    }
}

/// `+`, `-` or `~`, as patches have them.
fn mark(difference: &Difference) -> (&'static str, &'static str) {
    match (&difference.before, &difference.after) {
        (None, _) => ("+", "added"),
        (_, None) => ("-", "removed"),
        _ => ("~", "changed"),
    }
}

fn row(difference: &Difference) -> Vec<Cell> {
    let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
    let both = |part: &dyn Fn(&Surveyed) -> String| match (before, after) {
        (Some(before), Some(after)) => format!("{} → {}", part(before), part(after)),
        (one, other) => one.or(other).map(part).unwrap_or_default(),
    };
    let live = difference.live.map_or("", |live| if live { "live" } else { "restart" });
    vec![
        Cell::change(mark(difference).0),
        Cell::key(&difference.key),
        Cell::plain(both(&|value| value.value.to_string())),
        Cell::dim(both(&|value| value.origin.clone())),
        Cell::dim(live),
    ]
}

fn summary(differences: &[Difference]) -> String {
    let number = |live| differences.iter().filter(|one| one.live == live).count();
    let mut parts = Vec::new();
    for (count, what) in [
        (number(Some(true)), "live"),
        (number(Some(false)), "after a restart"),
        (number(None), "as the application decides"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    match differences.len() {
        0 => "no difference".to_owned(),
        1 => format!("1 difference, which applies {}", parts[0].trim_start_matches("1 ")),
        many => format!("{many} differences; these apply: {}", parts.join(", ")),
    }
}

fn to_json(difference: &Difference) -> Value {
    let side = |value: &Option<Surveyed>| {
        value.as_ref().map(|value| json!({ "value": value.value, "origin": value.origin }))
    };
    json!({
        "key": difference.key,
        "change": mark(difference).1,
        "before": side(&difference.before),
        "after": side(&difference.after),
        "live": difference.live,
    })
}
