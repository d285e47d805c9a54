//! How an answer is written: the form the client accepts, and how lists and refusals look.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use super::{request::Query, table};
use crate::store::{ApiError, Object, Resource};

pub(super) type Answer = Response<Body>;

/// In which form objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    /// Only the metadata (`PartialObjectMetadata`).
    Metadata,
    /// Rows of cells, as `kubectl get` prints them.
    Table(table::Include),
}

/// What the client wants to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) shape: Shape,
    pretty: bool,
}

impl Form {
    /// Reads Accept, `pretty` and `includeObject`; the first form that is served here wins.
    pub(super) fn negotiate(headers: &HeaderMap, query: &Query) -> Result<Self, ApiError> {
        let pretty = match query.get("pretty") {
            Some(_) => query.flag("pretty"),
            None => is_person(headers),
        };
        let accept = text(headers, &header::ACCEPT);
        if accept.is_empty() {
            return Ok(Self { shape: Shape::Whole, pretty });
        }
        for range in accept.split(',') {
            if let Some(shape) = shape(range, query)? {
                return Ok(Self { shape, pretty });
            }
        }
        let message = "only the following media types are accepted: application/json, \
                       application/json;as=Table;g=meta.k8s.io;v=v1, \
                       application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        Err(ApiError::new(406, "NotAcceptable", message))
    }

    /// One object, in the form asked for.
    pub(super) fn object(self, code: StatusCode, resource: &Resource, object: &Object) -> Answer {
        match self.shape {
            Shape::Whole => self.json(code, object),
            Shape::Metadata => self.json(code, &partial(object)),
            Shape::Table(include) => {
                let version = object["metadata"]["resourceVersion"].clone();
                let meta = json!({ "resourceVersion": version });
                self.json(code, &table::table(resource, [object].into_iter(), &meta, include, true))
            }
        }
    }

    /// A list, in the form asked for.
    pub(super) fn list<'a>(
        self,
        resource: &Resource,
        items: impl Iterator<Item = &'a Object>,
        metadata: &Value,
    ) -> Answer {
        match self.shape {
            Shape::Whole => {
                let items: Vec<_> = items.map(Item).collect();
                let list = List {
                    kind: format!("{}List", resource.kind),
                    api_version: resource.api_version(),
                    metadata,
                    items,
                };
                self.json(StatusCode::OK, &list)
            }
            Shape::Metadata => {
                let items: Vec<_> = items.map(partial).collect();
                let list = json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata, "items": items,
                });
                self.json(StatusCode::OK, &list)
            }
            Shape::Table(include) => {
                self.json(StatusCode::OK, &table::table(resource, items, metadata, include, true))
            }
        }
    }

    pub(super) fn json(self, code: StatusCode, value: &impl Serialize) -> Answer {
        let text = if self.pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
        let mut text = text.expect("API values have only text keys");
        text.push(b'\n');
        with_type(code, "application/json", text)
    }
}

/// A refusal: always one line, since watchers read lines.
pub(super) fn refuse(error: &ApiError) -> Answer {
    let code = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut text = serde_json::to_vec(&error.status()).expect("a status has only text keys");
    text.push(b'\n');
    let mut answer = with_type(code, "application/json", text);
    if code == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

pub(super) fn plain(code: StatusCode, text: impl Into<Body>) -> Answer {
    with_type(code, "text/plain; charset=utf-8", text)
}

pub(super) fn with_type(code: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = code;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Tells the client about fields that were dropped.
pub(super) fn warn(mut answer: Answer, warnings: &[String]) -> Answer {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(header::WARNING, value);
        }
    }
    answer
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// An object's metadata alone.
pub(super) fn partial(object: &Object) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}

fn shape(range: &str, query: &Query) -> Result<Option<Shape>, ApiError> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    if !matches!(media, "application/json" | "application/*" | "*/*") {
        return Ok(None);
    }
    let parameter =
        |key: &str| range.split(';').filter_map(|p| p.trim().split_once('=')).find(|(k, _)| *k == key);
    let served = parameter("v").is_none_or(|(_, v)| v == "v1");
    Ok(match parameter("as").map(|(_, kind)| kind) {
        None => Some(Shape::Whole),
        Some("Table") if served => Some(Shape::Table(table::Include::parse(query.text("includeObject"))?)),
        Some("PartialObjectMetadata" | "PartialObjectMetadataList") if served => Some(Shape::Metadata),
        Some(_) => None,
    })
}

/// Whether a person looks at the answer, by the program that asks.
fn is_person(headers: &HeaderMap) -> bool {
    let agent = text(headers, &header::USER_AGENT);
    ["curl", "Wget", "Mozilla/"].iter().any(|program| agent.starts_with(program))
}

#[derive(Serialize)]
struct List<'a> {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
    metadata: &'a Value,
    items: Vec<Item<'a>>,
}

/// An object in a list has neither kind nor apiVersion: the list says them.
struct Item<'a>(&'a Object);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.as_object().into_iter().flatten();
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in fields.filter(|(key, _)| !matches!(key.as_str(), "kind" | "apiVersion")) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
