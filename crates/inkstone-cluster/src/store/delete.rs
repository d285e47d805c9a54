//! Deleting objects: at once, or when what they wait for is done.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    ApiError, NAMESPACES, PODS, Resource, Store,
    object::{self, Object},
};

/// How many seconds a pod may be given to end: a year, which the clock can add to any moment.
pub(crate) const LONGEST_GRACE: i64 = 365 * 86_400;

/// What happens to objects that the deleted one owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// They are deleted first: the object waits with the finalizer `foregroundDeletion`.
    Foreground,
    /// They stay, without the owner: the object waits with the finalizer `orphan`.
    Orphan,
}

/// How an object is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Seconds that a pod gets to end by itself; `Some(0)` removes it at once. None: what its spec says.
    pub grace_seconds: Option<i64>,
    /// What happens to objects it owns.
    pub propagation: Propagation,
    /// Refuse unless the object has this uid.
    pub uid: Option<String>,
    /// Refuse unless the object has this version.
    pub resource_version: Option<u64>,
}

impl DeleteOptions {
    /// Removes a pod at once: what its kubelet asks for when the program has ended.
    #[must_use]
    pub fn now() -> Self {
        Self { grace_seconds: Some(0), ..Self::default() }
    }
}

impl Store {
    /// Deletes an object, or marks it as being deleted where something must be done first: finalizers, a
    /// namespace's content, a pod's program. Returns its last state.
    ///
    /// # Errors
    /// 404; 409 when a precondition does not hold; 500 when it cannot be stored.
    pub fn delete(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Arc<Object>, ApiError> {
        let mut state = self.state();
        let old = state.get(resource, namespace, name).ok_or_else(|| ApiError::not_found(resource, name))?;
        preconditions(resource, &old, options)?;
        let key = (namespace.to_owned(), name.to_owned());
        let grace = grace(resource, &old, options);
        let mut new = (*old).clone();
        hold(&mut new, options.propagation);
        if grace == 0 && !object::has_finalizers(&new) {
            return self.remove(&mut state, resource, key, &old, &old);
        }
        mark(resource, &mut new, grace);
        if new == *old {
            return Ok(old);
        }
        self.put(&mut state, resource, key, Some(old), new)
    }
}

fn preconditions(resource: &Resource, old: &Object, options: &DeleteOptions) -> Result<(), ApiError> {
    let name = object::name(old);
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != object::uid(old)) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            object::uid(old)
        );
        return Err(ApiError::conflict(resource, name, &why));
    }
    if let Some(version) = options.resource_version.filter(|v| *v != object::version(old)) {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {}",
            object::version(old)
        );
        return Err(ApiError::conflict(resource, name, &why));
    }
    Ok(())
}

/// How long the object may stay to end by itself. Only a pod that a kubelet runs has something to end.
fn grace(resource: &Resource, old: &Object, options: &DeleteOptions) -> i64 {
    let runs = !old["spec"]["nodeName"].as_str().unwrap_or_default().is_empty()
        && !matches!(old["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if resource != PODS || !runs {
        return 0;
    }
    let own = old["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    let asked = options.grace_seconds.unwrap_or(own).clamp(0, LONGEST_GRACE);
    match old["metadata"]["deletionGracePeriodSeconds"].as_i64() {
        Some(before) if object::is_deleting(old) => asked.min(before), // a deletion can be hastened, never put off
        _ => asked,
    }
}

/// Adds the finalizer that the propagation asks for.
fn hold(object: &mut Object, propagation: Propagation) {
    let finalizer = match propagation {
        Propagation::Background => return,
        Propagation::Foreground => "foregroundDeletion",
        Propagation::Orphan => "orphan",
    };
    if object::is_deleting(object) {
        return;
    }
    let metadata = object::metadata_mut(object);
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut().filter(|l| !l.iter().any(|f| f == finalizer)) {
        list.push(finalizer.into());
    }
}

fn mark(resource: &Resource, object: &mut Object, grace: i64) {
    let deadline = Timestamp::now() + SignedDuration::from_secs(grace);
    let metadata = object::metadata_mut(object);
    let before = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
    if before.is_some_and(|b| b <= grace) {
        return;
    }
    metadata.insert("deletionTimestamp".into(), object::timestamp(deadline).into());
    metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
    if resource.generation && before.is_none() {
        let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or(0) + 1;
        metadata.insert("generation".into(), generation.into());
    }
    if resource == NAMESPACES {
        object["status"]["phase"] = "Terminating".into();
    }
}

/// Whether an object being deleted has nothing left to wait for.
pub(super) fn may_go(resource: &Resource, object: &Object) -> bool {
    let pending = resource == PODS && object["metadata"]["deletionGracePeriodSeconds"].as_i64() != Some(0);
    object::is_deleting(object) && !object::has_finalizers(object) && !pending
}
