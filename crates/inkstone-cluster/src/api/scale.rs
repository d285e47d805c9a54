//! The `scale` subresource: replicas alone, the same for every kind that has them.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Form},
    apply::{self, Operation},
    body,
    patch::Patch,
    request::Target,
    write::Write,
};
use crate::store::{ApiError, Cause, Object, Part, Store, object};

pub(super) fn get(store: &Store, target: &Target, name: &str, form: Form) -> Result<Answer, ApiError> {
    let object = store.get(target.resource, target.home(), name)?;
    Ok(form.json(StatusCode::OK, &scale_of(&object)))
}

impl Write<'_> {
    pub(super) fn replace_scale(&self, name: &str) -> Result<Answer, ApiError> {
        let asked = body::read(self.headers, &self.body)?;
        self.rescale(name, |scale| {
            scale.clone_from(&asked);
            Ok(())
        })
    }

    pub(super) fn patch_scale(&self, name: &str) -> Result<Answer, ApiError> {
        let patch = Patch::read(self.headers, &self.body)?;
        if matches!(patch, Patch::Apply(_)) {
            return Err(ApiError::bad_request(
                "server-side apply of a scale is not served; use a merge patch",
            ));
        }
        self.rescale(name, |scale| patch.apply(scale))
    }

    fn rescale(
        &self,
        name: &str,
        edit: impl Fn(&mut Value) -> Result<(), ApiError>,
    ) -> Result<Answer, ApiError> {
        let resource = self.target.resource;
        let manager = self.manager(Operation::Update);
        let changed = self.store.modify_with(
            resource,
            self.target.home(),
            name,
            Part::Main,
            |live| {
                let mut scale = scale_of(live);
                edit(&mut scale)?;
                let replicas = match &scale["spec"]["replicas"] {
                    Value::Null => 0,
                    given => given.as_i64().filter(|n| *n >= 0).ok_or_else(|| {
                        let why = "must be a whole number, at least 0";
                        ApiError::invalid(resource, name, &[Cause::invalid("spec.replicas", given, why)])
                    })?,
                };
                live["spec"]["replicas"] = replicas.into();
                let version = scale["metadata"]["resourceVersion"].clone();
                if version.is_string() {
                    live["metadata"]["resourceVersion"] = version; // a precondition, if it differs
                }
                Ok(())
            },
            |old, new| apply::track(Some(old), new, &manager),
        )?;
        Ok(self.form.json(StatusCode::OK, &scale_of(&changed)))
    }
}

fn scale_of(object: &Object) -> Value {
    let metadata = &object["metadata"];
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": object::name(object),
            "namespace": object::namespace(object),
            "uid": object::uid(object),
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": object["spec"]["replicas"].as_i64().unwrap_or(0) },
        "status": {
            "replicas": object["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector_text(&object["spec"]["selector"]),
        },
    })
}

/// A label selector as one line: `app=shop,tier in (a,b)`.
pub(super) fn selector_text(selector: &Value) -> String {
    let pairs = selector["matchLabels"].as_object().into_iter().flatten();
    let mut parts: Vec<_> = pairs.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<_> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        parts.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}
