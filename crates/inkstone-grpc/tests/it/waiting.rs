use std::time::{Duration, Instant};

use inkstone_core::{Component, Health};
use inkstone_grpc::Code;

use crate::echo::{Echo, say};
use crate::fixture::{Backend, Caller};

async fn refusal(caller: &Caller) -> String {
    let status = caller.say("who").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    status.message().to_owned()
}

#[tokio::test]
async fn without_an_endpoint_a_call_waits_until_its_deadline_and_says_why() {
    let caller = Caller::new("guard.timeout = \"100ms\"").await;
    let started = Instant::now();
    let why = refusal(&caller).await;
    assert!(started.elapsed() >= Duration::from_millis(95), "{:?}", started.elapsed());
    assert!(why.starts_with("test:///echo is still being looked up; waited "), "{why}");

    caller.source.failed("the API does not answer");
    let why = refusal(&caller).await;
    assert!(why.starts_with("test:///echo cannot be looked up: the API does not answer; waited "), "{why}");

    caller.endpoints([]);
    let why = refusal(&caller).await;
    assert!(why.starts_with("test:///echo has no ready endpoint; waited "), "{why}");

    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    caller.endpoints([dead]);
    let why = refusal(&caller).await;
    let expected =
        format!("the only endpoint of test:///echo cannot be reached: {dead}: connection refused; waited ");
    assert!(why.starts_with(&expected), "{why}");
    assert!(caller.metrics().contains("name=\"grpc.echo\",method=\"test.v1.Echo/Say\",code=\"UNAVAILABLE\""));
}

#[tokio::test]
async fn without_a_deadline_a_call_waits_for_the_ready_timeout() {
    let caller = Caller::new("guard.timeout = \"0s\"\nready_timeout = \"50ms\"").await;
    let started = Instant::now();
    refusal(&caller).await;
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_call_that_waits_is_sent_as_soon_as_there_is_an_endpoint() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::new("guard.timeout = \"20s\"").await;
    let waiting = tokio::spawn({
        let client = caller.client.clone();
        async move { say(&client, "who").await }
    });
    tokio::task::yield_now().await;
    caller.endpoints([a.addr]);
    assert_eq!(waiting.await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn health_is_degraded_while_no_endpoint_is_ready() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::new("").await;
    let Health::Degraded(why) = caller.client.health().await else { panic!("degraded") };
    assert!(why.contains("test:///echo"), "{why}");
    caller.endpoints([a.addr]);
    caller.reaches(1).await;
    assert_eq!(caller.client.health().await, Health::Up);
}

#[tokio::test]
async fn a_closed_client_refuses_calls_at_once() {
    let a = Backend::start(Echo::new("a")).await;
    let caller = Caller::of("guard.timeout = \"20s\"", &[&a]).await;
    caller.client.close().await;
    let started = Instant::now();
    assert_eq!(refusal(&caller).await, "the client of test:///echo is closed");
    assert!(started.elapsed() < Duration::from_secs(5));
}
