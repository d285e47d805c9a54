//! Assignments of any content, by `--set` and by the environment, are taken or refused, and the value of a secret is
//! never shown.
//!
//! Each line of the input is one: `INKSTONE__A__B=…` goes to the environment, everything else to `--set`.
#![no_main]

use inkstone_config::{Settings, Sources};
use inkstone_fuzz::{CANARY, load_all, shown};
use libfuzzer_sys::fuzz_target;

/// Where only the value of a secret follows.
const SECRETS: &[&str] = &[
    "client.a.password=",
    "client.a.login.bearer=",
    "log.token=",
    "INKSTONE__CLIENT__A__PASSWORD=",
    "INKSTONE__LOG__TOKEN=",
];

fuzz_target!(|input: &str| {
    let mut sources = Sources::new().text("f.toml", "client.a.tags = [\"x\"]\nlog = {}");
    let mut secret = true;
    for line in input.lines() {
        secret &= !line.contains(CANARY)
            || SECRETS.iter().any(|key| line.strip_prefix(key).is_some_and(|value| value.contains(CANARY)));
        sources = match line.split_once('=') {
            Some((name, value)) if line.starts_with("INKSTONE__") => sources.env([(name, value)]),
            _ => sources.set(line),
        };
    }
    let settings = Settings::open(sources);
    load_all(&settings);
    let shown = shown(&settings);
    assert!(!secret || !shown.contains(CANARY), "{shown}");
});
