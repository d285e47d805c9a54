//! Requests that are out to do harm are refused like any other mistake, and the cluster goes on.
use inkstone_cluster::store::{DeleteOptions, NAMESPACES, PODS, Selector, Store, StoreOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, CONFIGMAPS, config_map, start};

/// The path of the object that is patched.
fn subject() -> String {
    format!("{CONFIGMAPS}/a")
}

#[tokio::test]
async fn a_patch_that_multiplies_an_object_is_refused() {
    let (_fixture, client) = start().await;
    client.post(CONFIGMAPS, &config_map("a", &"x".repeat(4_000))).await.expect(201);
    let copies: Vec<_> =
        (0..12).map(|at| json!({ "op": "copy", "from": "", "path": format!("/x{at}") })).collect();
    let message =
        client.patch("json", &subject(), &copies.into()).await.refused(413, "RequestEntityTooLarge");
    assert!(message.contains("copies more than 3145728 bytes"), "{message}");
    let many = vec![json!({ "op": "test", "path": "/kind", "value": "ConfigMap" }); 10_001];
    let message = client.patch("json", &subject(), &many.into()).await.refused(413, "RequestEntityTooLarge");
    assert!(message.contains("10001 operations, more than 10000"), "{message}");
    client.get(&subject()).await.expect(200);
}

#[tokio::test]
async fn nesting_beyond_reason_is_refused_in_every_body() {
    let (_fixture, client) = start().await;
    client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    // Each step puts the object, a level deeper, into itself; or adds a level with a path.
    let mut path = String::new();
    let additions: Vec<_> = (0..130)
        .map(|_| {
            path += "/x";
            json!({ "op": "add", "path": path, "value": {} })
        })
        .collect();
    let deep = |depth: usize| format!("{}1{}", "{\"x\":".repeat(depth), "}".repeat(depth));
    let below: Value = serde_json::from_str(&deep(100)).unwrap();
    let twice = json!([
        { "op": "add", "path": "/x", "value": below },
        { "op": "copy", "from": "/x", "path": format!("/x{}", "/x".repeat(90)) },
    ]);
    for patch in [additions.into(), twice] {
        let message = client.patch("json", &subject(), &patch).await.refused(422, "Invalid");
        assert!(message.contains("nested deeper than 128 levels"), "{message}");
    }
    let flow = |depth: usize| format!("x: {}{}", "[".repeat(depth), "]".repeat(depth));
    for (media, body) in [
        ("application/json", deep(100_000)),
        ("application/yaml", flow(1_900)),
        ("application/yaml", flow(100_000)),
    ] {
        let request = client.request(Method::POST, CONFIGMAPS).header("content-type", media).body(body);
        Answer::of(request).await.refused(400, "BadRequest");
    }
    for kind in ["merge", "strategic-merge", "apply"] {
        let media = format!("application/{kind}-patch+{}", if kind == "apply" { "yaml" } else { "json" });
        let path = format!("{}?fieldManager=test", subject());
        let request = client.request(Method::PATCH, &path).header("content-type", media).body(deep(5_000));
        Answer::of(request).await.refused(400, "BadRequest");
    }
    client.get(&subject()).await.expect(200);
}

#[tokio::test]
async fn yaml_aliases_that_multiply_are_refused() {
    let (_fixture, client) = start().await;
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut chain = "a0: &a0 x\n".to_owned();
    for step in 1..1_000 {
        if step < 10 {
            bomb += &format!("a{step}: &a{step} [{}]\n", vec![format!("*a{}", step - 1); 10].join(", "));
        }
        chain += &format!("a{step}: &a{step} [*a{}]\n", step - 1);
    }
    for body in [bomb, chain] {
        let request = client.request(Method::POST, CONFIGMAPS).header("content-type", "application/yaml");
        let message = Answer::of(request.body(body)).await.refused(400, "BadRequest");
        assert!(message.contains("cannot read the body as YAML"), "{message}");
    }
}

#[tokio::test]
async fn a_body_larger_than_three_megabytes_is_refused() {
    let (_fixture, client) = start().await;
    let large = config_map("a", &"x".repeat(4 << 20));
    client.post(CONFIGMAPS, &large).await.refused(413, "RequestEntityTooLarge");
}

#[tokio::test]
async fn a_watch_may_be_asked_to_last_for_ever() {
    let (_fixture, client) = start().await;
    client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    let mut events = client.watch(CONFIGMAPS, &format!("timeoutSeconds={}", i64::MAX)).await;
    assert_eq!(events.code, 200);
    assert!(events.next().await.is_some());
}

#[test]
fn a_pod_may_be_given_for_ever_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
    store.create(NAMESPACES, json!({ "metadata": { "name": "default" } })).unwrap();
    let container = json!({ "name": "a", "image": "a" });
    let pod = json!({
        "metadata": { "name": "a", "namespace": "default" },
        "spec": { "nodeName": "n", "containers": [container], "terminationGracePeriodSeconds": i64::MAX },
    });
    store.create(PODS, pod).unwrap();
    let options = DeleteOptions { grace_seconds: Some(i64::MAX), ..DeleteOptions::default() };
    let deleted = store.delete(PODS, "default", "a", &options).unwrap();
    assert!(deleted["metadata"]["deletionTimestamp"].is_string(), "{deleted}");
}

#[test]
fn a_selector_beyond_reason_is_refused() {
    let long = vec!["a=b"; 10_000].join(",");
    for (labels, fields) in [(&*long, ""), ("", &*long.replace('a', "metadata.name"))] {
        let error = Selector::parse(PODS, labels, fields).unwrap_err();
        assert_eq!(error.code(), 400);
        assert!(
            error.message().contains("longer than 16384 bytes") && error.message().len() < 1_000,
            "{error}"
        );
    }
}
