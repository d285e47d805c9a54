//! The record of one call.

use anstream::println;
use anyhow::ensure;
use inkstone::config::Live;
use inkstone::guard::{Guard, GuardConfig, Op};
use inkstone::observe::{
    AccessConfig, LogConfig, LogFileConfig, LogOutput, Metrics, Protocol, Recorder, Tail,
};
use serde_json::{Value, json};
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::rounds::nanos;

/// How many other methods the instance has.
const METHODS: usize = 50;

pub(crate) fn run(rounds: u32) -> anyhow::Result<Value> {
    let metrics = Metrics::new();
    let recorder = Recorder::new(&metrics, Protocol::RpcServer, "grpc", "server.grpc".into(), "-", false);
    let off = AccessConfig { enabled: false, ..AccessConfig::default() };
    let recorder = recorder.with_access(Live::fixed(off));
    let logged = logged(&metrics)?;
    let guard = Guard::new(recorder, Live::fixed(GuardConfig::default()));
    for i in 0..METHODS {
        guard.enter(guard.op(&format!("shop.v1.Stock/Method{i}"))).finish("OK");
    }
    let kept = guard.method("shop.v1.Stock/Reserve");
    let looked_up = || guard.enter(guard.op("shop.v1.Stock/Reserve")).finish("OK");
    let with_handle = || guard.enter(Op::new(kept.clone())).finish("OK");
    looked_up();
    let (logs, _dir) = &logged;
    let in_file = logs.method("shop.v1.Stock/Reserve");
    let to_file = || logs.enter(Op::new(in_file.clone())).finish("OK");

    let region = Region::new(ALLOCATOR);
    for _ in 0..1000 {
        looked_up();
        with_handle();
    }
    let allocations = region.change().allocations;
    println!("call record: {allocations} allocations in 2000 calls");

    let [call, kept, access] = nanos(
        rounds,
        [
            ("call record", &mut || looked_up()),
            ("call record, method kept", &mut || with_handle()),
            ("call record, access log to a file", &mut || to_file()),
        ],
    );
    let counted = metrics.encode().contains("method=\"shop.v1.Stock/Reserve\",code=\"OK\"} ");
    ensure!(counted, "the calls were not recorded");
    Ok(
        json!({ "ns": call, "ns_method_kept": kept, "ns_access_log": access, "allocations_per_call": allocations as f64 / 2000.0 }),
    )
}

/// A guard whose calls are lines of a log file, which lasts as long as the folder.
fn logged(metrics: &Metrics) -> anyhow::Result<(Guard, tempfile::TempDir)> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("service.log").to_string_lossy().into_owned();
    let file = LogFileConfig { path, ..LogFileConfig::default() };
    let logs = LogConfig { output: LogOutput::File, file, ..LogConfig::default() }.install();
    ensure!(logs.is_installed(), "the log is somebody else's");
    let recorder = Recorder::new(metrics, Protocol::RpcServer, "grpc", "server.logged".into(), "-", false)
        .with_logs(logs, Tail::default())
        .with_access(Live::fixed(AccessConfig::server()));
    Ok((Guard::new(recorder, Live::fixed(GuardConfig::default())), dir))
}
