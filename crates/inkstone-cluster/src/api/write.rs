//! Create, replace, patch and delete.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Form, text, warn},
    apply::{self, Manager, Operation},
    body::{self, Strictness},
    patch::Patch,
    request::{Query, Target},
};
use crate::store::{
    ApiError, DeleteOptions, NAMESPACES, Object, PODS, Part, Propagation, Resource, Selector, Store, object,
};

/// A request to write, with what all writes have in common.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) store: Store,
    pub(super) target: &'a Target,
    pub(super) part: Part,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a Query,
    pub(super) form: Form,
    pub(super) body: Bytes,
}

impl Write<'_> {
    pub(super) fn create(&self) -> Result<Answer, ApiError> {
        let resource = self.target.resource;
        let mut object = body::read(self.headers, &self.body)?;
        let warnings = body::check(resource, &mut object, self.strictness()?)?;
        self.place(&mut object)?;
        let manager = self.manager(Operation::Update);
        let created = self.store.create_with(resource, object, |new| apply::track(None, new, &manager))?;
        Ok(warn(self.answer(StatusCode::CREATED, &created), &warnings))
    }

    pub(super) fn replace(&self, name: &str) -> Result<Answer, ApiError> {
        let resource = self.target.resource;
        let mut body = body::read(self.headers, &self.body)?;
        let warnings = body::check(resource, &mut body, self.strictness()?)?;
        self.place(&mut body)?;
        match object::name(&body) {
            "" => return Err(ApiError::bad_request("the name of the object must be given in its metadata")),
            given if given != name => {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({given}) does not match the name on the URL ({name})"
                )));
            }
            _ => {}
        }
        let manager = self.manager(Operation::Update);
        let replaced = self.store.modify_with(
            resource,
            self.target.home(),
            name,
            self.part,
            |live| {
                live.clone_from(&body);
                Ok(())
            },
            |old, new| apply::track(Some(old), new, &manager),
        );
        let answer = match replaced {
            Err(error) if error.is_not_found() && resource.create_on_update && self.part == Part::Main => {
                let created =
                    self.store.create_with(resource, body, |new| apply::track(None, new, &manager))?;
                self.answer(StatusCode::CREATED, &created)
            }
            replaced => self.answer(StatusCode::OK, &*replaced?),
        };
        Ok(warn(answer, &warnings))
    }

    pub(super) fn patch(&self, name: &str) -> Result<Answer, ApiError> {
        let patch = Patch::read(self.headers, &self.body)?;
        if let Patch::Apply(applied) = patch {
            return self.apply(name, applied);
        }
        let strictness = self.strictness()?;
        let manager = self.manager(Operation::Update);
        let mut warnings = Vec::new();
        let patched = self.store.modify_with(
            self.target.resource,
            self.target.home(),
            name,
            self.part,
            |live| {
                patch.apply(live)?;
                warnings = body::check(self.target.resource, live, strictness)?;
                Ok(())
            },
            |old, new| apply::track(Some(old), new, &manager),
        )?;
        Ok(warn(self.answer(StatusCode::OK, &patched), &warnings))
    }

    /// Server-side apply.
    fn apply(&self, name: &str, mut applied: Value) -> Result<Answer, ApiError> {
        let resource = self.target.resource;
        if self.query.get("fieldManager").is_none() {
            let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
            return Err(ApiError::new(422, "Invalid", message));
        }
        let managed = &applied["metadata"]["managedFields"];
        if managed.as_array().is_some_and(|list| !list.is_empty()) {
            return Err(ApiError::bad_request("metadata.managedFields must be nil"));
        }
        let strictness = self.strictness()?;
        let warnings = body::check(resource, &mut applied, strictness)?;
        self.place(&mut applied)?;
        match object::name(&applied) {
            "" => object::metadata_mut(&mut applied).insert("name".into(), name.into()),
            given if given == name => None,
            given => {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({given}) does not match the name on the URL ({name})"
                )));
            }
        };
        let manager = self.manager(Operation::Apply);
        let force = self.query.flag("force");
        let answer = loop {
            let applied_here = self.store.modify(resource, self.target.home(), name, self.part, |live| {
                apply::apply(resource, live, &applied, self.part, &manager, force)?;
                body::check(resource, live, Strictness::Ignore).map(|_| ())
            });
            match applied_here {
                Err(error) if error.is_not_found() && self.part == Part::Main => {}
                done => break self.answer(StatusCode::OK, &*done?),
            }
            if applied["metadata"].get("uid").is_some()
                || applied["metadata"].get("resourceVersion").is_some()
            {
                return Err(ApiError::stale(resource, name)); // it was to change one that exists
            }
            match self.store.create(resource, apply::begin(&applied, &manager)) {
                Err(error) if error.reason() == "AlreadyExists" => {} // somebody was faster: apply to theirs
                created => break self.answer(StatusCode::CREATED, &*created?),
            }
        };
        Ok(warn(answer, &warnings))
    }

    pub(super) fn delete(&self, name: &str) -> Result<Answer, ApiError> {
        let resource = self.target.resource;
        let options = self.delete_options()?;
        let last = self.store.delete(resource, self.target.home(), name, &options)?;
        let gone = self.store.get(resource, self.target.home(), name).is_err();
        if gone && resource != PODS && resource != NAMESPACES {
            return Ok(self.form.json(StatusCode::OK, &success(resource, &last)));
        }
        Ok(self.answer(StatusCode::OK, &last))
    }

    pub(super) fn delete_collection(&self) -> Result<Answer, ApiError> {
        let resource = self.target.resource;
        let (labels, fields) = (self.query.text("labelSelector"), self.query.text("fieldSelector"));
        let selector = Selector::parse(resource, labels, fields)?;
        let options = self.delete_options()?;
        let listed = self.store.list(resource, self.target.namespace.as_deref(), &selector);
        for found in &listed.items {
            let deleted =
                self.store.delete(resource, object::namespace(found), object::name(found), &options);
            match deleted {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {} // gone already is as good
            }
        }
        let metadata = json!({ "resourceVersion": self.store.version().to_string() });
        Ok(self.form.list(resource, listed.items.iter().map(|o| &**o), &metadata))
    }

    /// Who writes: `fieldManager`, or the client's program.
    pub(super) fn manager(&self, operation: Operation) -> Manager {
        let agent = text(self.headers, &header::USER_AGENT).split(['/', ' ']).next().unwrap_or_default();
        let name = self.query.get("fieldManager").unwrap_or(if agent.is_empty() { "unknown" } else { agent });
        Manager {
            name: name.to_owned(),
            operation,
            api_version: self.target.resource.api_version(),
            subresource: self.target.subresource.clone(),
        }
    }

    pub(super) fn strictness(&self) -> Result<Strictness, ApiError> {
        Strictness::parse(self.query.text("fieldValidation"))
    }

    /// The answer to a write; one that was only tried has no version.
    fn answer(&self, code: StatusCode, object: &Object) -> Response<Body> {
        self.form.object(code, self.target.resource, object)
    }

    /// Puts the object into the namespace of the URL.
    fn place(&self, object: &mut Object) -> Result<(), ApiError> {
        let Some(namespace) = &self.target.namespace else { return Ok(()) };
        let given = object::namespace(object);
        if !given.is_empty() && given != namespace {
            return Err(ApiError::bad_request(format!(
                "the namespace of the provided object ({given}) does not match the namespace sent on the request ({namespace})"
            )));
        }
        object::metadata_mut(object).insert("namespace".into(), namespace.as_str().into());
        Ok(())
    }

    /// Options come in the body, in the query, or both; the body wins.
    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        let body = body::read(self.headers, &self.body)?;
        let policy = body["propagationPolicy"].as_str().or_else(|| self.query.get("propagationPolicy"));
        let orphan = body["orphanDependents"] == true || self.query.flag("orphanDependents");
        let propagation = match policy {
            None | Some("") if orphan => Propagation::Orphan,
            None | Some("" | "Background") => Propagation::Background,
            Some("Foreground") => Propagation::Foreground,
            Some("Orphan") => Propagation::Orphan,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "invalid propagationPolicy {other:?}: it must be Background, Foreground or Orphan"
                )));
            }
        };
        let version = body["preconditions"]["resourceVersion"].as_str();
        let wrong = |_| {
            ApiError::bad_request("preconditions.resourceVersion must be a version that this server gave")
        };
        Ok(DeleteOptions {
            grace_seconds: body["gracePeriodSeconds"].as_i64().or(self.query.number("gracePeriodSeconds")?),
            propagation,
            uid: body["preconditions"]["uid"].as_str().map(str::to_owned),
            resource_version: version.map(str::parse).transpose().map_err(wrong)?,
        })
    }
}

fn success(resource: &Resource, last: &Object) -> Value {
    let mut details =
        json!({ "name": object::name(last), "kind": resource.plural, "uid": object::uid(last) });
    if !resource.group.is_empty() {
        details["group"] = resource.group.into();
    }
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}
