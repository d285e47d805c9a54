//! Get and list.
use serde_json::{Value, json};

use super::client::{CONFIGMAPS, Client, DEPLOYMENTS, config_map, start, start_with_history, version};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|o| o["metadata"]["name"].as_str().unwrap()).collect()
}

async fn create(client: &Client, names: &[&str]) {
    for name in names {
        client.post(CONFIGMAPS, &config_map(name, "1")).await.expect(201);
    }
}

/// The ConfigMaps that the test made: every namespace has one of its own.
const MINE: &str = "labelSelector=mine";

async fn create_mine(client: &Client, names: &[&str]) {
    for name in names {
        let mut object = config_map(name, "1");
        object["metadata"]["labels"] = json!({ "mine": "yes", "name": name });
        client.post(CONFIGMAPS, &object).await.expect(201);
    }
}

#[tokio::test]
async fn a_list_has_the_stores_version_and_items_without_kind() {
    let (_fixture, client) = start().await;
    create_mine(&client, &["b", "a"]).await;
    let list = client.get(&format!("{CONFIGMAPS}?{MINE}")).await.expect(200);
    assert_eq!((&list["kind"], &list["apiVersion"]), (&"ConfigMapList".into(), &"v1".into()));
    assert_eq!(names(&list), ["a", "b"]);
    assert!(list["items"][0].get("kind").is_none(), "{list}");
    let newest = version(&client.get(&format!("{CONFIGMAPS}/a")).await.expect(200));
    assert!(version(&list) >= newest, "{list}");
    let all = client.get(&format!("/api/v1/configmaps?{MINE}")).await.expect(200);
    assert_eq!(names(&all), ["a", "b"], "over all namespaces");
}

#[tokio::test]
async fn selectors_narrow_a_list_and_wrong_ones_are_refused() {
    let (_fixture, client) = start().await;
    create_mine(&client, &["a", "b", "c"]).await;
    for (query, expected) in [
        ("labelSelector=name%3Da", vec!["a"]),
        ("labelSelector=name+in+(a,b),mine", vec!["a", "b"]),
        ("labelSelector=mine,name!%3Da", vec!["b", "c"]),
        ("labelSelector=mine&fieldSelector=metadata.name!%3Da", vec!["b", "c"]),
        ("fieldSelector=metadata.name%3Dc", vec!["c"]),
    ] {
        let list = client.get(&format!("{CONFIGMAPS}?{query}")).await.expect(200);
        assert_eq!(names(&list), expected, "{query}");
    }
    for query in ["labelSelector=a+b", "fieldSelector=data.a%3D1", "limit=many", "resourceVersion=abc"] {
        client.get(&format!("{CONFIGMAPS}?{query}")).await.refused(400, "BadRequest");
    }
}

#[tokio::test]
async fn chunks_show_the_state_of_the_first_page() {
    let (_fixture, client) = start().await;
    create_mine(&client, &["a", "b", "c", "d"]).await;
    let first = client.get(&format!("{CONFIGMAPS}?{MINE}&limit=2")).await.expect(200);
    assert_eq!(names(&first), ["a", "b"]);
    assert!(first["metadata"].get("remainingItemCount").is_none(), "a selector hides how many remain");
    let unselected = client.get("/api/v1/namespaces?limit=1").await.expect(200);
    assert!(unselected["metadata"]["remainingItemCount"].as_u64().unwrap() >= 1, "{unselected}");

    client.delete(&format!("{CONFIGMAPS}/c"), &Value::Null).await.expect(200);
    create_mine(&client, &["e"]).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = client.get(&format!("{CONFIGMAPS}?{MINE}&limit=2&continue={token}")).await.expect(200);
    assert_eq!(names(&second), ["c", "d"], "what came and went since the first page does not show");
    assert_eq!(version(&second), version(&first));
    assert!(second["metadata"].get("continue").is_none());

    client.get(&format!("{CONFIGMAPS}?continue=nonsense")).await.refused(400, "BadRequest");
    let both = format!("{CONFIGMAPS}?continue={token}&resourceVersion=1");
    client.get(&both).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn an_expired_chunk_is_410_with_a_token_to_go_on() {
    let (_fixture, client) = start_with_history(3).await;
    create_mine(&client, &["a", "b", "c"]).await;
    let first = client.get(&format!("{CONFIGMAPS}?{MINE}&limit=1")).await.expect(200);
    create(&client, &["w", "x", "y", "z"]).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let expired = client.get(&format!("{CONFIGMAPS}?{MINE}&continue={token}")).await;
    let fresh = expired.body["metadata"]["continue"].as_str().unwrap().to_owned();
    expired.refused(410, "Expired");
    let rest = client.get(&format!("{CONFIGMAPS}?{MINE}&continue={fresh}")).await.expect(200);
    assert_eq!(names(&rest), ["b", "c"]);
}

#[tokio::test]
async fn a_version_can_be_asked_for_exactly_or_at_least() {
    let (_fixture, client) = start().await;
    let made = client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    client.delete(&format!("{CONFIGMAPS}/a"), &Value::Null).await.expect(200);
    let query = |extra: &str| format!("{CONFIGMAPS}?fieldSelector=metadata.name%3Da&{extra}");
    let then = version(&made);
    let exact =
        client.get(&query(&format!("resourceVersion={then}&resourceVersionMatch=Exact"))).await.expect(200);
    assert_eq!((names(&exact), version(&exact)), (vec!["a"], then));
    let newer = client.get(&query(&format!("resourceVersion={then}"))).await.expect(200);
    assert_eq!(names(&newer), Vec::<&str>::new());
    client.get(&query("resourceVersionMatch=Exact")).await.refused(422, "Invalid");
    let future = client.get(&query("resourceVersion=1000000")).await;
    assert_eq!(future.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
    future.refused(504, "Timeout");
}

#[tokio::test]
async fn tables_and_partial_objects_are_given_when_asked_for() {
    let (_fixture, client) = start().await;
    create_mine(&client, &["a"]).await;
    let path = format!("{CONFIGMAPS}?{MINE}");
    let table = client
        .get_as(&path, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .await
        .expect(200);
    let columns: Vec<_> = table["columnDefinitions"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(columns, ["Name", "Data", "Age"]);
    let row = &table["rows"][0];
    assert_eq!((&row["cells"][0], &row["cells"][1]), (&"a".into(), &1.into()));
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    let bare = client
        .get_as(&format!("{path}&includeObject=None"), "application/json;as=Table;v=v1")
        .await
        .expect(200);
    assert!(bare["rows"][0].get("object").is_none());
    let partial =
        client.get_as(&path, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").await;
    let partial = partial.expect(200);
    assert_eq!(partial["kind"], "PartialObjectMetadataList");
    assert!(partial["items"][0].get("data").is_none(), "{partial}");
    client.get_as(&path, "application/vnd.kubernetes.protobuf").await.refused(406, "NotAcceptable");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let (_fixture, client) = start().await;
    let message = client.get(&format!("{DEPLOYMENTS}/none")).await.refused(404, "NotFound");
    assert_eq!(message, "deployments.apps \"none\" not found");
    let unknown = client.get("/apis/batch/v1/jobs").await;
    assert_eq!((unknown.code, unknown.text.as_str()), (404, "404 page not found\n"));
}
