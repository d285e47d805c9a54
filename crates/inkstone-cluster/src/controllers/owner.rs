//! Who owns an object, and taking and giving up ownership.
use std::sync::Arc;

use serde_json::{Value, json};

use crate::store::{ApiError, Object, Part, Resource, Selector, Store, object};

/// The reference that makes `owner` the controller of another object.
pub(crate) fn reference(owner: &Object) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": object::name(owner),
        "uid": object::uid(owner),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// The reference to the controller of `object`.
pub(crate) fn controller(object: &Object) -> Option<&Value> {
    references(object).iter().find(|reference| reference["controller"] == true)
}

/// Every reference to an owner.
pub(crate) fn references(object: &Object) -> &[Value] {
    object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The name of the controller of `object`, when that is of `kind`.
pub(crate) fn controller_name<'a>(object: &'a Object, kind: &str) -> Option<&'a str> {
    controller(object).filter(|owner| owner["kind"] == kind)?["name"].as_str()
}

/// The objects in the namespace of `owner` that it controls. Takes those that `selector` matches and nobody
/// controls; gives up those it no longer matches.
pub(crate) fn claim(
    store: &Store,
    resource: &'static Resource,
    owner: &Object,
    selector: &Selector,
) -> Result<Vec<Arc<Object>>, ApiError> {
    let uid = object::uid(owner);
    let mut mine = Vec::new();
    for object in store.list(resource, Some(object::namespace(owner)), &Selector::all()).items {
        let matches = selector.matches(&object);
        match controller(&object) {
            Some(reference) if reference["uid"] == uid => {
                if matches || object::is_deleting(&object) {
                    mine.push(object);
                } else {
                    disown(store, resource, &object, uid)?;
                }
            }
            None if matches && !object::is_deleting(&object) && !object::is_deleting(owner) => {
                mine.push(adopt(store, resource, &object, owner)?);
            }
            _ => {}
        }
    }
    Ok(mine)
}

fn adopt(
    store: &Store,
    resource: &'static Resource,
    orphan: &Object,
    owner: &Object,
) -> Result<Arc<Object>, ApiError> {
    store.modify(resource, object::namespace(orphan), object::name(orphan), Part::Main, |object| {
        if controller(object).is_none() {
            let metadata = object::metadata_mut(object);
            let owners = metadata.entry("ownerReferences").or_insert_with(|| json!([]));
            if let Some(owners) = owners.as_array_mut() {
                owners.push(reference(owner));
            }
        }
        Ok(())
    })
}

/// Removes the reference to the owner `uid`.
pub(crate) fn disown(
    store: &Store,
    resource: &'static Resource,
    object: &Object,
    uid: &str,
) -> Result<Arc<Object>, ApiError> {
    store.modify(resource, object::namespace(object), object::name(object), Part::Main, |object| {
        let metadata = object::metadata_mut(object);
        if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
            owners.retain(|owner| owner["uid"] != uid);
            if owners.is_empty() {
                metadata.shift_remove("ownerReferences");
            }
        }
        Ok(())
    })
}
