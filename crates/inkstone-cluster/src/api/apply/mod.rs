//! Who owns which fields: server-side apply and the bookkeeping of other writes.

mod fields;
mod managed;
mod merge;

pub(super) use managed::{Manager, Operation, track};

use serde_json::Value;

use self::{fields::Fields, managed::Managed};
use crate::store::{self, ApiError, Cause, Object, Part, Resource, object};

/// What the server sets itself and nobody owns.
const OWN: &[&str] = &[
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
];

/// Lays what a manager applies over an object: its fields are set and become its own, those it applied before and
/// no longer does are removed unless another owns them.
///
/// # Errors
/// 409 with one cause per field that another manager owns with another value, unless `force`.
pub(super) fn apply(
    resource: &Resource,
    live: &mut Object,
    applied: &Value,
    part: Part,
    manager: &Manager,
    force: bool,
) -> Result<(), ApiError> {
    let mut managed = Managed::of(live)?;
    let set = Fields::of(&owned_part(applied, part));
    let before = live.clone();
    merge::lay_over(live, applied_part(applied, part), &mut Vec::new());
    // What was applied may be what is there, but for defaults.
    let mut completed = live.clone();
    store::complete(resource, &mut completed);
    let conflicts = managed.conflicts(manager, &set, &before, &completed);
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    let last = managed.swap(manager, &set);
    merge::remove(live, &last.unclaimed_by(&managed.all()));
    managed.stamp(manager, &before, live);
    managed.write(live);
    Ok(())
}

/// A new object, owned by whoever applied it.
pub(super) fn begin(applied: &Value, manager: &Manager) -> Object {
    let mut object = applied.clone();
    let mut managed = Managed::default();
    managed.swap(manager, &Fields::of(&owned_part(applied, Part::Main)));
    managed.stamp(manager, &Value::Null, &object);
    managed.write(&mut object);
    object
}

/// What of an applied configuration can be owned.
fn owned_part(applied: &Value, part: Part) -> Value {
    let mut own = applied_part(applied, part);
    if let Some(table) = own.as_object_mut() {
        table.shift_remove("apiVersion");
        table.shift_remove("kind");
        if let Some(Value::Object(metadata)) = table.get_mut("metadata") {
            metadata.retain(|key, _| !OWN.contains(&key.as_str()));
            if metadata.is_empty() {
                table.shift_remove("metadata");
            }
        }
    }
    own
}

/// What of an applied configuration this part of the object takes.
fn applied_part(applied: &Value, part: Part) -> Value {
    let mut taken = applied.clone();
    if let Some(table) = taken.as_object_mut() {
        match part {
            Part::Main => {
                table.shift_remove("status");
            }
            Part::Status => table.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "status")),
        }
    }
    taken
}

fn conflict(conflicts: &[(String, String)]) -> ApiError {
    let mut causes: Vec<_> = conflicts
        .iter()
        .map(|(manager, field)| Cause {
            reason: "FieldManagerConflict",
            field: field.clone(),
            message: format!("conflict with {manager:?}"),
        })
        .collect();
    causes.sort_by(|a, b| (&a.message, &a.field).cmp(&(&b.message, &b.field)));
    let each: Vec<_> = causes.iter().map(|c| format!("{}: {}", c.message, c.field)).collect();
    let plural = if causes.len() == 1 { "conflict" } else { "conflicts" };
    ApiError::apply_conflict(
        format!("Apply failed with {} {plural}: {}", causes.len(), each.join(", ")),
        &causes,
    )
}

/// Whether two objects differ in anything but who owns them.
fn same_content(one: &Object, other: &Object) -> bool {
    let bare = |object: &Object| {
        let mut bare = object.clone();
        object::metadata_mut(&mut bare).shift_remove("managedFields");
        bare
    };
    bare(one) == bare(other)
}
