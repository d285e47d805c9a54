//! Tables: the cells that `kubectl get` prints.

mod age;
mod pod;

use serde_json::{Value, json};

use self::age::{age, since};
use super::{answer::partial, scale::selector_text};
use crate::store::{ApiError, Object, Resource, object};

/// How much of the object comes with its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(ApiError::bad_request(format!(
                "invalid includeObject {other:?}: it must be None, Metadata or Object"
            ))),
        }
    }
}

/// A column: its name, and whether only `-o wide` shows it.
struct Column(&'static str, bool);

const fn column(name: &'static str) -> Column {
    Column(name, false)
}

const fn wide(name: &'static str) -> Column {
    Column(name, true)
}

/// The rows of the objects. In a watch only the first table defines the columns.
pub(super) fn table<'a>(
    resource: &Resource,
    objects: impl Iterator<Item = &'a Object>,
    metadata: &Value,
    include: Include,
    define: bool,
) -> Value {
    let (columns, cells) = of(resource);
    let rows: Vec<_> = objects
        .map(|object| {
            let mut row = json!({ "cells": cells(object) });
            match include {
                Include::None => {}
                Include::Metadata => row["object"] = partial(object),
                Include::Object => row["object"] = object.clone(),
            }
            row
        })
        .collect();
    let definitions = if define { columns.iter().map(define_column).collect() } else { Value::Null };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn define_column(Column(name, wide): &Column) -> Value {
    let kind = if NUMBERS.contains(name) { "integer" } else { "string" };
    json!({
        "name": name,
        "type": kind,
        "format": if *name == "Name" { "name" } else { "" },
        "description": "",
        "priority": u8::from(*wide),
    })
}

/// The columns whose cells are numbers.
const NUMBERS: &[&str] = &["Data", "Desired", "Current", "Up-to-date", "Available", "Count", "Secrets"];

type Cells = fn(&Object) -> Vec<Value>;

fn of(resource: &Resource) -> (&'static [Column], Cells) {
    match resource.plural {
        "pods" => (pod::COLUMNS, pod::cells),
        "deployments" => (
            const {
                &[
                    column("Name"),
                    column("Ready"),
                    column("Up-to-date"),
                    column("Available"),
                    column("Age"),
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            deployment,
        ),
        "replicasets" => (
            const {
                &[
                    column("Name"),
                    column("Desired"),
                    column("Current"),
                    column("Ready"),
                    column("Age"),
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            replica_set,
        ),
        "services" => (
            const {
                &[
                    column("Name"),
                    column("Type"),
                    column("Cluster-IP"),
                    column("External-IP"),
                    column("Port(s)"),
                    column("Age"),
                    wide("Selector"),
                ]
            },
            service,
        ),
        "endpointslices" => (
            const { &[column("Name"), column("AddressType"), column("Ports"), column("Endpoints"), column("Age")] },
            endpoint_slice,
        ),
        "configmaps" => (const { &[column("Name"), column("Data"), column("Age")] }, config_map),
        "secrets" => (const { &[column("Name"), column("Type"), column("Data"), column("Age")] }, secret),
        "namespaces" => (const { &[column("Name"), column("Status"), column("Age")] }, |o| {
            vec![name(o), text(&o["status"]["phase"]), age(o)]
        }),
        "leases" => (const { &[column("Name"), column("Holder"), column("Age")] }, |o| {
            vec![name(o), text(&o["spec"]["holderIdentity"]), age(o)]
        }),
        "serviceaccounts" => (const { &[column("Name"), column("Secrets"), column("Age")] }, |o| {
            vec![name(o), count(&o["secrets"]).into(), age(o)]
        }),
        "events" => (
            const {
                &[
                    column("Last Seen"),
                    column("Type"),
                    column("Reason"),
                    column("Object"),
                    wide("Subobject"),
                    wide("Source"),
                    column("Message"),
                    wide("First Seen"),
                    wide("Count"),
                    wide("Name"),
                ]
            },
            event,
        ),
        "nodes" => (
            const {
                &[
                    column("Name"),
                    column("Status"),
                    column("Roles"),
                    column("Age"),
                    column("Version"),
                    wide("Internal-IP"),
                    wide("External-IP"),
                    wide("OS-Image"),
                    wide("Kernel-Version"),
                    wide("Container-Runtime"),
                ]
            },
            node,
        ),
        _ => (const { &[column("Name"), column("Age")] }, |o| vec![name(o), age(o)]),
    }
}

fn deployment(o: &Object) -> Vec<Value> {
    let (spec, status) = (&o["spec"], &o["status"]);
    let ready = format!("{}/{}", number(&status["readyReplicas"]), number(&spec["replicas"]));
    let mut cells = vec![
        name(o),
        ready.into(),
        number(&status["updatedReplicas"]).into(),
        number(&status["availableReplicas"]).into(),
        age(o),
    ];
    cells.extend(template(spec));
    cells
}

fn replica_set(o: &Object) -> Vec<Value> {
    let (spec, status) = (&o["spec"], &o["status"]);
    let mut cells = vec![
        name(o),
        number(&spec["replicas"]).into(),
        number(&status["replicas"]).into(),
        number(&status["readyReplicas"]).into(),
        age(o),
    ];
    cells.extend(template(spec));
    cells
}

/// Containers, images and selector of a workload.
fn template(spec: &Value) -> [Value; 3] {
    let containers = spec["template"]["spec"]["containers"].as_array();
    let all = |key: &str| {
        let each = containers.into_iter().flatten().filter_map(|c| c[key].as_str());
        each.collect::<Vec<_>>().join(",").into()
    };
    [all("name"), all("image"), selector_text(&spec["selector"]).into()]
}

fn service(o: &Object) -> Vec<Value> {
    let spec = &o["spec"];
    let ports: Vec<_> = spec["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| {
            let node = p["nodePort"].as_i64().map(|n| format!(":{n}")).unwrap_or_default();
            format!("{}{node}/{}", number(&p["port"]), p["protocol"].as_str().unwrap_or("TCP"))
        })
        .collect();
    let pairs = spec["selector"].as_object().into_iter().flatten();
    let selector: Vec<_> = pairs.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    let external = spec["externalName"].as_str().unwrap_or("<none>");
    vec![
        name(o),
        text(&spec["type"]),
        text(&spec["clusterIP"]),
        external.into(),
        or_none(&ports.join(",")),
        age(o),
        or_none(&selector.join(",")),
    ]
}

fn endpoint_slice(o: &Object) -> Vec<Value> {
    let ports = o["ports"].as_array().into_iter().flatten().filter_map(|p| p["port"].as_i64());
    let ports: Vec<_> = ports.map(|p| p.to_string()).collect();
    let addresses = o["endpoints"].as_array().into_iter().flatten();
    let addresses = addresses.flat_map(|e| e["addresses"].as_array().into_iter().flatten());
    let addresses: Vec<_> = addresses.filter_map(Value::as_str).collect();
    vec![name(o), text(&o["addressType"]), unset(&some_of(&ports)), unset(&some_of(&addresses)), age(o)]
}

/// The first three, and how many more.
fn some_of<S: AsRef<str>>(items: &[S]) -> String {
    let shown: Vec<_> = items.iter().take(3).map(AsRef::as_ref).collect();
    let more = items.len().saturating_sub(3);
    if more == 0 { shown.join(",") } else { format!("{} + {more} more...", shown.join(",")) }
}

fn config_map(o: &Object) -> Vec<Value> {
    vec![name(o), (count(&o["data"]) + count(&o["binaryData"])).into(), age(o)]
}

fn secret(o: &Object) -> Vec<Value> {
    vec![name(o), text(&o["type"]), count(&o["data"]).into(), age(o)]
}

fn event(o: &Object) -> Vec<Value> {
    let about = &o["involvedObject"];
    let kind = about["kind"].as_str().unwrap_or_default().to_lowercase();
    let first = [&o["firstTimestamp"], &o["eventTime"], &o["metadata"]["creationTimestamp"]];
    let last = [&o["series"]["lastObservedTime"], &o["lastTimestamp"], first[0], first[1], first[2]];
    let when = |times: &[&Value]| times.iter().find_map(|t| t.as_str()).map_or("<unknown>".into(), since);
    let source = &o["source"];
    let component =
        source["component"].as_str().or_else(|| o["reportingComponent"].as_str()).unwrap_or_default();
    let host = source["host"].as_str().map(|h| format!(", {h}")).unwrap_or_default();
    vec![
        when(&last).into(),
        text(&o["type"]),
        text(&o["reason"]),
        format!("{kind}/{}", about["name"].as_str().unwrap_or_default()).into(),
        text(&about["fieldPath"]),
        format!("{component}{host}").into(),
        o["message"].as_str().unwrap_or_default().trim().into(),
        when(&first).into(),
        o["count"].as_i64().unwrap_or(1).into(),
        name(o),
    ]
}

fn node(o: &Object) -> Vec<Value> {
    let info = &o["status"]["nodeInfo"];
    let conditions = o["status"]["conditions"].as_array();
    let ready = conditions.into_iter().flatten().find(|c| c["type"] == "Ready");
    let mut status = match ready.and_then(|c| c["status"].as_str()) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if o["spec"]["unschedulable"] == true {
        status += ",SchedulingDisabled";
    }
    let labels = o["metadata"]["labels"].as_object().into_iter().flatten();
    let roles: Vec<_> = labels.filter_map(|(k, _)| k.strip_prefix("node-role.kubernetes.io/")).collect();
    let address = |kind: &str| {
        let all = o["status"]["addresses"].as_array();
        let found = all.into_iter().flatten().find(|a| a["type"] == kind).and_then(|a| a["address"].as_str());
        or_none(found.unwrap_or_default())
    };
    let unknown = |v: &Value| v.as_str().filter(|s| !s.is_empty()).unwrap_or("<unknown>").into();
    vec![
        name(o),
        status.into(),
        or_none(&roles.join(",")),
        age(o),
        text(&info["kubeletVersion"]),
        address("InternalIP"),
        address("ExternalIP"),
        unknown(&info["osImage"]),
        unknown(&info["kernelVersion"]),
        unknown(&info["containerRuntimeVersion"]),
    ]
}

fn name(o: &Object) -> Value {
    object::name(o).into()
}

fn text(value: &Value) -> Value {
    value.as_str().unwrap_or_default().into()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn or_none(text: &str) -> Value {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn unset(text: &str) -> Value {
    if text.is_empty() { "<unset>".into() } else { text.into() }
}

fn count(value: &Value) -> usize {
    value.as_object().map_or_else(|| value.as_array().map_or(0, Vec::len), serde_json::Map::len)
}
