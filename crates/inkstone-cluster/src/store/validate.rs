//! Rules that an object must keep, by kind. Whether its fields have the right types is checked where it is decoded.

use std::collections::HashSet;

use serde_json::Value;

use super::{ApiError, Cause, Resource, Selector, object, object::Object};

/// A ConfigMap or Secret holds at most this many bytes.
const MOST_DATA: usize = 1 << 20;

/// Reports every broken rule at once.
pub(super) fn object(resource: &Resource, new: &Object, old: Option<&Object>) -> Result<(), ApiError> {
    let mut causes = Vec::new();
    metadata(resource, new, old, &mut causes);
    match resource.plural {
        "configmaps" | "secrets" => data(new, old, &mut causes),
        "pods" => pod(new, old, &mut causes),
        "deployments" | "replicasets" => workload(new, old, &mut causes),
        "services" => service(new, old, &mut causes),
        "endpointslices" => endpoint_slice(new, old, &mut causes),
        _ => {}
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid(resource, object::name(new), &causes)) }
}

fn metadata(resource: &Resource, new: &Object, old: Option<&Object>, causes: &mut Vec<Cause>) {
    let name = object::name(new);
    let (fits, rule) = match resource.plural {
        "namespaces" | "services" => (is_label_name(name), LABEL_RULE),
        _ => (name.len() <= 253 && name.split('.').all(is_label_name), SUBDOMAIN_RULE),
    };
    if old.is_none() && !fits {
        causes.push(Cause::invalid("metadata.name", &name.into(), rule));
    }
    for (key, value) in new["metadata"]["labels"].as_object().into_iter().flatten() {
        if !is_qualified(key) {
            causes.push(Cause::invalid("metadata.labels", &key.as_str().into(), QUALIFIED_RULE));
        }
        if !value.as_str().is_some_and(is_label_value) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL_VALUE_RULE));
        }
    }
    for key in new["metadata"]["annotations"].as_object().into_iter().flatten().map(|(key, _)| key) {
        if !is_qualified(&key.to_lowercase()) {
            causes.push(Cause::invalid("metadata.annotations", &key.as_str().into(), QUALIFIED_RULE));
        }
    }
    let Some(old) = old.filter(|o| object::is_deleting(o)) else {
        return;
    };
    let before = old["metadata"]["finalizers"].as_array();
    let added = new["metadata"]["finalizers"].as_array().into_iter().flatten();
    if added.into_iter().any(|f| !before.is_some_and(|b| b.contains(f))) {
        let why = "no new finalizers can be added if the object is being deleted";
        causes.push(Cause::forbidden("metadata.finalizers", why));
    }
}

fn data(new: &Object, old: Option<&Object>, causes: &mut Vec<Cause>) {
    let mut size = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in new[field].as_object().into_iter().flatten() {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            if key.is_empty() || key.len() > 253 || key == "." || key == ".." || !key.chars().all(fits) {
                let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
                causes.push(Cause::invalid(format!("{field}[{key}]"), &key.as_str().into(), rule));
            }
            if field == "binaryData" && new["data"].get(key).is_some() {
                causes.push(Cause::duplicate(format!("binaryData[{key}]"), &key.as_str().into()));
            }
            size += value.as_str().map_or(0, str::len);
        }
    }
    if size > MOST_DATA {
        let message = format!("Too long: may not be more than {MOST_DATA} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", field: String::new(), message });
    }
    let Some(old) = old else { return };
    if old["immutable"] == true {
        for field in ["data", "binaryData", "immutable"] {
            if new[field] != old[field] {
                causes.push(Cause::forbidden(field, "field is immutable when `immutable` is set"));
            }
        }
    }
    if new["type"] != old["type"] {
        causes.push(Cause::invalid("type", &new["type"], IMMUTABLE));
    }
}

fn workload(new: &Object, old: Option<&Object>, causes: &mut Vec<Cause>) {
    let spec = &new["spec"];
    if spec["replicas"].as_i64().is_some_and(|n| n < 0) {
        causes.push(Cause::invalid("spec.replicas", &spec["replicas"], "must be greater than or equal to 0"));
    }
    let selector = &spec["selector"];
    let empty = |field: &str| selector[field].as_object().is_none_or(|m| m.is_empty());
    if empty("matchLabels") && selector["matchExpressions"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required("spec.selector", ""));
    } else {
        let labels = &spec["template"]["metadata"]["labels"];
        match Selector::of_label_selector(selector) {
            Ok(found) if found.matches(&spec["template"]) => {}
            Ok(_) => causes.push(Cause::invalid(
                "spec.template.metadata.labels",
                labels,
                "`selector` does not match template `labels`",
            )),
            Err(error) => causes.push(Cause::invalid("spec.selector", selector, error.message())),
        }
    }
    if old.is_some_and(|o| o["spec"]["selector"] != *selector) {
        causes.push(Cause::invalid("spec.selector", selector, IMMUTABLE));
    }
    let template = &spec["template"]["spec"];
    if template["restartPolicy"].as_str().is_some_and(|p| p != "Always") {
        let message =
            format!("Unsupported value: {}: supported values: \"Always\"", template["restartPolicy"]);
        let field = "spec.template.spec.restartPolicy".into();
        causes.push(Cause { reason: "FieldValueNotSupported", field, message });
    }
    pod_spec("spec.template.spec", template, causes);
}

fn pod(new: &Object, old: Option<&Object>, causes: &mut Vec<Cause>) {
    let Some(old) = old else {
        return pod_spec("spec", &new["spec"], causes);
    };
    if new["spec"] != old["spec"] && fixed(&new["spec"], &old["spec"]) != fixed(&old["spec"], &old["spec"]) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`, \
                   `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` and \
                   `spec.terminationGracePeriodSeconds`";
        causes.push(Cause::forbidden("spec", why));
    }
}

/// The part of a pod's spec that no update may change.
fn fixed(spec: &Value, old: &Value) -> Value {
    let mut rest = spec.clone();
    let Some(table) = rest.as_object_mut() else {
        return rest;
    };
    for free in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
        table.remove(free);
    }
    if old["nodeName"].as_str().unwrap_or_default().is_empty() {
        table.remove("nodeName"); // set once, by whoever schedules
    }
    for list in ["containers", "initContainers"] {
        for container in table.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container.as_object_mut().map(|c| c.remove("image"));
        }
    }
    rest
}

fn pod_spec(path: &str, spec: &Value, causes: &mut Vec<Cause>) {
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    let mut volumes = HashSet::new();
    for (at, volume) in spec["volumes"].as_array().into_iter().flatten().enumerate() {
        let at = format!("{path}.volumes[{at}].name");
        match volume["name"].as_str().unwrap_or_default() {
            "" => causes.push(Cause::required(at, "")),
            // It becomes a directory of the pod.
            name if !is_label_name(name) => causes.push(Cause::invalid(at, &name.into(), LABEL_RULE)),
            name if !volumes.insert(name) => causes.push(Cause::duplicate(at, &name.into())),
            _ => {}
        }
    }
    let mut seen = HashSet::new();
    for list in ["initContainers", "containers"] {
        for (at, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let at = format!("{path}.{list}[{at}]");
            let name = container["name"].as_str().unwrap_or_default();
            match name {
                "" => causes.push(Cause::required(format!("{at}.name"), "")),
                name if !is_label_name(name) => {
                    causes.push(Cause::invalid(format!("{at}.name"), &name.into(), LABEL_RULE));
                }
                name if !seen.insert(name) => {
                    causes.push(Cause::duplicate(format!("{at}.name"), &name.into()))
                }
                _ => {}
            }
            if container["image"].as_str().unwrap_or_default().is_empty() {
                causes.push(Cause::required(format!("{at}.image"), ""));
            }
            for (mount_at, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
                let volume = mount["name"].as_str().unwrap_or_default();
                if !volumes.contains(volume) {
                    let field = format!("{at}.volumeMounts[{mount_at}].name");
                    let message = format!("Not found: {volume:?}");
                    causes.push(Cause { reason: "FieldValueNotFound", field, message });
                }
            }
        }
    }
}

fn service(new: &Object, old: Option<&Object>, causes: &mut Vec<Cause>) {
    let spec = &new["spec"];
    let none = Vec::new();
    let ports = spec["ports"].as_array().unwrap_or(&none);
    let portless = spec["clusterIP"] == "None" || spec["type"] == "ExternalName";
    if ports.is_empty() && !portless {
        causes.push(Cause::required("spec.ports", ""));
    }
    let mut seen = HashSet::new();
    for (at, port) in ports.iter().enumerate() {
        let name = port["name"].as_str().unwrap_or_default();
        if ports.len() > 1 && name.is_empty() {
            causes.push(Cause::required(format!("spec.ports[{at}].name"), ""));
        } else if !seen.insert(name) {
            causes.push(Cause::duplicate(format!("spec.ports[{at}].name"), &name.into()));
        }
        if !port["port"].as_i64().is_some_and(|p| (1..=65535).contains(&p)) {
            let why = "must be between 1 and 65535, inclusive";
            causes.push(Cause::invalid(format!("spec.ports[{at}].port"), &port["port"], why));
        }
    }
    let Some(old) = old else { return };
    let before = &old["spec"]["clusterIP"];
    if before.as_str().is_some_and(|ip| !ip.is_empty()) && spec["clusterIP"] != *before {
        causes.push(Cause::invalid("spec.clusterIPs[0]", &spec["clusterIP"], "may not change once set"));
    }
}

fn endpoint_slice(new: &Object, old: Option<&Object>, causes: &mut Vec<Cause>) {
    match new["addressType"].as_str().unwrap_or_default() {
        "" => causes.push(Cause::required("addressType", "")),
        "IPv4" | "IPv6" | "FQDN" => {}
        other => {
            let message =
                format!("Unsupported value: {other:?}: supported values: \"FQDN\", \"IPv4\", \"IPv6\"");
            causes.push(Cause { reason: "FieldValueNotSupported", field: "addressType".into(), message });
        }
    }
    if old.is_some_and(|o| o["addressType"] != new["addressType"]) {
        causes.push(Cause::invalid("addressType", &new["addressType"], IMMUTABLE));
    }
    for (at, endpoint) in new["endpoints"].as_array().into_iter().flatten().enumerate() {
        if endpoint["addresses"].as_array().is_none_or(Vec::is_empty) {
            causes.push(Cause::required(
                format!("endpoints[{at}].addresses"),
                "must contain at least 1 address",
            ));
        }
    }
}

const IMMUTABLE: &str = "field is immutable";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                          must start and end with an alphanumeric character (at most 63 characters)";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
                              or '.', and must start and end with an alphanumeric character";
const QUALIFIED_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and \
                              end with an alphanumeric character, after an optional DNS subdomain prefix and '/'";
const LABEL_VALUE_RULE: &str = "a valid label must be an empty string or consist of at most 63 alphanumeric \
                                characters, '-', '_' or '.', and must start and end with an alphanumeric character";

fn is_label_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edge = |b: Option<&u8>| b.is_some_and(|b| *b != b'-');
    let bytes = text.as_bytes();
    bytes.len() <= 63 && bytes.iter().all(|b| inner(*b)) && edge(bytes.first()) && edge(bytes.last())
}

fn is_label_value(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let edge = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63 && bytes.iter().all(|b| inner(*b)) && edge(bytes.first()) && edge(bytes.last())
}

fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    !name.is_empty()
        && is_label_value(name)
        && prefix.is_none_or(|p| !p.is_empty() && p.len() <= 253 && p.split('.').all(is_label_name))
}
