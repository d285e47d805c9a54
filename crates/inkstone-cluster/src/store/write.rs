//! Creating and changing objects, with the rules that hold for every kind.

use std::sync::Arc;

use rand::Rng;
use serde_json::Value;

use super::{
    ApiError, Cause, Key, NAMESPACES, Resource, SERVICES, State, Store, defaults,
    delete::may_go,
    object::{self, Object},
    validate,
    watch::{Change, last_state},
};

/// Which part of an object a change is about; the other is kept as it is, whatever the change does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but the status (everything, for kinds without a separate status).
    Main,
    /// Only the status.
    Status,
}

impl Store {
    /// Creates an object: checks it, completes it with defaults and gives it uid, version and creation time.
    ///
    /// # Errors
    /// 409 when there is one of that name; 404 when the namespace does not exist, 403 when it is being deleted;
    /// 422 when the object breaks a rule of its kind; 500 when it cannot be stored.
    pub fn create(&self, resource: &'static Resource, object: Object) -> Result<Arc<Object>, ApiError> {
        self.create_with(resource, object, |_| ())
    }

    /// [`Store::create`], with a last look at the completed object.
    pub(crate) fn create_with(
        &self,
        resource: &'static Resource,
        mut object: Object,
        finish: impl FnOnce(&mut Object),
    ) -> Result<Arc<Object>, ApiError> {
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind.into();
        object::metadata_mut(&mut object);
        begin(resource, &mut object)?;
        let mut state = self.state();
        name_it(&state, resource, &mut object)?;
        let (namespace, name) = (object::namespace(&object).to_owned(), object::name(&object).to_owned());
        if resource.namespaced {
            enter_namespace(&state, resource, &namespace, &name)?;
        }
        if state.get(resource, &namespace, &name).is_some() {
            return Err(ApiError::already_exists(resource, &name));
        }
        defaults::begin(resource, &mut object);
        defaults::complete(resource, &mut object);
        finish(&mut object);
        if resource == SERVICES {
            let taken = |ip: &str| state.of(SERVICES, None).any(|s| s["spec"]["clusterIP"] == *ip);
            defaults::cluster_ip(&mut object, taken);
        }
        validate::object(resource, &object, None)?;
        let key = (namespace, name);
        self.put(&mut state, resource, key, None, object)
    }

    /// Reads an object, lets `change` edit a copy, and writes it back unless somebody else wrote in between, in
    /// which case it begins anew. An edit that changes nothing makes no new version.
    ///
    /// `change` may use the store. If it leaves `metadata.resourceVersion` at another version than the object's,
    /// the change is refused; identity, creation and deletion times cannot be changed.
    ///
    /// # Errors
    /// What `change` returns; 404; 409 when the version does not fit; 422 when the object then breaks a rule of its
    /// kind; 500 when it cannot be stored.
    pub fn modify(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        part: Part,
        change: impl FnMut(&mut Object) -> Result<(), ApiError>,
    ) -> Result<Arc<Object>, ApiError> {
        self.modify_with(resource, namespace, name, part, change, |_, _| ())
    }

    /// [`Store::modify`], with a last look at the old and the completed new object.
    pub(crate) fn modify_with(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        part: Part,
        mut change: impl FnMut(&mut Object) -> Result<(), ApiError>,
        finish: impl Fn(&Object, &mut Object),
    ) -> Result<Arc<Object>, ApiError> {
        loop {
            let old = self.get(resource, namespace, name)?;
            let mut new = (*old).clone();
            change(&mut new)?;
            settle(resource, part, &old, &mut new)?;
            if part == Part::Main {
                defaults::carry(resource, &old, &mut new);
                defaults::complete(resource, &mut new);
            }
            finish(&old, &mut new);
            if new == *old {
                return Ok(old);
            }
            validate::object(resource, &new, Some(&old))?;
            if resource.generation && new["spec"] != old["spec"] {
                let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
                new["metadata"]["generation"] = generation.into();
            }
            let mut state = self.state();
            match state.get(resource, namespace, name) {
                Some(current) if Arc::ptr_eq(&current, &old) => {}
                _ => continue,
            }
            let key = (namespace.to_owned(), name.to_owned());
            if may_go(resource, &new) {
                return self.remove(&mut state, resource, key, &old, &new);
            }
            return self.put(&mut state, resource, key, Some(old), new);
        }
    }

    pub(super) fn put(
        &self,
        state: &mut State,
        resource: &'static Resource,
        key: Key,
        old: Option<Arc<Object>>,
        mut new: Object,
    ) -> Result<Arc<Object>, ApiError> {
        if self.dry {
            return Ok(Arc::new(new));
        }
        let version = state.version + 1;
        object::metadata_mut(&mut new).insert("resourceVersion".into(), version.to_string().into());
        let new = Arc::new(new);
        let change = Change { version, resource, key, old, new: Some(new.clone()) };
        state.commit(change, &self.inner.version)?;
        Ok(new)
    }

    pub(super) fn remove(
        &self,
        state: &mut State,
        resource: &'static Resource,
        key: Key,
        old: &Arc<Object>,
        last: &Object,
    ) -> Result<Arc<Object>, ApiError> {
        if self.dry {
            return Ok(Arc::new(last.clone()));
        }
        let version = state.version + 1;
        let change = Change { version, resource, key, old: Some(old.clone()), new: None };
        state.commit(change, &self.inner.version)?;
        Ok(last_state(last, version))
    }
}

/// What the server sets on a new object.
fn begin(resource: &'static Resource, object: &mut Object) -> Result<(), ApiError> {
    let metadata = object::metadata_mut(object);
    if metadata.get("resourceVersion").and_then(Value::as_str).is_some_and(|v| !v.is_empty()) {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    for own in
        ["resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"]
    {
        metadata.remove(own);
    }
    metadata.insert("uid".into(), new_uid().into());
    metadata.insert("creationTimestamp".into(), object::now().into());
    if resource.generation {
        metadata.insert("generation".into(), 1.into());
    }
    if !resource.namespaced {
        metadata.remove("namespace");
    }
    if resource.status {
        object.as_object_mut().expect("metadata_mut made it an object").remove("status");
    }
    Ok(())
}

fn name_it(state: &State, resource: &Resource, object: &mut Object) -> Result<(), ApiError> {
    if !object::name(object).is_empty() {
        return Ok(());
    }
    let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default().to_owned();
    if prefix.is_empty() {
        let cause = Cause::required("metadata.name", "name or generateName is required");
        return Err(ApiError::invalid(resource, "", &[cause]));
    }
    let namespace = object::namespace(object).to_owned();
    loop {
        let name = format!("{}{}", prefix.chars().take(58).collect::<String>(), suffix());
        if state.get(resource, &namespace, &name).is_none() {
            object::metadata_mut(object).insert("name".into(), name.into());
            return Ok(());
        }
    }
}

/// Five characters without vowels, so that they spell nothing.
fn suffix() -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut random = rand::rng();
    (0..5).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

fn new_uid() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    bytes[6] = bytes[6] & 0x0f | 0x40; // version 4: random
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn enter_namespace(state: &State, resource: &Resource, namespace: &str, name: &str) -> Result<(), ApiError> {
    if namespace.is_empty() {
        return Err(ApiError::invalid(resource, name, &[Cause::required("metadata.namespace", "")]));
    }
    let Some(home) = state.get(NAMESPACES, "", namespace) else {
        return Err(ApiError::not_found(NAMESPACES, namespace));
    };
    if object::is_deleting(&home) {
        return Err(ApiError::namespace_terminating(resource, name, namespace));
    }
    Ok(())
}

/// Puts back what a change may not touch.
fn settle(resource: &Resource, part: Part, old: &Object, new: &mut Object) -> Result<(), ApiError> {
    let name = object::name(old);
    let asked = new["metadata"].get("resourceVersion").and_then(Value::as_str).unwrap_or_default();
    if !asked.is_empty() && asked != old["metadata"]["resourceVersion"] {
        return Err(ApiError::stale(resource, name));
    }
    let asked = object::uid(new);
    if !asked.is_empty() && asked != object::uid(old) {
        let why = format!(
            "Precondition failed: UID in precondition: {asked}, UID in object meta: {}",
            object::uid(old)
        );
        return Err(ApiError::conflict(resource, name, &why));
    }
    if part == Part::Status {
        let status = new.get("status").cloned();
        let fields = new["metadata"].get("managedFields").cloned();
        *new = old.clone();
        set(new, "status", status);
        set(&mut new["metadata"], "managedFields", fields);
        return Ok(());
    }
    new["apiVersion"] = old["apiVersion"].clone();
    new["kind"] = old["kind"].clone();
    if resource.status {
        set(new, "status", old.get("status").cloned());
    }
    object::metadata_mut(new);
    for own in [
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        set(&mut new["metadata"], own, old["metadata"].get(own).cloned());
    }
    new["metadata"].as_object_mut().map(|m| m.remove("selfLink"));
    Ok(())
}

fn set(object: &mut Value, key: &str, value: Option<Value>) {
    let Some(table) = object.as_object_mut() else {
        return;
    };
    match value {
        Some(value) if !value.is_null() => table.insert(key.to_owned(), value),
        _ => table.shift_remove(key),
    };
}
