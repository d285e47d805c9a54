//! JSON patch: one operation after the other, within limits.
//!
//! A copy makes an object larger than the request that asks for it, and paths make it deeper; a few operations could
//! otherwise fill the memory or the stack.

use json_patch::{Patch, PatchOperation, jsonptr::Pointer};
use serde_json::Value;

use super::super::MOST_BODY;
use crate::store::ApiError;

const MOST_OPERATIONS: usize = 10_000;
/// As deep as a body may be.
const MOST_DEPTH: usize = 128;

/// Applies the patch to the object.
pub(super) fn apply(object: &mut Value, patch: &Patch) -> Result<(), ApiError> {
    if patch.len() > MOST_OPERATIONS {
        let message = format!("the JSON patch has {} operations, more than {MOST_OPERATIONS}", patch.len());
        return Err(too_large(message));
    }
    let mut copied = 0;
    for (at, operation) in patch.iter().enumerate() {
        if let PatchOperation::Copy(copy) = operation {
            copied += find(object, &copy.from).map_or(0, |value| value.to_string().len());
            if copied > MOST_BODY {
                return Err(too_large(format!("the JSON patch copies more than {MOST_BODY} bytes")));
            }
        }
        let added = match operation {
            PatchOperation::Add(add) => Some(&add.value),
            PatchOperation::Replace(replace) => Some(&replace.value),
            PatchOperation::Copy(copy) => find(object, &copy.from),
            PatchOperation::Move(moved) => find(object, &moved.from),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
        };
        let path = operation.path();
        if added.is_some_and(|value| path.count() + depth(value) > MOST_DEPTH) {
            let why = format!("the object would be nested deeper than {MOST_DEPTH} levels");
            return Err(invalid(&format!("operation '/{at}' failed at path '{path}': {why}")));
        }
        json_patch::patch(object, std::slice::from_ref(operation)).map_err(|e| {
            // It was tried on its own, so it calls itself the first.
            invalid(&format!("operation '/{at}' failed at path '{}': {}", e.path, e.kind))
        })?;
    }
    Ok(())
}

fn find<'v>(object: &'v Value, pointer: &Pointer) -> Option<&'v Value> {
    object.pointer(pointer.as_str())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(table) => 1 + table.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn invalid(why: &str) -> ApiError {
    let message = format!("the server rejected our request due to an error in our request: {why}");
    ApiError::new(422, "Invalid", message)
}

fn too_large(message: String) -> ApiError {
    ApiError::new(413, "RequestEntityTooLarge", message)
}
