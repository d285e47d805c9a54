//! `inkstone config explain KIND[.key]`.

use std::process::ExitCode;

use anstream::{eprintln, println};
use clap::Args;
use inkstone::config::{Key, Kind, explain_key};
use serde_json::{Value, json};

use super::kinds;
use crate::table::{self, Cell, KEY};

/// Says what a key is for.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A kind of table or one of its keys: `server.http`, `server.http.port`, `grpc.guard.timeout`. A name may stand
    /// where a file has one: `grpc.stock.addr`.
    key: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn run(&self) -> ExitCode {
        let kinds = kinds();
        let Some(text) = &self.key else {
            self.list(&kinds);
            return ExitCode::SUCCESS;
        };
        let found = match explain_key(&kinds, text) {
            Ok(found) => found,
            Err(why) => {
                eprintln!("error: {why}");
                eprintln!("  `inkstone config explain` lists the kinds");
                return ExitCode::from(2);
            }
        };
        if self.json {
            let keys: Value =
                found.key.iter().chain(&found.below).map(|key| to_json(&found.kind, key)).collect();
            let all = json!({ "kind": found.kind.pattern(), "doc": found.kind.doc(), "keys": keys });
            println!("{all:#}");
            return ExitCode::SUCCESS;
        }
        match &found.key {
            None => println!("{KEY}[{}]{KEY:#}\n{}", shown(&found.kind), found.kind.doc()),
            Some(key) => one(&found.kind, key),
        }
        if !found.below.is_empty() {
            println!();
            table::print(&found.below.iter().filter(|key| !key.table).map(row).collect::<Vec<_>>());
        }
        ExitCode::SUCCESS
    }

    fn list(&self, kinds: &[Kind]) {
        if self.json {
            let list: Value =
                kinds.iter().map(|kind| json!({ "kind": kind.pattern(), "doc": kind.doc() })).collect();
            println!("{list:#}");
        } else {
            let rows = kinds.iter().map(|kind| vec![Cell::key(shown(kind)), Cell::plain(kind.doc())]);
            table::print(&rows.collect::<Vec<_>>());
        }
    }
}

/// `grpc.NAME`: what the user chooses is in capitals.
fn shown(kind: &Kind) -> String {
    kind.pattern().replace('*', "NAME")
}

fn change(key: &Key) -> &'static str {
    if key.live { "live" } else { "restart" }
}

fn default(key: &Key) -> String {
    match &key.default {
        _ if key.table => String::new(),
        None | Some(Value::Null) => "none".to_owned(),
        Some(value) => value.to_string(),
    }
}

fn row(key: &Key) -> Vec<Cell> {
    let first = key.doc.split_inclusive(". ").next().unwrap_or_default().trim_end();
    vec![
        Cell::key(key.name()),
        Cell::plain(default(key)),
        Cell::dim(&key.form),
        Cell::dim(change(key)),
        Cell::plain(first),
    ]
}

fn one(kind: &Kind, key: &Key) {
    let whole = format!("{}.{}", shown(kind), key.name());
    println!("{KEY}{whole}{KEY:#}");
    if !key.doc.is_empty() {
        println!("{}", key.doc);
    }
    println!();
    let mut rows = vec![("type", if key.table { "table".to_owned() } else { key.form.clone() })];
    rows.extend(key.unit.map(|unit| ("unit", unit.to_owned())));
    if !key.table {
        rows.push(("default", default(key)));
    }
    rows.push(("change", if key.live { "applies live" } else { "needs a restart" }.to_owned()));
    let examples: Vec<_> = key.examples.iter().map(Value::to_string).collect();
    if !examples.is_empty() {
        rows.push(("example", examples.join(", ")));
    }
    if !key.table && !key.is_pattern() && !kind.wildcard {
        let variable = whole.replace('.', "__").to_uppercase();
        rows.push(("variable", format!("INKSTONE__{variable}")));
    }
    let rows: Vec<_> =
        rows.into_iter().map(|(name, value)| vec![Cell::dim(name), Cell::plain(value)]).collect();
    table::print(&rows);
    if !key.allowed.is_empty() {
        println!();
        let rows =
            key.allowed.iter().map(|(value, doc)| vec![Cell::key(format!("{value:?}")), Cell::plain(doc)]);
        table::print(&rows.collect::<Vec<_>>());
    }
}

fn to_json(kind: &Kind, key: &Key) -> Value {
    let allowed: Value =
        key.allowed.iter().map(|(value, doc)| json!({ "value": value, "doc": doc })).collect();
    json!({
        "key": format!("{}.{}", kind.pattern(), key.name()),
        "doc": key.doc,
        "type": if key.table { "table" } else { &key.form },
        "unit": key.unit,
        "allowed": allowed,
        "default": key.default,
        "examples": key.examples,
        "live": key.live,
        "secret": key.secret,
    })
}
