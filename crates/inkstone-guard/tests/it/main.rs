//! What the guard does around a call, seen from outside: the answer, and what the metrics say of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod call;
mod tower;

use std::fmt;

use inkstone_config::Live;
use inkstone_guard::{Failure, Guard, GuardConfig};
use inkstone_observe::{Metrics, Protocol, Recorder};

#[derive(Debug, PartialEq)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl Failure for Refused {
    fn code(&self) -> &'static str {
        "refused"
    }
}

fn guard(config: Live<GuardConfig>) -> (Guard, Metrics) {
    let metrics = Metrics::new();
    let recorder = Recorder::new(&metrics, Protocol::Db, "sqlite", "sqlite.main".into(), "shop.db", false);
    (Guard::new(recorder, config), metrics)
}

/// How many calls of `method` ended with `code`.
fn calls(metrics: &Metrics, method: &str, code: &str) -> u64 {
    let series = format!(
        "db_client_operation_duration_seconds_count{{name=\"sqlite.main\",method=\"{method}\",code=\"{code}\"}} "
    );
    let text = metrics.encode();
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().unwrap())
}
