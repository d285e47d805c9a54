//! What is served: versions, groups, resources, and a minimal OpenAPI for clients that validate.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Form},
    request::Route,
};
use crate::store::{RESOURCES, Resource};

/// The Kubernetes version whose behaviour is followed.
const VERSION: (&str, &str) = ("1", "33");

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Answers a discovery route; None if nothing of that name is served.
pub(super) fn answer(route: &Route, host: &str, form: Form) -> Option<Answer> {
    let json = match route {
        Route::Version => version(),
        Route::CoreVersions => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": host }],
        }),
        Route::Groups => {
            let groups: Vec<_> = groups().into_iter().map(group).collect();
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
        }
        Route::Group(name) if groups().contains(name.as_str()) => {
            let mut group = group(name);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }
        Route::Resources(group, version) => resources(group, version)?,
        Route::OpenApi => open_api(),
        Route::OpenApiOf(group, version) => open_api_of(group, version)?,
        _ => return None,
    };
    Some(form.json(StatusCode::OK, &json))
}

fn version() -> Value {
    let (major, minor) = VERSION;
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": format!("v{major}.{minor}.0+inkstone.{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn groups() -> BTreeSet<&'static str> {
    RESOURCES.iter().map(|r| r.group).filter(|g| !g.is_empty()).collect()
}

fn group(name: &str) -> Value {
    let version = json!({ "groupVersion": format!("{name}/v1"), "version": "v1" });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn of(group: &str, version: &str) -> Vec<&'static Resource> {
    RESOURCES.iter().copied().filter(|r| r.group == group && r.version == version).collect()
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let served = of(group, version);
    let first = served.first()?;
    let listed: Vec<_> = served.iter().flat_map(|r| entries(r)).collect();
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": first.api_version(),
        "resources": listed,
    }))
}

/// A resource and its subresources, as discovery lists them.
fn entries(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": VERBS,
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        main["categories"] = json!(resource.categories);
    }
    let sub = |name: &str, kind: &str, verbs: &[&str]| {
        json!({
            "name": format!("{}/{name}", resource.plural), "singularName": "",
            "namespaced": resource.namespaced, "kind": kind, "verbs": verbs,
        })
    };
    let mut all = vec![main];
    if resource.status {
        all.push(sub("status", resource.kind, &["get", "patch", "update"]));
    }
    if resource.scale {
        let mut scale = sub("scale", "Scale", &["get", "patch", "update"]);
        scale["group"] = "autoscaling".into();
        scale["version"] = "v1".into();
        all.push(scale);
    }
    match resource.kind {
        "Pod" => {
            all.push(sub("log", "Pod", &["get"]));
            let mut eviction = sub("eviction", "Eviction", &["create"]);
            eviction["group"] = "policy".into();
            eviction["version"] = "v1".into();
            all.push(eviction);
        }
        "Namespace" => all.push(sub("finalize", "Namespace", &["update"])),
        _ => {}
    }
    all
}

fn open_api() -> Value {
    let mut paths = Map::new();
    for resource in RESOURCES {
        let version = resource.api_version();
        let path =
            if resource.group.is_empty() { format!("api/{version}") } else { format!("apis/{version}") };
        let url = format!("/openapi/v3/{path}?hash={}", env!("CARGO_PKG_VERSION"));
        paths.insert(path, json!({ "serverRelativeURL": url }));
    }
    json!({ "paths": paths })
}

/// No schemas: only that every kind can be patched with `fieldValidation`, which makes kubectl leave validation to
/// the server.
fn open_api_of(group: &str, version: &str) -> Option<Value> {
    let served = of(group, version);
    served.first()?;
    let mut paths = Map::new();
    for resource in &served {
        let root =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let home = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let query = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } });
        let patch = json!({
            "operationId": format!("patch{}", resource.kind),
            "parameters": [query("dryRun"), query("fieldManager"), query("fieldValidation"), query("force")],
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": { "group": group, "version": version, "kind": resource.kind },
            "responses": { "200": { "description": "OK" } },
        });
        paths.insert(format!("{root}{home}/{}/{{name}}", resource.plural), json!({ "patch": patch }));
    }
    let info = json!({ "title": "Kubernetes", "version": format!("v{}.{}.0", VERSION.0, VERSION.1) });
    Some(json!({ "openapi": "3.0.0", "info": info, "paths": paths, "components": { "schemas": {} } }))
}
