//! Why the API refuses: always a `metav1.Status`, as clients expect.

use std::{fmt, io};

use serde_json::{Value, json};

use super::Resource;

/// A refusal that the API answers with: an HTTP code and a `metav1.Status`.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Status>);

#[derive(Debug, Clone)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
    details: Value,
    /// Where a list that expired can go on, inconsistently.
    continue_token: Option<String>,
}

/// One reason among several, and the field it is about.
#[derive(Debug, Clone)]
pub struct Cause {
    /// Machine-readable: `FieldValueInvalid`, `FieldValueRequired`, `FieldManagerConflict`.
    pub reason: &'static str,
    /// The path of the field: `spec.replicas`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Cause {
    /// A field that has a wrong value.
    #[must_use]
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {value}: {why}");
        Self { reason: "FieldValueInvalid", field: field.into(), message }
    }

    /// A field that must be there.
    #[must_use]
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message =
            if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self { reason: "FieldValueRequired", field: field.into(), message }
    }

    /// A field that must not be there.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self { reason: "FieldValueForbidden", field: field.into(), message: format!("Forbidden: {why}") }
    }

    /// A list that names the same thing twice.
    #[must_use]
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self {
            reason: "FieldValueDuplicate",
            field: field.into(),
            message: format!("Duplicate value: {value}"),
        }
    }
}

impl ApiError {
    /// A refusal with the given HTTP code and reason.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Status {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
            continue_token: None,
        }))
    }

    /// 404: there is no object of that name.
    #[must_use]
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", resource.qualified()))
            .about(resource, name)
    }

    /// 409: there is one of that name already.
    #[must_use]
    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", resource.qualified()))
            .about(resource, name)
    }

    /// 409: the object is not what the caller took it for.
    #[must_use]
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// 409: the object changed since the caller read it.
    #[must_use]
    pub fn stale(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409: other managers own fields with other values.
    #[must_use]
    pub fn apply_conflict(message: String, causes: &[Cause]) -> Self {
        let mut error = Self::new(409, "Conflict", message);
        error.0.details = json!({ "causes": json_causes(causes) });
        error
    }

    /// 422: the object breaks rules of its kind.
    #[must_use]
    pub fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        let each: Vec<_> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let all = match each.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let kind = if resource.group.is_empty() {
            resource.kind.to_owned()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let mut error = Self::new(422, "Invalid", format!("{kind} {name:?} is invalid: {all}"));
        error.0.details = json!({ "name": name, "group": resource.group, "kind": resource.kind, "causes": json_causes(causes) });
        error
    }

    /// 400: the request makes no sense.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403: understood and refused.
    #[must_use]
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} {name:?} is forbidden: {why}", resource.qualified());
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// 403: the namespace is being deleted, so nothing new may enter it.
    #[must_use]
    pub fn namespace_terminating(resource: &Resource, name: &str, namespace: &str) -> Self {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = Self::forbidden(resource, name, &why);
        error.0.details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        error
    }

    /// 410: the version asked for has left the history.
    #[must_use]
    pub fn too_old(version: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {version} ({oldest})"))
    }

    /// 410: what the request refers to is gone.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 500: something of ours failed.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// 500: the journal could not be written; the object is as it was.
    #[must_use]
    pub fn storage(error: &io::Error) -> Self {
        Self::internal(format!("cannot store the object, nothing was changed: {error}"))
    }

    /// Names the object that the refusal is about.
    #[must_use]
    pub fn about(mut self, resource: &Resource, name: &str) -> Self {
        let mut details = serde_json::Map::new();
        details.insert("name".into(), name.into());
        if !resource.group.is_empty() {
            details.insert("group".into(), resource.group.into());
        }
        details.insert("kind".into(), resource.plural.into());
        self.0.details = details.into();
        self
    }

    /// Gives machine-readable details in full.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    /// Gives a token with which an expired list can go on, inconsistently.
    #[must_use]
    pub fn continue_with(mut self, token: String) -> Self {
        self.0.continue_token = Some(token);
        self
    }

    /// The HTTP status code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// The machine-readable reason: `NotFound`, `Conflict`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.reason == "NotFound"
    }

    /// Whether the object was changed by somebody else, or exists already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.0.code == 409
    }

    /// Whether the version asked for is too old, so that the caller must list again.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.0.code == 410
    }

    /// The refusal as the API sends it.
    #[must_use]
    pub fn status(&self) -> Value {
        let metadata = self.0.continue_token.as_ref().map_or_else(|| json!({}), |t| json!({ "continue": t }));
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.0.message,
            "reason": self.0.reason,
        });
        if !self.0.details.is_null() {
            status["details"] = self.0.details.clone();
        }
        status["code"] = self.0.code.into();
        status
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {}

fn json_causes(causes: &[Cause]) -> Vec<Value> {
    causes.iter().map(|c| json!({ "reason": c.reason, "message": c.message, "field": c.field })).collect()
}
