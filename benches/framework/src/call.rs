//! The record of one call.

use anstream::println;
use anyhow::ensure;
use inkstone::config::Live;
use inkstone::guard::{Guard, GuardConfig, Op};
use inkstone::observe::{Metrics, Protocol, Recorder};
use serde_json::{Value, json};
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::rounds::nanos;

/// How many other methods the instance has.
const METHODS: usize = 50;

pub(crate) fn run(rounds: u32) -> anyhow::Result<Value> {
    let metrics = Metrics::new();
    let recorder = Recorder::new(&metrics, Protocol::RpcServer, "grpc", "server.grpc".into(), "-", false);
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
        [("call record", &mut || looked_up()), ("call record, method kept", &mut || with_handle())],
    );
    let counted = metrics.encode().contains("method=\"shop.v1.Stock/Reserve\",code=\"OK\"} ");
    ensure!(counted, "the calls were not recorded");
    Ok(json!({ "ns": call, "ns_method_kept": kept, "allocations_per_call": allocations as f64 / 2000.0 }))
}
