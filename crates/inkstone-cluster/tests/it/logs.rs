//! `pods/NAME/log`.
use inkstone_cluster::store::PODS;
use serde_json::{Value, json};

use super::{
    client::{Client, start},
    fixture::{Fixture, container, pod},
};

const LOG: &str = "/api/v1/namespaces/default/pods/p/log";

/// Runs a pod `p` until its log has this many lines.
async fn run(fixture: &Fixture, client: &Client, script: &str, lines: usize) {
    fixture.create(PODS, pod("p", script));
    loop {
        let answer = client.get(LOG).await;
        if answer.code == 200 && answer.text.lines().count() >= lines {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_log_is_given_whole_by_its_tail_or_up_to_a_limit() {
    let (fixture, client) = start().await;
    run(&fixture, &client, "seq 1 20000; exec sleep 600", 20000).await;
    let whole: String = (1..=20000).map(|n| format!("{n}\n")).collect();
    for (query, expected) in [
        ("", whole.as_str()),
        ("tailLines=2", "19999\n20000\n"),
        ("tailLines=0", ""),
        ("tailLines=50000", whole.as_str()),
        ("tailLines=1&container=main", "20000\n"),
        ("limitBytes=5", "1\n2\n3"),
    ] {
        let answer = client.get(&format!("{LOG}?{query}")).await;
        assert!(answer.text == expected, "{query}: {} bytes, not {}", answer.text.len(), expected.len());
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    }
}

#[tokio::test]
async fn a_followed_log_ends_with_its_container() {
    let (fixture, client) = start().await;
    run(&fixture, &client, "echo first; read line < /dev/null; sleep 0.3; echo last", 1).await;
    let mut never = pod("q", "echo first; sleep 0.3; echo last");
    never["spec"]["restartPolicy"] = "Never".into();
    fixture.create(PODS, never);
    fixture.until("q has begun", || fixture.pod("q").filter(|p| !fixture.log(p, "main", 0).is_empty())).await;
    let followed = client.get("/api/v1/namespaces/default/pods/q/log?follow=true").await;
    assert_eq!(followed.text, "first\nlast\n");
}

#[tokio::test]
async fn the_log_before_a_restart_can_be_asked_for() {
    let (fixture, client) = start().await;
    fixture.create(PODS, pod("p", "echo once; exit 3"));
    fixture
        .until("a restart", || {
            let restarts = &fixture.pod("p")?["status"]["containerStatuses"][0]["restartCount"];
            (restarts.as_u64()? >= 1).then_some(())
        })
        .await;
    assert_eq!(client.get(&format!("{LOG}?previous=true")).await.text, "once\n");
}

#[tokio::test]
async fn a_log_that_cannot_be_given_says_why() {
    let (fixture, client) = start().await;
    run(&fixture, &client, "echo; exec sleep 600", 1).await;
    let mut two = pod("two", "exec sleep 600");
    let mut second = container("exec sleep 600");
    second["name"] = "side".into();
    two["spec"]["containers"] = json!([two["spec"]["containers"][0], second]);
    fixture.create(PODS, two);
    let mut missing = pod("missing", "");
    missing["spec"]["containers"][0]["image"] = "inkstone.local/no-such-program".into();
    fixture.create(PODS, missing);
    fixture
        .until("it waits for its program", || {
            let state = &fixture.pod("missing")?["status"]["containerStatuses"][0]["state"]["waiting"];
            Value::is_object(state).then_some(())
        })
        .await;
    for (path, code, reason, says) in [
        ("none/log", 404, "NotFound", "pods \"none\" not found"),
        ("p/log?container=nope", 400, "BadRequest", "container nope is not valid for pod p"),
        ("p/log?previous=true", 400, "BadRequest", "previous terminated container \"main\""),
        ("p/log?timestamps=true", 400, "BadRequest", "timestamps is not served"),
        ("two/log", 400, "BadRequest", "choose one of: [main side]"),
        ("missing/log", 400, "BadRequest", "is waiting to start"),
    ] {
        let message =
            client.get(&format!("/api/v1/namespaces/default/pods/{path}")).await.refused(code, reason);
        assert!(message.contains(says), "{says:?} is not in {message:?}");
    }
}
