//! Watch.
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{CONFIGMAPS, Client, config_map, start, start_with_history, version};

async fn create(client: &Client, name: &str, label: &str) -> Value {
    let mut object = config_map(name, "1");
    object["metadata"]["labels"] = json!({ "mine": label });
    client.post(CONFIGMAPS, &object).await.expect(201)
}

async fn relabel(client: &Client, name: &str, label: &str) -> Value {
    let patch = json!({ "metadata": { "labels": { "mine": label } } });
    client.patch("merge", &format!("{CONFIGMAPS}/{name}"), &patch).await.expect(200)
}

#[tokio::test]
async fn a_watch_begins_with_what_is_there_and_goes_on() {
    let (_fixture, client) = start().await;
    create(&client, "a", "yes").await;
    let mut events = client.watch(CONFIGMAPS, "labelSelector=mine").await;
    assert_eq!(events.names(1).await, ["ADDED a"]);
    create(&client, "b", "yes").await;
    relabel(&client, "a", "still").await;
    let last = version(&client.get(&format!("{CONFIGMAPS}/a")).await.expect(200));
    client.delete(&format!("{CONFIGMAPS}/a"), &Value::Null).await.expect(200);
    assert_eq!(events.names(2).await, ["ADDED b", "MODIFIED a"]);
    let (kind, deleted) = events.next().await.unwrap();
    assert_eq!((kind.as_str(), &deleted["metadata"]["labels"]["mine"]), ("DELETED", &"still".into()));
    assert!(version(&deleted) > last, "a deletion has a version of its own");
    assert_eq!(deleted["kind"], "ConfigMap", "objects in events say what they are");
}

#[tokio::test]
async fn a_watch_from_a_version_tells_all_that_came_later() {
    let (_fixture, client) = start().await;
    let first = create(&client, "a", "yes").await;
    create(&client, "b", "yes").await;
    relabel(&client, "b", "again").await;
    let query = format!("labelSelector=mine&resourceVersion={}", version(&first));
    assert_eq!(client.watch(CONFIGMAPS, &query).await.names(2).await, ["ADDED b", "MODIFIED b"]);
}

#[tokio::test]
async fn an_object_that_stops_matching_is_deleted_as_it_was() {
    let (_fixture, client) = start().await;
    create(&client, "a", "yes").await;
    let mut events = client.watch(CONFIGMAPS, "labelSelector=mine%3Dyes").await;
    assert_eq!(events.names(1).await, ["ADDED a"]);
    let changed = relabel(&client, "a", "no").await;
    let (kind, object) = events.next().await.unwrap();
    assert_eq!((kind.as_str(), &object["metadata"]["labels"]["mine"]), ("DELETED", &"yes".into()));
    assert_eq!(version(&object), version(&changed));
    relabel(&client, "a", "yes").await;
    assert_eq!(events.names(1).await, ["ADDED a"]);
}

#[tokio::test]
async fn too_old_a_version_is_an_error_event_not_an_http_error() {
    let (_fixture, client) = start_with_history(3).await;
    for name in ["a", "b", "c", "d"] {
        create(&client, name, "yes").await;
    }
    let mut events = client.watch(CONFIGMAPS, "resourceVersion=1").await;
    assert_eq!(events.code, 200);
    let (kind, status) = events.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), &status["code"], &status["reason"]),
        ("ERROR", &410.into(), &"Expired".into())
    );
    assert!(events.next().await.is_none(), "the stream ends");
    // A watch that asks for the state first has no use for the old version.
    let query = "resourceVersion=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true\
                 &labelSelector=mine";
    let names = client.watch(CONFIGMAPS, query).await.names(4).await;
    assert_eq!(names, ["ADDED a", "ADDED b", "ADDED c", "ADDED d"]);
}

#[tokio::test]
async fn initial_events_end_with_an_annotated_bookmark() {
    let (_fixture, client) = start().await;
    let made = create(&client, "a", "yes").await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=mine";
    let mut events = client.watch(CONFIGMAPS, query).await;
    assert_eq!(events.names(1).await, ["ADDED a"]);
    let (kind, bookmark) = events.next().await.unwrap();
    assert_eq!(kind, "BOOKMARK");
    assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!((&bookmark["kind"], bookmark.get("data")), (&"ConfigMap".into(), None));
    assert!(version(&bookmark) >= version(&made));
    create(&client, "b", "yes").await;
    assert_eq!(events.names(1).await, ["ADDED b"]);
    let incomplete = client.get(&format!("{CONFIGMAPS}?watch=1&sendInitialEvents=true")).await;
    incomplete.refused(422, "Invalid");
}

#[tokio::test]
async fn a_watch_ends_cleanly_after_its_timeout_and_when_the_cluster_stops() {
    let (fixture, client) = start().await;
    let begun = Instant::now();
    let mut events = client.watch(CONFIGMAPS, "timeoutSeconds=1&labelSelector=mine").await;
    assert!(events.next().await.is_none());
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let mut events = client.watch(CONFIGMAPS, "labelSelector=mine").await;
    let begun = Instant::now();
    let (ended, stopped) = tokio::join!(events.next(), fixture.cluster.stop());
    stopped.unwrap();
    assert!(ended.is_none());
    assert!(begun.elapsed() < Duration::from_secs(2), "an open watch does not hold up the stop");
}

#[tokio::test]
async fn only_the_first_table_of_a_watch_defines_columns() {
    let (_fixture, client) = start().await;
    create(&client, "a", "yes").await;
    create(&client, "b", "yes").await;
    let path = format!("{CONFIGMAPS}?watch=1&labelSelector=mine&timeoutSeconds=1");
    let answer = client.get_as(&path, "application/json;as=Table;v=v1;g=meta.k8s.io").await;
    let tables: Vec<Value> = answer.text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(tables.len(), 2, "{}", answer.text);
    assert!(tables[0]["object"]["columnDefinitions"].is_array());
    assert!(tables[1]["object"]["columnDefinitions"].is_null());
    assert_eq!(tables[1]["object"]["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn an_event_arrives_within_milliseconds() {
    let (_fixture, client) = start().await;
    let mut events = client.watch(CONFIGMAPS, "labelSelector=mine").await;
    create(&client, "warm", "yes").await;
    events.names(1).await;
    let mut fastest = Duration::MAX;
    for n in 0..20 {
        let begun = Instant::now();
        create(&client, &format!("a{n}"), "yes").await;
        events.names(1).await;
        fastest = fastest.min(begun.elapsed());
    }
    // The fastest of twenty: the test measures the cluster, not what else the machine does.
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
}
