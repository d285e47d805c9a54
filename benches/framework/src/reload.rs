//! Reading a large configuration again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::Instant;

use anstream::println;
use anyhow::{Context as _, anyhow, ensure};
use inkstone::config::{Config, Settings, Sources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rounds::millis;

const TABLES: u32 = 50;
const KEYS: u32 = 100;

/// A table of the application's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Prices(#[schemars(extend("x-live" = true))] BTreeMap<String, u64>);

impl Config for Prices {}

fn text(version: u32) -> anyhow::Result<String> {
    let mut text = String::new();
    for table in 0..TABLES {
        writeln!(text, "[prices{table}]")?;
        for key in 0..KEYS {
            writeln!(text, "article_{key} = {}", table * KEYS + key + version)?;
        }
    }
    Ok(text)
}

pub(crate) fn run(rounds: u32) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("prices.toml");
    fs::write(&file, text(0)?)?;
    let settings = Settings::open(Sources::new().file(&file));
    let tables: Vec<_> =
        (0..TABLES).map(|table| settings.load::<Prices>("application", &format!("prices{table}"))).collect();
    ensure!(!settings.problems().has_errors(), "{}", settings.problems());
    let mut took = Vec::new();
    for version in 1..=rounds {
        fs::write(&file, text(version)?)?;
        let started = Instant::now();
        settings.reload().map_err(|problems| anyhow!("{problems}"))?;
        took.push(started.elapsed());
        let first = tables.first().context("there are tables")?.get().0.get("article_0").copied();
        ensure!(first == Some(u64::from(version)), "version {version} did not arrive: {first:?}");
    }
    let millis = millis(&took);
    println!("{:<34} {millis:>8.2} ms", "reload of 5,000 keys");
    Ok(json!({ "keys": TABLES * KEYS, "ms": millis }))
}
