//! Reading what every object has.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A complete object: `apiVersion`, `kind`, `metadata` and what its kind has.
pub type Object = Value;

/// The object's name.
#[must_use]
pub fn name(object: &Object) -> &str {
    field(object, "name")
}

/// The object's namespace; empty for a cluster-wide one.
#[must_use]
pub fn namespace(object: &Object) -> &str {
    field(object, "namespace")
}

/// The identity that no other object ever has, not even a later one of the same name.
#[must_use]
pub fn uid(object: &Object) -> &str {
    field(object, "uid")
}

/// The version of the object's last write.
#[must_use]
pub fn version(object: &Object) -> u64 {
    field(object, "resourceVersion").parse().unwrap_or(0)
}

/// The value of a label.
#[must_use]
pub fn label<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"].get(key)?.as_str()
}

/// The value of an annotation.
#[must_use]
pub fn annotation<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"].get(key)?.as_str()
}

/// Whether the object is being deleted.
#[must_use]
pub fn is_deleting(object: &Object) -> bool {
    object["metadata"].get("deletionTimestamp").is_some_and(Value::is_string)
}

/// Whether something must be done before the object may go.
#[must_use]
pub fn has_finalizers(object: &Object) -> bool {
    filled(&object["metadata"]["finalizers"]) || filled(&object["spec"]["finalizers"])
}

/// The object's metadata, made if it is not there.
pub fn metadata_mut(object: &mut Object) -> &mut Map<String, Value> {
    table_mut(object, "metadata")
}

/// The table under `key`, made if it is not there (or is something else).
pub(crate) fn table_mut<'a>(object: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let slot = &mut object[key];
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("it was made an object just now")
}

/// Now, as objects write it: whole seconds.
#[must_use]
pub fn now() -> String {
    timestamp(Timestamp::now())
}

/// A moment as objects write it: whole seconds.
#[must_use]
pub fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn field<'a>(object: &'a Object, key: &str) -> &'a str {
    object["metadata"].get(key).and_then(Value::as_str).unwrap_or_default()
}

fn filled(list: &Value) -> bool {
    list.as_array().is_some_and(|l| !l.is_empty())
}
