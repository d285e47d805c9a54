//! A request of any content to the cluster's API is answered: with what was asked for, or with a refusal that is the
//! client's fault. Nothing that is written is kept, so each request meets the same objects.
//!
//! The first line of the input is `METHOD target content-type accept`, the rest is the body.
#![no_main]

use std::sync::LazyLock;

use inkstone_cluster::{
    fuzzing::{Call, Tried},
    store::{CONFIGMAPS, DEPLOYMENTS, NAMESPACES, Object, PODS, Resource, SERVICES},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime starts"));
static API: LazyLock<Tried> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("there is room for a directory").keep();
    Tried::new(&dir, objects()).expect("the objects are whole")
});

fuzz_target!(|input: &str| {
    let (head, body) = input.split_once('\n').unwrap_or((input, ""));
    let mut words = head.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let call = Call { method: word(), target: word(), content: word(), accept: word(), body };
    let Some((status, begin)) = RUNTIME.block_on(API.call(call)) else { return };
    let text = String::from_utf8_lossy(&begin);
    assert!(status.as_u16() < 500 || matches!(status.as_u16(), 501 | 504), "{status}: {text}");
    if status.is_client_error() && text.starts_with('{') {
        let refusal: Value = serde_json::from_str(&text).expect("a refusal is JSON");
        assert_eq!((&refusal["kind"], &refusal["code"]), (&json!("Status"), &json!(status.as_u16())));
        assert!(refusal["message"].as_str().is_some_and(|message| !message.is_empty()), "{refusal}");
    }
});

/// Objects with lists that are merged by keys, with sets, and with fields that two managers own.
fn objects() -> Vec<(&'static Resource, Object)> {
    let labels = json!({ "app": "a", "tier": "2" });
    let spec = json!({
        "nodeName": "node",
        "containers": [
            { "name": "a", "image": "x", "args": ["1"], "env": [{ "name": "A", "value": "1" }],
              "ports": [{ "containerPort": 80, "name": "http" }], "volumeMounts": [{ "name": "v", "mountPath": "/v" }] },
            { "name": "b", "image": "x", "resources": { "limits": { "cpu": "1" } } },
        ],
        "volumes": [{ "name": "v", "configMap": { "name": "a" } }],
    });
    let owner = |manager: &str, operation: &str, fields: Value| {
        json!({ "manager": manager, "operation": operation, "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": fields })
    };
    let meta = |managed: Value| json!({ "name": "a", "namespace": "default", "labels": labels, "finalizers": ["a/b", "c/d"], "managedFields": managed });
    let replicas = json!({ "f:spec": { "f:replicas": {}, "f:template": { "f:spec": { "f:containers": {
        "k:{\"name\":\"a\"}": { ".": {}, "f:image": {}, "f:name": {}, "f:env": { "k:{\"name\":\"A\"}": { ".": {}, "f:value": {} } } },
    } } } } });
    let data = json!({ "f:data": { "f:a": {} }, "f:metadata": { "f:finalizers": { "v:\"a/b\"": {} } } });
    let mut template = spec.clone();
    template.as_object_mut().map(|spec| spec.remove("nodeName"));
    vec![
        (NAMESPACES, json!({ "metadata": { "name": "default" } })),
        (
            CONFIGMAPS,
            json!({ "metadata": meta(json!([owner("x", "Apply", data.clone()), owner("y", "Update", data)])),
                             "data": { "a": "1", "b": "2" } }),
        ),
        (PODS, json!({ "metadata": meta(json!([])), "spec": spec })),
        (
            DEPLOYMENTS,
            json!({ "metadata": meta(json!([owner("x", "Apply", replicas)])),
                              "spec": { "replicas": 2, "selector": { "matchLabels": labels },
                                        "template": { "metadata": { "labels": labels }, "spec": template } } }),
        ),
        (
            SERVICES,
            json!({ "metadata": meta(json!([])), "spec": { "selector": labels, "ports": [{ "port": 80 }] } }),
        ),
    ]
}
