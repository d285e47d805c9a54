//! Request bodies: JSON or YAML, read into an object and held against the types of its kind.

use bytes::Bytes;
use http::{HeaderMap, header};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    coordination::v1::Lease,
    core::v1::{ConfigMap, Event, Namespace, Node, Pod, Secret, Service, ServiceAccount},
    discovery::v1::EndpointSlice,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::answer::text;
use crate::store::{ApiError, Object, Resource};

/// How deep YAML may be nested, aliases laid out in full: the parser takes much of the stack for each level. No object
/// of the kinds served comes near.
const MOST_DEPTH: usize = 40;
/// How many values aliases may stand for.
const MOST_ALIASED: usize = 20_000;

/// What is done about fields that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Ignore,
    /// Dropped, and the client is told.
    Warn,
    /// Refused.
    Strict,
}

impl Strictness {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "" | "Warn" => Ok(Self::Warn),
            "Ignore" => Ok(Self::Ignore),
            "Strict" => Ok(Self::Strict),
            other => Err(ApiError::bad_request(format!(
                "invalid fieldValidation {other:?}: it must be Ignore, Warn or Strict"
            ))),
        }
    }
}

/// The media type of a body, without its parameters.
pub(super) fn media(headers: &HeaderMap) -> &str {
    text(headers, &header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim()
}

/// Reads a body that holds one object; an empty body reads as null.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Value, ApiError> {
    if body.starts_with(b"k8s\0") {
        return Err(protobuf());
    }
    match media(headers) {
        "application/yaml" => yaml(body),
        "application/vnd.kubernetes.protobuf" => Err(protobuf()),
        "" | "application/json" => json(body),
        other => Err(unsupported(other, "application/json, application/yaml")),
    }
}

pub(super) fn json(body: &Bytes) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body)
        .map_err(|e| ApiError::bad_request(format!("cannot read the body as JSON: {e}")))
}

pub(super) fn yaml(body: &Bytes) -> Result<Value, ApiError> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value); // clients write JSON where YAML is allowed
    }
    let wrong =
        |e: &dyn std::fmt::Display| ApiError::bad_request(format!("cannot read the body as YAML: {e}"));
    let text = std::str::from_utf8(body).map_err(|e| wrong(&e))?;
    // As in YAML 1.2: an object may be called `y` or `no`.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: MOST_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_ALIASED },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|e| wrong(&e))
}

pub(super) fn unsupported(media: &str, accepted: &str) -> ApiError {
    let message = format!(
        "the body of the request was in an unknown format ({media}) - accepted media types include: {accepted}"
    );
    ApiError::new(415, "UnsupportedMediaType", message)
}

fn protobuf() -> ApiError {
    let message = "the body of the request was in an unknown format - accepted media types include: \
                   application/json, application/yaml. This local cluster reads no protobuf, which commands such as \
                   `kubectl create namespace|configmap|deployment` send: write the object to a file and use \
                   `kubectl apply -f FILE` (`kubectl create ... --dry-run=client -o yaml | kubectl apply -f -`)";
    ApiError::new(415, "UnsupportedMediaType", message)
}

/// Refuses an object that says it is of another kind than the URL.
pub(super) fn matches(resource: &Resource, object: &Object) -> Result<(), ApiError> {
    if !object.is_object() {
        return Err(ApiError::bad_request(format!("the body must be one {} object", resource.kind)));
    }
    let (expected, found) = (resource.api_version(), object["apiVersion"].as_str().unwrap_or(""));
    if !found.is_empty() && found != expected {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({found}) does not match the expected API version ({expected})"
        )));
    }
    let kind = object["kind"].as_str().unwrap_or("");
    if !kind.is_empty() && kind != resource.kind {
        return Err(ApiError::bad_request(format!(
            "{kind} in version {expected:?} cannot be handled as a {}",
            resource.kind
        )));
    }
    Ok(())
}

/// Holds an object against the types of its kind: a wrong type is refused, unknown fields are treated as asked.
/// Returns what to warn the client of.
pub(super) fn check(
    resource: &Resource,
    object: &mut Object,
    strictness: Strictness,
) -> Result<Vec<String>, ApiError> {
    matches(resource, object)?;
    object["apiVersion"] = resource.api_version().into();
    object["kind"] = resource.kind.into();
    without_nulls(object);
    numbers_as_quantities(object);
    let understood = understand(resource, object).map_err(|why| {
        let (kind, version) = (resource.kind, resource.api_version());
        ApiError::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    })?;
    let mut unknown = Vec::new();
    drop_unknown(object, &understood, "", &mut unknown);
    let each: Vec<_> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
    match strictness {
        Strictness::Strict if !each.is_empty() => {
            Err(ApiError::bad_request(format!("strict decoding error: {}", each.join(", "))))
        }
        Strictness::Warn => Ok(each),
        Strictness::Strict | Strictness::Ignore => Ok(Vec::new()),
    }
}

/// The object as its kind's type writes it again: what is missing then is not a field of the kind.
fn understand(resource: &Resource, object: &Object) -> Result<Value, String> {
    fn pass<T: DeserializeOwned + Serialize>(object: &Object) -> Result<Value, String> {
        let typed: T = serde_path_to_error::deserialize(object).map_err(|e| {
            let path = e.path().to_string();
            if path == "." { e.into_inner().to_string() } else { format!("{path}: {}", e.into_inner()) }
        })?;
        serde_json::to_value(typed).map_err(|e| e.to_string())
    }
    match resource.kind {
        "Namespace" => pass::<Namespace>(object),
        "ConfigMap" => pass::<ConfigMap>(object),
        "Secret" => pass::<Secret>(object),
        "Pod" => pass::<Pod>(object),
        "Service" => pass::<Service>(object),
        "EndpointSlice" => pass::<EndpointSlice>(object),
        "Deployment" => pass::<Deployment>(object),
        "ReplicaSet" => pass::<ReplicaSet>(object),
        "Lease" => pass::<Lease>(object),
        "Event" => pass::<Event>(object),
        "Node" => pass::<Node>(object),
        "ServiceAccount" => pass::<ServiceAccount>(object),
        _ => Ok(object.clone()),
    }
}

fn drop_unknown(object: &mut Value, understood: &Value, path: &str, unknown: &mut Vec<String>) {
    match (object, understood) {
        (Value::Object(object), Value::Object(understood)) => {
            let strange: Vec<_> = object.keys().filter(|k| !understood.contains_key(*k)).cloned().collect();
            for key in strange {
                object.shift_remove(&key);
                unknown.push(join(path, &key));
            }
            for (key, value) in object {
                drop_unknown(value, &understood[key.as_str()], &join(path, key), unknown);
            }
        }
        (Value::Array(object), Value::Array(understood)) => {
            for (at, (value, understood)) in object.iter_mut().zip(understood).enumerate() {
                drop_unknown(value, understood, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A null says nothing, except inside the field sets of managed fields, which hold none.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(table) => {
            table.retain(|_, v| !v.is_null());
            table.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// `cpu: 1` is a quantity as good as `cpu: "1"`.
fn numbers_as_quantities(value: &mut Value) {
    match value {
        Value::Object(table) => {
            for (key, inner) in table {
                let quantities = matches!(key.as_str(), "limits" | "requests" | "capacity" | "allocatable");
                match inner {
                    Value::Object(amounts) if quantities => {
                        for amount in amounts.values_mut().filter(|a| a.is_number()) {
                            *amount = amount.to_string().into();
                        }
                    }
                    other => numbers_as_quantities(other),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(numbers_as_quantities),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{CONFIGMAPS, DEPLOYMENTS, PODS};

    #[test]
    fn unknown_fields_are_named_by_path() {
        let mut pod = json!({ "spec": { "containers": [{ "name": "a", "imagee": "x" }] }, "dat": 1 });
        let warnings = check(PODS, &mut pod.clone(), Strictness::Warn).unwrap();
        assert_eq!(warnings, [r#"unknown field "dat""#, r#"unknown field "spec.containers[0].imagee""#]);
        let error = check(PODS, &mut pod, Strictness::Strict).unwrap_err();
        assert_eq!(error.code(), 400);
        assert!(error.message().starts_with("strict decoding error: unknown field"), "{error}");
    }

    #[test]
    fn a_wrong_type_names_its_path() {
        let mut deployment = json!({ "spec": { "replicas": "many" } });
        let error = check(DEPLOYMENTS, &mut deployment, Strictness::Ignore).unwrap_err();
        assert!(error.message().contains("spec.replicas: invalid type: string \"many\""), "{error}");
    }

    #[test]
    fn another_kind_is_refused() {
        let error = check(CONFIGMAPS, &mut json!({ "kind": "Secret" }), Strictness::Warn).unwrap_err();
        assert!(error.message().contains("cannot be handled as a ConfigMap"), "{error}");
    }

    #[test]
    fn numbers_are_quantities() {
        let mut pod =
            json!({ "spec": { "containers": [{ "name": "a", "resources": { "limits": { "cpu": 1 } } }] } });
        check(PODS, &mut pod, Strictness::Strict).unwrap();
        assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["cpu"], "1");
    }
}
