//! What an object says when its author left it out: the defaults that clients and controllers read.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rand::Rng;
use serde_json::{Map, Value, json};

use super::{
    Resource,
    object::{self, Object, table_mut},
};

/// Service addresses are `127.32.x.y`: loopback like the pods' own, and apart from them.
pub const SERVICE_NETWORK: [u8; 2] = [127, 32];

/// What is set once, when the object is created; later writers may change it.
pub(super) fn begin(resource: &Resource, object: &mut Object) {
    match resource.plural {
        "namespaces" => {
            let name = object::name(object).to_owned();
            put(table_mut(&mut object["metadata"], "labels"), "kubernetes.io/metadata.name", name);
            put(table_mut(object, "spec"), "finalizers", json!(["kubernetes"]));
            object["status"] = json!({ "phase": "Active" });
        }
        "pods" => {
            object["status"] = json!({ "phase": "Pending", "qosClass": "BestEffort" });
            let spec = table_mut(object, "spec");
            let account = spec.get("serviceAccountName").cloned().unwrap_or_else(|| "default".into());
            put(spec, "serviceAccountName", account.clone());
            put(spec, "serviceAccount", account);
            put(spec, "enableServiceLinks", true);
            put(spec, "preemptionPolicy", "PreemptLowerPriority");
            put(spec, "priority", 0);
        }
        "deployments" | "nodes" => object["status"] = json!({}),
        "replicasets" => object["status"] = json!({ "replicas": 0 }),
        "services" => object["status"] = json!({ "loadBalancer": {} }),
        _ => {}
    }
}

/// What the server gave and a writer may leave out.
pub(super) fn carry(resource: &Resource, old: &Object, new: &mut Object) {
    if resource.plural != "services" || new["spec"]["type"] == "ExternalName" {
        return;
    }
    let spec = table_mut(new, "spec");
    for given in ["clusterIP", "clusterIPs"] {
        if let Some(value) = old["spec"].get(given) {
            put(spec, given, value.clone());
        }
    }
}

/// What holds after every write.
pub(crate) fn complete(resource: &Resource, object: &mut Object) {
    match resource.plural {
        "pods" => pod_spec(&mut object["spec"]),
        "deployments" => deployment(table_mut(object, "spec")),
        "replicasets" => {
            let spec = table_mut(object, "spec");
            put(spec, "replicas", 1);
            template(spec);
        }
        "services" => service(table_mut(object, "spec")),
        "secrets" => secret(object),
        "endpointslices" => {
            if object["endpoints"].is_null() {
                object["endpoints"] = json!([]);
            }
            for port in object.get_mut("ports").map(each).into_iter().flatten() {
                put(port, "name", "");
                put(port, "protocol", "TCP");
            }
        }
        "events" => {
            let event = object.as_object_mut().expect("an object is a table");
            put(event, "source", json!({}));
            put(event, "reportingComponent", "");
            put(event, "reportingInstance", "");
        }
        _ => {}
    }
}

/// Gives a service an address that no other has.
pub(super) fn cluster_ip(object: &mut Object, taken: impl Fn(&str) -> bool) {
    let spec = table_mut(object, "spec");
    if spec.get("type").is_some_and(|t| t == "ExternalName") {
        return;
    }
    let asked = spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default();
    let ip = if asked.is_empty() { free_ip(taken) } else { asked.to_owned() };
    spec.insert("clusterIP".into(), ip.clone().into());
    spec.insert("clusterIPs".into(), json!([ip]));
}

fn free_ip(taken: impl Fn(&str) -> bool) -> String {
    let mut random = rand::rng();
    loop {
        let [a, b] = SERVICE_NETWORK;
        let ip = format!("{a}.{b}.{}.{}", random.random_range(0..=255_u8), random.random_range(1..=254_u8));
        if !taken(&ip) {
            return ip;
        }
    }
}

/// Sets `key` unless it is there.
fn put(table: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    let slot = table.entry(key).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value.into();
    }
}

fn each(list: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut)
}

fn deployment(spec: &mut Map<String, Value>) {
    put(spec, "replicas", 1);
    put(spec, "revisionHistoryLimit", 10);
    put(spec, "progressDeadlineSeconds", 600);
    put(spec, "strategy", json!({}));
    let strategy = table(spec, "strategy");
    put(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        put(strategy, "rollingUpdate", json!({}));
        let rolling = table(strategy, "rollingUpdate");
        put(rolling, "maxUnavailable", "25%");
        put(rolling, "maxSurge", "25%");
    }
    template(spec);
}

fn template(spec: &mut Map<String, Value>) {
    put(spec, "template", json!({}));
    let template = table(spec, "template");
    let metadata = table(template, "metadata");
    put(metadata, "creationTimestamp", Value::Null);
    metadata.shift_remove("creationTimestamp");
    table(template, "spec");
    pod_spec(&mut spec["template"]["spec"]);
}

fn table<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = parent.entry(key).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = json!({});
    }
    slot.as_object_mut().expect("it was made a table just now")
}

fn pod_spec(spec: &mut Value) {
    let Some(pod) = spec.as_object_mut() else { return };
    put(pod, "restartPolicy", "Always");
    put(pod, "terminationGracePeriodSeconds", 30);
    put(pod, "dnsPolicy", "ClusterFirst");
    put(pod, "securityContext", json!({}));
    put(pod, "schedulerName", "default-scheduler");
    for list in ["containers", "initContainers"] {
        pod.get_mut(list).map(each).into_iter().flatten().for_each(container);
    }
    pod.get_mut("volumes").map(each).into_iter().flatten().for_each(volume);
}

fn container(container: &mut Map<String, Value>) {
    put(container, "resources", json!({}));
    put(container, "terminationMessagePath", "/dev/termination-log");
    put(container, "terminationMessagePolicy", "File");
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("latest", |(_, tag)| tag);
    let floating = tag == "latest" && !image.contains('@');
    put(container, "imagePullPolicy", if floating { "Always" } else { "IfNotPresent" });
    for port in container.get_mut("ports").map(each).into_iter().flatten() {
        put(port, "protocol", "TCP");
    }
    for variable in container.get_mut("env").map(each).into_iter().flatten() {
        if let Some(Value::Object(field)) = variable.get_mut("valueFrom").and_then(|v| v.get_mut("fieldRef"))
        {
            put(field, "apiVersion", "v1");
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(Value::Object(found)) = container.get_mut(name) {
            probe(found);
        }
    }
}

fn probe(probe: &mut Map<String, Value>) {
    put(probe, "timeoutSeconds", 1);
    put(probe, "periodSeconds", 10);
    put(probe, "successThreshold", 1);
    put(probe, "failureThreshold", 3);
    if let Some(Value::Object(get)) = probe.get_mut("httpGet") {
        put(get, "path", "/");
        put(get, "scheme", "HTTP");
    }
    if let Some(Value::Object(grpc)) = probe.get_mut("grpc") {
        put(grpc, "service", "");
    }
}

fn volume(volume: &mut Map<String, Value>) {
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        if let Some(Value::Object(found)) = volume.get_mut(source) {
            put(found, "defaultMode", 0o644);
        }
    }
    if let Some(Value::Object(path)) = volume.get_mut("hostPath") {
        put(path, "type", "");
    }
}

fn service(spec: &mut Map<String, Value>) {
    put(spec, "type", "ClusterIP");
    put(spec, "sessionAffinity", "None");
    if spec["type"] != "ExternalName" {
        put(spec, "internalTrafficPolicy", "Cluster");
        put(spec, "ipFamilies", json!(["IPv4"]));
        put(spec, "ipFamilyPolicy", "SingleStack");
    }
    for port in spec.get_mut("ports").map(each).into_iter().flatten() {
        put(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_default();
        put(port, "targetPort", number);
    }
}

/// `stringData` is for writing only: it ends up, encoded, in `data`.
fn secret(object: &mut Object) {
    let secret = object.as_object_mut().expect("an object is a table");
    put(secret, "type", "Opaque");
    let Some(Value::Object(plain)) = secret.shift_remove("stringData") else {
        return;
    };
    let data = table(secret, "data");
    for (key, value) in plain {
        let encoded = BASE64.encode(value.as_str().unwrap_or_default());
        data.insert(key, encoded.into());
    }
}
