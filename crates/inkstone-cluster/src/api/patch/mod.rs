//! The patch kinds, each turning an object into another.

mod json;
mod strategic;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::body;
use crate::store::{ApiError, Object};

/// A patch, read but not yet applied.
#[derive(Debug)]
pub(super) enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
    Strategic(Value),
    /// Server-side apply.
    Apply(Value),
}

const KINDS: &str = "application/json-patch+json, application/merge-patch+json, \
                     application/strategic-merge-patch+json, application/apply-patch+yaml";

impl Patch {
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, ApiError> {
        match body::media(headers) {
            "application/json-patch+json" => serde_json::from_slice(body)
                .map(Self::Json)
                .map_err(|e| ApiError::bad_request(format!("cannot read the JSON patch: {e}"))),
            "application/merge-patch+json" => Ok(Self::Merge(table(body::json(body)?)?)),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic(table(body::json(body)?)?)),
            "application/apply-patch+yaml" => Ok(Self::Apply(table(body::yaml(body)?)?)),
            other => Err(body::unsupported(other, KINDS)),
        }
    }

    /// Applies the patch (other than server-side apply, which needs to know who applies).
    pub(super) fn apply(&self, object: &mut Object) -> Result<(), ApiError> {
        match self {
            Self::Json(patch) => json::apply(object, patch),
            Self::Merge(patch) => {
                json_patch::merge(object, patch);
                Ok(())
            }
            Self::Strategic(patch) => strategic::merge(object, patch),
            Self::Apply(_) => unreachable!("server-side apply is not applied without its manager"),
        }
    }
}

fn table(patch: Value) -> Result<Value, ApiError> {
    if patch.is_object() { Ok(patch) } else { Err(ApiError::bad_request("the patch must be one object")) }
}
