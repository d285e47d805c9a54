use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::echo::{Echo, say};
use crate::fixture::{Backend, Caller, SOON};

async fn answers(caller: &Caller, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts.entry(caller.say("who").await.expect("answered")).or_default() += 1;
    }
    counts
}

/// An address where nobody listens.
fn dead() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn calls_are_spread_evenly_over_two_endpoints() {
    let (a, b) = (Backend::start(Echo::new("a")).await, Backend::start(Echo::new("b")).await);
    let caller = Caller::of("", &[&a, &b]).await;
    assert_eq!(answers(&caller, 100).await, BTreeMap::from([("a".into(), 50), ("b".into(), 50)]));
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_gets_no_call() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("", &[&a]).await;
    caller.endpoints([a.addr, dead(), dead()]);
    assert_eq!(answers(&caller, 200).await, BTreeMap::from([("a".into(), 200)]));
}

#[tokio::test]
async fn an_endpoint_that_is_added_gets_its_share_within_a_second() {
    let (a, b) = (Backend::start(Echo::new("a")).await, Backend::start(Echo::new("b")).await);
    let caller = Caller::of("", &[&a]).await;
    caller.endpoints([a.addr, b.addr]);
    let added = Instant::now();
    caller.reaches(2).await;
    assert!(added.elapsed() < Duration::from_secs(1), "{:?}", added.elapsed());
    assert_eq!(answers(&caller, 100).await["b"], 50);
}

#[tokio::test]
async fn calls_go_on_while_the_source_of_endpoints_fails() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("", &[&a]).await;
    caller.source.failed("the API does not answer");
    assert_eq!(answers(&caller, 50).await, BTreeMap::from([("a".into(), 50)]));
}

#[tokio::test]
async fn an_endpoint_that_comes_up_later_is_connected_then() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let caller = Caller::new("guard.timeout = \"20s\"").await;
    caller.endpoints([addr]);
    let waiting = tokio::spawn({
        let client = caller.client.clone();
        async move { say(&client, "who").await }
    });
    let app = inkstone_core::App::from_toml("t.toml", &format!("[server.grpc]\nport = {}", addr.port()));
    let grpc = app.load::<inkstone_grpc::GrpcServer>("server.grpc").add(Echo::new("late"));
    let _late = tokio::spawn(app.serve(grpc).run());
    assert_eq!(tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().unwrap(), "late");
}

#[tokio::test]
async fn an_endpoint_that_is_removed_finishes_its_calls_and_gets_no_more() {
    let echo = Echo::new("a");
    let (a, b) = (Backend::start(echo.clone()).await, Backend::start(Echo::new("b")).await);
    let caller = Caller::of("guard.timeout = \"20s\"", &[&a]).await;
    let held = tokio::spawn({
        let client = caller.client.clone();
        async move { say(&client, "hold").await }
    });
    echo.begun.acquire().await.unwrap().forget();
    caller.endpoints([b.addr]);
    let moved = async { while caller.say("who").await.unwrap() != "b" {} };
    tokio::time::timeout(SOON, moved).await.expect("moves to b");
    assert_eq!(answers(&caller, 50).await, BTreeMap::from([("b".into(), 50)]));
    echo.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), "a");
    // The connection ends with its last call, so the server has nothing to wait for.
    a.stop().await;
    caller.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_drain_one_after_the_other_under_load_lose_no_call() {
    let caller = Arc::new(Caller::new("guard.timeout = \"20s\"").await);
    let mut backends = vec![Backend::start(Echo::new("a")).await, Backend::start(Echo::new("a")).await];
    caller.endpoints(backends.iter().map(|backend| backend.addr));
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..16)
        .map(|_| {
            let (caller, over, done) = (caller.clone(), over.clone(), done.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    caller.say("brief").await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, inkstone_grpc::Status>(())
            })
        })
        .collect();
    for _ in 0..6 {
        backends.push(Backend::start(Echo::new("a")).await);
        // The source has not yet learnt that the first one goes, which is how it is in a cluster.
        caller.endpoints(backends.iter().map(|backend| backend.addr));
        backends.remove(0).stop().await;
        let before = done.load(Ordering::Relaxed);
        let goes_on = async {
            while done.load(Ordering::Relaxed) < before + 100 {
                tokio::task::yield_now().await
            }
        };
        tokio::time::timeout(SOON, goes_on).await.expect("calls go on");
    }
    over.store(true, Ordering::Relaxed);
    for worker in load {
        worker.await.unwrap().expect("no call is lost");
    }
}
