//! Create, replace, patch, delete, scale.
use serde_json::{Value, json};

use super::{
    client::{Answer, CONFIGMAPS, DEPLOYMENTS, config_map, start, version},
    fixture,
};

fn at(name: &str) -> String {
    format!("{CONFIGMAPS}/{name}")
}

/// A deployment of no pods.
fn deployment(name: &str) -> Value {
    fixture::deployment(name, 0)
}

#[tokio::test]
async fn a_created_object_gets_what_the_server_sets() {
    let (_fixture, client) = start().await;
    let made = client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    let metadata = &made["metadata"];
    assert_eq!((&metadata["namespace"], metadata.get("generation")), (&"default".into(), None));
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert!(metadata["creationTimestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(metadata["managedFields"][0]["operation"], "Update");
    let again = client.post(CONFIGMAPS, &config_map("a", "2")).await;
    assert_eq!(again.body["details"]["kind"], "configmaps");
    again.refused(409, "AlreadyExists");

    let mut unnamed = config_map("", "1");
    unnamed["metadata"] = json!({ "generateName": "gen-" });
    let names: Vec<_> = [
        client.post(CONFIGMAPS, &unnamed).await.expect(201),
        client.post(CONFIGMAPS, &unnamed).await.expect(201),
    ]
    .iter()
    .map(|o| o["metadata"]["name"].as_str().unwrap().to_owned())
    .collect();
    assert!(names[0] != names[1] && names.iter().all(|n| n.len() == 9 && n.starts_with("gen-")), "{names:?}");
}

#[tokio::test]
async fn wrong_objects_are_refused_with_the_field() {
    let (_fixture, client) = start().await;
    let mut unmatched = deployment("a");
    unmatched["spec"]["template"]["metadata"]["labels"] = json!({ "app": "other" });
    let mut odd_type = deployment("a");
    odd_type["spec"]["replicas"] = "many".into();
    let mut unmounted = deployment("a");
    unmounted["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
        json!([{ "name": "x", "mountPath": "/x" }]);
    let with_volumes = |names: [&str; 2]| {
        let mut deployment = deployment("a");
        deployment["spec"]["template"]["spec"]["volumes"] =
            names.iter().map(|name| json!({ "name": name, "emptyDir": {} })).collect();
        deployment
    };
    let mut elsewhere = config_map("a", "1");
    elsewhere["metadata"]["namespace"] = "kube-system".into();
    for (path, body, code, reason, says) in [
        (DEPLOYMENTS, unmatched, 422, "Invalid", "spec.template.metadata.labels"),
        (DEPLOYMENTS, odd_type, 400, "BadRequest", "spec.replicas"),
        (DEPLOYMENTS, unmounted, 422, "Invalid", "volumeMounts[0].name: Not found"),
        (DEPLOYMENTS, with_volumes(["ok", "../../out"]), 422, "Invalid", "volumes[1].name: Invalid value"),
        (DEPLOYMENTS, with_volumes(["a", "a"]), 422, "Invalid", "volumes[1].name: Duplicate value"),
        (CONFIGMAPS, config_map("Not_A_Name", "1"), 422, "Invalid", "metadata.name"),
        (CONFIGMAPS, json!({ "metadata": {} }), 422, "Invalid", "name or generateName"),
        (
            CONFIGMAPS,
            json!({ "kind": "Secret", "metadata": { "name": "a" } }),
            400,
            "BadRequest",
            "ConfigMap",
        ),
        (
            CONFIGMAPS,
            json!({ "metadata": { "name": "a" }, "data": { "a/b": "" } }),
            422,
            "Invalid",
            "data[a/b]",
        ),
        (CONFIGMAPS, elsewhere, 400, "BadRequest", "namespace"),
        ("/api/v1/namespaces/none/configmaps", config_map("a", "1"), 404, "NotFound", "namespaces \"none\""),
    ] {
        let message = client.post(path, &body).await.refused(code, reason);
        assert!(message.contains(says), "{says:?} is not in {message:?}");
    }
}

#[tokio::test]
async fn bodies_of_other_formats_are_refused_and_yaml_is_read() {
    let (_fixture, client) = start().await;
    let send = |media: &str, body: &'static str| {
        let request = client.request(reqwest::Method::POST, CONFIGMAPS);
        Answer::of(request.header("content-type", media.to_owned()).body(body))
    };
    let yaml = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: y}\ndata: {a: |\n  x = 1\n}\n";
    let yaml_block = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: y}\ndata:\n  a: |\n    x = 1\n";
    assert_eq!(send("application/yaml", yaml_block).await.expect(201)["data"]["a"], "x = 1\n");
    send("application/yaml", yaml).await.refused(400, "BadRequest");
    let message =
        send("application/vnd.kubernetes.protobuf", "k8s\0...").await.refused(415, "UnsupportedMediaType");
    assert!(message.contains("kubectl apply -f"), "it says what to do: {message}");
    send("text/csv", "a,b").await.refused(415, "UnsupportedMediaType");
    send("application/json", "{").await.refused(400, "BadRequest");
    let huge = "x".repeat(4 << 20).leak();
    send("application/json", huge).await.refused(413, "RequestEntityTooLarge");
}

#[tokio::test]
async fn field_validation_refuses_warns_or_ignores() {
    let (_fixture, client) = start().await;
    let mut object = config_map("a", "1");
    object["dat"] = json!({ "x": "y" });
    let with = |mode: &str| format!("{CONFIGMAPS}?dryRun=All&fieldValidation={mode}");
    let message = client.post(&with("Strict"), &object).await.refused(400, "BadRequest");
    assert_eq!(message, "strict decoding error: unknown field \"dat\"");
    let warned = client.post(&with("Warn"), &object).await;
    assert_eq!(warned.headers["warning"], "299 - \"unknown field \\\"dat\\\"\"");
    assert!(warned.expect(201).get("dat").is_none(), "an unknown field is not kept");
    let ignored = client.post(&with("Ignore"), &object).await;
    assert!(!ignored.headers.contains_key("warning"));
}

#[tokio::test]
async fn a_dry_run_answers_and_keeps_nothing() {
    let (_fixture, client) = start().await;
    let tried = client.post(&format!("{CONFIGMAPS}?dryRun=All"), &config_map("a", "1")).await.expect(201);
    assert!(tried["metadata"].get("resourceVersion").is_none(), "{tried}");
    client.get(&at("a")).await.refused(404, "NotFound");
    client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    let patch = json!({ "data": { "a": "2" } });
    let tried = client.patch("merge", &format!("{}?dryRun=All", at("a")), &patch).await.expect(200);
    assert_eq!(tried["data"]["a"], "2");
    client.delete(&format!("{}?dryRun=All", at("a")), &Value::Null).await.expect(200);
    assert_eq!(client.get(&at("a")).await.expect(200)["data"]["a"], "1");
    client.delete(&format!("{}?dryRun=Some", at("a")), &Value::Null).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_stale_replace_is_a_conflict_and_an_unchanged_one_no_write() {
    let (_fixture, client) = start().await;
    let first = client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    let same = client.put(&at("a"), &first).await.expect(200);
    assert_eq!(version(&same), version(&first), "nothing changed");
    let second = client.put(&at("a"), &config_map("a", "2")).await.expect(200);
    assert!(version(&second) > version(&first));
    assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
    let mut stale = first.clone();
    stale["data"]["a"] = "3".into();
    let message = client.put(&at("a"), &stale).await.refused(409, "Conflict");
    assert!(message.ends_with("please apply your changes to the latest version and try again"), "{message}");
    let mut other = config_map("a", "3");
    other["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000".into();
    client.put(&at("a"), &other).await.refused(409, "Conflict");
    client.put(&at("none"), &config_map("none", "1")).await.refused(404, "NotFound");
    client.put(&at("a"), &config_map("b", "1")).await.refused(400, "BadRequest");
    let lease = json!({ "metadata": { "name": "l" }, "spec": { "holderIdentity": "me" } });
    client.put("/apis/coordination.k8s.io/v1/namespaces/default/leases/l", &lease).await.expect(201);
}

#[tokio::test]
async fn patches_of_each_kind_change_the_object() {
    let (_fixture, client) = start().await;
    client.post(DEPLOYMENTS, &deployment("a")).await.expect(201);
    let path = format!("{DEPLOYMENTS}/a");
    let json_patch = json!([{ "op": "test", "path": "/spec/replicas", "value": 0 },
                            { "op": "add", "path": "/metadata/labels", "value": { "a": "b" } }]);
    assert_eq!(client.patch("json", &path, &json_patch).await.expect(200)["metadata"]["labels"]["a"], "b");
    let failed = json!([{ "op": "test", "path": "/spec/replicas", "value": 5 }]);
    client.patch("json", &path, &failed).await.refused(422, "Invalid");
    let merge = json!({ "metadata": { "labels": { "a": null } } });
    assert!(client.patch("merge", &path, &merge).await.expect(200)["metadata"]["labels"].get("a").is_none());
    let strategic = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main", "env": [{ "name": "A", "value": "1" }] }] } } } });
    let patched = client.patch("strategic-merge", &path, &strategic).await.expect(200);
    let container = &patched["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        (&container["env"][0]["name"], &container["image"]),
        (&"A".into(), &"inkstone.local/sh".into())
    );
    assert_eq!(patched["metadata"]["generation"], 2, "a change of the spec is counted");
    let stale = json!({ "metadata": { "resourceVersion": "2" }, "spec": { "paused": true } });
    client.patch("merge", &path, &stale).await.refused(409, "Conflict");
    let reselected = json!({ "spec": { "selector": { "matchLabels": { "app": "b" } } } });
    let message = client.patch("merge", &path, &reselected).await.refused(422, "Invalid");
    assert!(message.contains("spec.selector"), "{message}");
    client.patch("odd", &path, &merge).await.refused(415, "UnsupportedMediaType");
    client.patch("merge", &format!("{DEPLOYMENTS}/none"), &merge).await.refused(404, "NotFound");
}

#[tokio::test]
async fn status_and_spec_are_written_apart() {
    let (_fixture, client) = start().await;
    let spec = json!({ "podCIDR": "10.0.0.0/8" });
    let node = json!({ "metadata": { "name": "elsewhere" }, "spec": spec, "status": { "phase": "ignored" } });
    let made = client.post("/api/v1/nodes", &node).await.expect(201);
    assert!(made["status"].get("phase").is_none(), "{made}");
    let both = json!({ "spec": { "unschedulable": true }, "status": { "phase": "Running" } });
    let status = client.patch("merge", "/api/v1/nodes/elsewhere/status", &both).await.expect(200);
    assert_eq!((&status["status"]["phase"], status["spec"].get("unschedulable")), (&"Running".into(), None));
    let main = json!({ "spec": { "unschedulable": true }, "status": { "phase": "Terminated" } });
    let main = client.patch("merge", "/api/v1/nodes/elsewhere", &main).await.expect(200);
    assert_eq!((&main["status"]["phase"], &main["spec"]["unschedulable"]), (&"Running".into(), &true.into()));
}

#[tokio::test]
async fn scale_reads_and_sets_replicas_alone() {
    let (_fixture, client) = start().await;
    client.post(DEPLOYMENTS, &deployment("a")).await.expect(201);
    let path = format!("{DEPLOYMENTS}/a/scale");
    let scale = client.get(&path).await.expect(200);
    assert_eq!((&scale["kind"], &scale["status"]["selector"]), (&"Scale".into(), &"app=a".into()));
    let scaled = client.patch("merge", &path, &json!({ "spec": { "replicas": 2 } })).await.expect(200);
    assert_eq!(scaled["spec"]["replicas"], 2);
    client.put(&path, &scale).await.refused(409, "Conflict");
    client.patch("merge", &path, &json!({ "spec": { "replicas": -1 } })).await.refused(422, "Invalid");
    assert_eq!(client.get(&format!("{DEPLOYMENTS}/a")).await.expect(200)["spec"]["replicas"], 2);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_gone() {
    let (_fixture, client) = start().await;
    let mut held = config_map("a", "1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    client.post(CONFIGMAPS, &held).await.expect(201);
    let marked = client.delete(&at("a"), &Value::Null).await.expect(200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    let more = json!({ "metadata": { "finalizers": ["example.com/hold", "example.com/late"] } });
    client.patch("merge", &at("a"), &more).await.refused(422, "Invalid");
    client.patch("merge", &at("a"), &json!({ "metadata": { "finalizers": null } })).await.expect(200);
    client.get(&at("a")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn deletions_have_preconditions_and_answer_what_was_deleted() {
    let (_fixture, client) = start().await;
    let made = client.post(CONFIGMAPS, &config_map("a", "1")).await.expect(201);
    let unlike = json!({ "preconditions": { "uid": "other" } });
    client.delete(&at("a"), &unlike).await.refused(409, "Conflict");
    let like = json!({ "preconditions": { "uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"] } });
    let status = client.delete(&at("a"), &like).await.expect(200);
    assert_eq!((&status["status"], &status["details"]["uid"]), (&"Success".into(), &made["metadata"]["uid"]));
    for name in ["b", "c"] {
        let mut object = config_map(name, "1");
        object["metadata"]["labels"] = json!({ "mine": "yes" });
        client.post(CONFIGMAPS, &object).await.expect(201);
    }
    let deleted = client.delete(&format!("{CONFIGMAPS}?labelSelector=mine"), &Value::Null).await.expect(200);
    assert_eq!(deleted["items"].as_array().unwrap().len(), 2);
    client.get(&at("b")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let (_fixture, client) = start().await;
    let made = client.post(DEPLOYMENTS, &deployment("a")).await.expect(201);
    let spec = &made["spec"];
    assert_eq!(spec["strategy"]["rollingUpdate"], json!({ "maxUnavailable": "25%", "maxSurge": "25%" }));
    assert_eq!((&spec["revisionHistoryLimit"], &spec["progressDeadlineSeconds"]), (&10.into(), &600.into()));
    assert_eq!(spec["template"]["spec"]["restartPolicy"], "Always");
    let service = json!({ "metadata": { "name": "s" }, "spec": { "selector": { "app": "a" }, "ports": [{ "port": 80 }] } });
    let service = client.post("/api/v1/namespaces/default/services", &service).await.expect(201);
    assert_eq!(service["spec"]["ports"][0], json!({ "port": 80, "protocol": "TCP", "targetPort": 80 }));
    assert!(service["spec"]["clusterIP"].as_str().unwrap().starts_with("127."), "{service}");
    let secret = json!({ "metadata": { "name": "x" }, "stringData": { "token": "t" } });
    let secret = client.post("/api/v1/namespaces/default/secrets", &secret).await.expect(201);
    assert_eq!((&secret["data"]["token"], secret.get("stringData")), (&"dA==".into(), None));
    assert_eq!(secret["type"], "Opaque");
}
