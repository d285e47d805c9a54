//! Server-side apply and who owns what.
use serde_json::{Value, json};

use super::{
    client::{Answer, CONFIGMAPS, Client, DEPLOYMENTS, start, version},
    fixture,
};

fn settings(data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data })
}

async fn apply(client: &Client, manager: &str, data: &Value, force: bool) -> Answer {
    let path = format!("{CONFIGMAPS}/a?fieldManager={manager}&force={force}");
    client.patch("apply", &path, &settings(data)).await
}

/// What a manager owns, as `FieldsV1`.
fn owned<'a>(object: &'a Value, manager: &str) -> Option<&'a Value> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    entries.iter().find(|e| e["manager"] == manager).map(|e| &e["fieldsV1"])
}

#[tokio::test]
async fn the_first_apply_creates_and_the_same_again_changes_nothing() {
    let (_fixture, client) = start().await;
    let made = apply(&client, "one", &json!({ "a": "1" }), false).await.expect(201);
    assert_eq!(owned(&made, "one"), Some(&json!({ "f:data": { "f:a": {} } })));
    assert_eq!(made["metadata"]["managedFields"][0]["operation"], "Apply");
    let again = apply(&client, "one", &json!({ "a": "1" }), false).await.expect(200);
    assert_eq!(again, made);
    let unmanaged = client.patch("apply", &format!("{CONFIGMAPS}/a"), &settings(&json!({}))).await;
    unmanaged.refused(422, "Invalid");
}

#[tokio::test]
async fn another_managers_field_is_a_conflict_until_forced() {
    let (_fixture, client) = start().await;
    apply(&client, "one", &json!({ "a": "1", "b": "1" }), false).await.expect(201);
    let shared = apply(&client, "two", &json!({ "b": "1" }), false).await.expect(200);
    assert!(
        owned(&shared, "one").unwrap()["f:data"].get("f:b").is_some(),
        "the same value is shared: {shared}"
    );
    let refused = apply(&client, "two", &json!({ "a": "2", "b": "1" }), false).await;
    let causes = refused.body["details"]["causes"].clone();
    assert_eq!(
        causes,
        json!([{ "reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.a" }])
    );
    refused.refused(409, "Conflict");
    let forced = apply(&client, "two", &json!({ "a": "2", "b": "1" }), true).await.expect(200);
    assert_eq!(forced["data"]["a"], "2");
    assert_eq!(owned(&forced, "one"), Some(&json!({ "f:data": { "f:b": {} } })));
}

#[tokio::test]
async fn a_field_no_longer_applied_goes_unless_another_owns_it() {
    let (_fixture, client) = start().await;
    apply(&client, "one", &json!({ "a": "1", "b": "1", "c": "1" }), false).await.expect(201);
    apply(&client, "two", &json!({ "b": "1" }), false).await.expect(200);
    let left = apply(&client, "one", &json!({ "c": "1" }), false).await.expect(200);
    assert_eq!(left["data"], json!({ "b": "1", "c": "1" }));
    let none = apply(&client, "two", &json!({}), false).await.expect(200);
    assert_eq!(none["data"], json!({ "c": "1" }));
    assert_eq!(owned(&none, "two").and_then(|f| f["f:data"].get("f:b")), None);
}

#[tokio::test]
async fn other_writes_own_what_they_change() {
    let (_fixture, client) = start().await;
    apply(&client, "one", &json!({ "a": "1", "b": "1" }), false).await.expect(201);
    let path = format!("{CONFIGMAPS}/a?fieldManager=editor");
    let edited = client.patch("merge", &path, &json!({ "data": { "a": "2" } })).await.expect(200);
    assert_eq!(owned(&edited, "editor"), Some(&json!({ "f:data": { "f:a": {} } })));
    assert_eq!(owned(&edited, "one"), Some(&json!({ "f:data": { "f:b": {} } })));
    let message = apply(&client, "one", &json!({ "a": "1", "b": "1" }), false).await.refused(409, "Conflict");
    assert_eq!(message, "Apply failed with 1 conflict: conflict with \"editor\": .data.a");
    // A replace that leaves the list of owners out does not clear it.
    let replaced = client.put(&path, &settings(&json!({ "a": "2", "b": "1" }))).await.expect(200);
    assert_eq!(version(&replaced), version(&edited));
}

#[tokio::test]
async fn lists_with_keys_are_merged_item_by_item() {
    let (_fixture, client) = start().await;
    let path = |manager: &str| format!("{DEPLOYMENTS}/a?fieldManager={manager}");
    let mut whole = fixture::deployment("a", 0);
    whole["apiVersion"] = "apps/v1".into();
    whole["kind"] = "Deployment".into();
    whole["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "A", "value": "1" }]);
    client.patch("apply", &path("one"), &whole).await.expect(201);
    let part = |env: Value| {
        let containers = json!([{ "name": "main", "env": env }]);
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" },
                "spec": { "template": { "spec": { "containers": containers } } } })
    };
    let both =
        client.patch("apply", &path("two"), &part(json!([{ "name": "B", "value": "2" }]))).await.expect(200);
    let container = &both["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"], json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }]));
    assert_eq!(container["image"], "inkstone.local/sh");
    let refused = client.patch("apply", &path("two"), &part(json!([{ "name": "A", "value": "2" }]))).await;
    let field = &refused.body["details"]["causes"][0]["field"];
    assert_eq!(field, ".spec.template.spec.containers[name=\"main\"].env[name=\"A\"].value");
    let without = client.patch("apply", &path("two"), &part(json!([]))).await.expect(200);
    let container = &without["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"], json!([{ "name": "A", "value": "1" }]));
    assert_eq!(container["image"], "inkstone.local/sh", "the container itself stays the first manager's");
}

#[tokio::test]
async fn a_version_in_what_is_applied_is_a_precondition() {
    let (_fixture, client) = start().await;
    let made = apply(&client, "one", &json!({ "a": "1" }), false).await.expect(201);
    let path = format!("{CONFIGMAPS}/a?fieldManager=one");
    let mut versioned = settings(&json!({ "a": "2" }));
    versioned["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    client.patch("apply", &path, &versioned).await.expect(200);
    versioned["data"]["a"] = "3".into();
    client.patch("apply", &path, &versioned).await.refused(409, "Conflict");
}
