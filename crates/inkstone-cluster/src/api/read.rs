//! Get and list: versions, chunks and how long an answer may be old.

use std::time::Duration;

use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::Form,
    request::{Query, Target},
};
use crate::store::{ApiError, Listed, Selector, Store, object};

/// How long a list waits for a version that has not been written yet.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn get(
    store: &Store,
    target: &Target,
    name: &str,
    form: Form,
) -> Result<Response<Body>, ApiError> {
    let object = store.get(target.resource, target.home(), name)?;
    Ok(form.object(StatusCode::OK, target.resource, &object))
}

pub(super) async fn list(
    store: &Store,
    target: &Target,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, ApiError> {
    let selector =
        Selector::parse(target.resource, query.text("labelSelector"), query.text("fieldSelector"))?;
    let limit = usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(0);
    let (listed, start) = match query.get("continue") {
        Some(token) => go_on(store, target, query, &selector, token)?,
        None => (begin(store, target, query, &selector).await?, String::new()),
    };
    let rest = listed.items.iter().filter(|o| place(o) > start);
    let total = rest.clone().count();
    let mut metadata = json!({ "resourceVersion": listed.resource_version.to_string() });
    let shown = if limit == 0 { total } else { limit.min(total) };
    if shown < total {
        let last = rest.clone().nth(shown - 1).map(|o| place(o)).unwrap_or_default();
        metadata["continue"] = Token::new(listed.resource_version, last).encode().into();
        if selector.is_all() {
            metadata["remainingItemCount"] = (total - shown).into();
        }
    }
    Ok(form.list(target.resource, rest.take(shown).map(|o| &**o), &metadata))
}

/// The first page: the newest state, one no older than asked, or exactly the one asked for.
async fn begin(
    store: &Store,
    target: &Target,
    query: &Query,
    selector: &Selector,
) -> Result<Listed, ApiError> {
    let version = query.version("resourceVersion")?;
    let exact = match (query.get("resourceVersionMatch"), version) {
        (None | Some("NotOlderThan"), Some(_)) | (None, None) => false,
        (Some("Exact"), Some(1..)) => true,
        (Some(kind), _) => return Err(wrong_match(kind)),
    };
    let wanted = version.unwrap_or(0);
    arrive(store, wanted).await?;
    if exact {
        return store.list_at(target.resource, target.namespace.as_deref(), selector, wanted);
    }
    Ok(store.list(target.resource, target.namespace.as_deref(), selector))
}

/// A later page, of the state that the first one showed.
fn go_on(
    store: &Store,
    target: &Target,
    query: &Query,
    selector: &Selector,
    token: &str,
) -> Result<(Listed, String), ApiError> {
    if query.get("resourceVersion").is_some() {
        return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
    }
    let token = Token::decode(token)?;
    let namespace = target.namespace.as_deref();
    let listed = match u64::try_from(token.rv) {
        Ok(version) => store.list_at(target.resource, namespace, selector, version).map_err(|e| {
            let fresh = Token { rv: -1, ..token.clone() }; // goes on in the newest state
            ApiError::expired(format!(
                "The provided continue parameter is too old to display a consistent list result. You can start a \
                 new list without the continue parameter, or use the continue token in this response to retrieve \
                 the remainder of the results. Continuing with the provided token results in an inconsistent list \
                 - objects that were created, modified, or deleted between the time the first chunk was returned \
                 and now may show up in the list. ({e})"
            ))
            .continue_with(fresh.encode())
        })?,
        Err(_) => store.list(target.resource, namespace, selector),
    };
    Ok((listed, token.start.trim_end_matches('\0').to_owned()))
}

/// Waits until the store has reached a version that the client saw somewhere.
async fn arrive(store: &Store, version: u64) -> Result<(), ApiError> {
    let mut versions = store.versions();
    let reached = tokio::time::timeout(PATIENCE, versions.wait_for(|now| *now >= version)).await;
    if matches!(reached, Ok(Ok(_))) {
        return Ok(());
    }
    let message = format!("Too large resource version: {version}, current: {}", store.version());
    let error = ApiError::new(504, "Timeout", message);
    Err(error.details(json!({
        "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
        "retryAfterSeconds": 1,
    })))
}

fn wrong_match(kind: &str) -> ApiError {
    let why = match kind {
        "Exact" | "NotOlderThan" => {
            "Forbidden: resourceVersionMatch is forbidden unless a fitting resourceVersion is provided"
        }
        _ => "Unsupported value: supported values: \"Exact\", \"NotOlderThan\"",
    };
    ApiError::new(
        422,
        "Invalid",
        format!("ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: {why}"),
    )
}

/// Where an object stands in a list: the order of the store.
fn place(object: &Value) -> String {
    match object::namespace(object) {
        "" => object::name(object).to_owned(),
        // A space sorts before every character of a name, as the end of the namespace does in the store.
        namespace => format!("{namespace} {}", object::name(object)),
    }
}

/// Where a chunked list goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

impl Token {
    fn new(version: u64, last: String) -> Self {
        Self { v: "meta.k8s.io/v1".into(), rv: i64::try_from(version).unwrap_or(-1), start: last + "\0" }
    }

    fn encode(&self) -> String {
        BASE64.encode(serde_json::to_vec(self).expect("a token has only text keys"))
    }

    fn decode(text: &str) -> Result<Self, ApiError> {
        let wrong =
            || ApiError::bad_request("continue key is not valid: it is not one that this server gave");
        let bytes = BASE64.decode(text.trim_end_matches('=')).map_err(|_| wrong())?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        if token.v == "meta.k8s.io/v1" { Ok(token) } else { Err(wrong()) }
    }
}
