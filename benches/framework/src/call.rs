//! The record of one call.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use anstream::println;
use anyhow::ensure;
use inkstone::config::{Live, Size};
use inkstone::guard::{Guard, GuardConfig, Op};
use inkstone::observe::{
    AccessConfig, LogConfig, LogFileConfig, LogFormat, LogOutput, Metrics, Protocol, Recorder, Tail,
};
use serde_json::{Value, json};
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::rounds::nanos;

/// How many other methods the instance has.
const METHODS: usize = 50;

/// Calls of one round with the access log: each is a line of the file.
const LINES: u32 = 20_000;

fn recorder(metrics: &Metrics, name: &str, access: AccessConfig) -> Recorder {
    Recorder::new(metrics, Protocol::RpcServer, "grpc", name.into(), "-", false)
        .with_access(Live::fixed(access))
}

pub(crate) fn run(rounds: u32) -> anyhow::Result<Value> {
    let metrics = Metrics::new();
    let recorder = recorder(&metrics, "server.grpc", AccessConfig::default());
    let guard = Guard::new(recorder, Live::fixed(GuardConfig::default()));
    for i in 0..METHODS {
        guard.enter(guard.op(&format!("shop.v1.Stock/Method{i}"))).finish("OK");
    }
    let kept = guard.method("shop.v1.Stock/Reserve");
    let looked_up = || guard.enter(guard.op("shop.v1.Stock/Reserve")).finish("OK");
    let with_handle = || guard.enter(Op::new(kept.clone())).finish("OK");
    looked_up();

    let region = Region::new(ALLOCATOR);
    for _ in 0..1000 {
        looked_up();
        with_handle();
    }
    let allocations = region.change().allocations;
    println!("call record: {allocations} allocations in 2000 calls");

    let [call, kept] = nanos(
        rounds,
        200_000,
        [("call record", &mut || looked_up()), ("call record, method kept", &mut || with_handle())],
    );
    let counted = metrics.encode().contains("method=\"shop.v1.Stock/Reserve\",code=\"OK\"} ");
    ensure!(counted, "the calls were not recorded");
    let logged = logged(rounds, &metrics)?;
    Ok(json!({
        "ns": call, "ns_method_kept": kept, "ns_access_log_to_file": logged,
        "allocations_per_call": allocations as f64 / 2000.0,
    }))
}

/// With the access log to a file. Writing is part of it: who logs waits when the file does not keep up.
fn logged(rounds: u32, metrics: &Metrics) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("access.log");
    let file = LogFileConfig {
        path: path.display().to_string(),
        max_size: Size::kib(0),
        ..LogFileConfig::default()
    };
    let config = LogConfig { format: LogFormat::Json, output: LogOutput::File, file, ..LogConfig::default() };
    let logs = config.install();
    ensure!(logs.is_installed(), "the log is somebody else's");
    let recorder =
        recorder(metrics, "server.logged", AccessConfig::server()).with_logs(logs.clone(), Tail::default());
    let guard = Guard::new(recorder, Live::fixed(GuardConfig::default()));
    let mut call = || guard.enter(guard.op("shop.v1.Stock/Reserve")).finish("OK");
    let [nanos] = nanos(rounds, LINES, [("call record, access log to file", &mut call)]);
    ensure!(logs.flush(Duration::from_secs(60)), "the log could not be written within a minute");
    let lines = BufReader::new(File::open(&path)?).lines().count();
    ensure!(lines == (rounds * LINES) as usize, "{lines} lines for {} calls", rounds * LINES);
    Ok(nanos)
}
