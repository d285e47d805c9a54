//! The description of all that can be asked, made from the table of endpoints.

use axum::Json;
use axum::extract::State as Extract;
use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::endpoints::{self, Endpoint};
use crate::governor::State;

pub(crate) async fn page(Extract(state): Extract<State>) -> Json<Value> {
    Json(describe(&state))
}

fn describe(state: &State) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints::all() {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_ascii_lowercase()] = operation(&endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Governor of {}", state.app.name()),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The port a service is governed through.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "certificate": { "type": "mutualTLS" },
            },
            "schemas": { "Problem": {
                "type": "object",
                "required": ["status", "code", "title", "detail"],
                "properties": {
                    "status": { "type": "integer" },
                    "code": { "type": "string" },
                    "title": { "type": "string" },
                    "detail": { "type": "string" },
                },
            } },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "operationId": id(endpoint),
        "summary": endpoint.about,
        "parameters": parameters(endpoint),
        "responses": responses(endpoint),
    });
    if !endpoint.open {
        operation["security"] = json!([{ "token": [] }, { "certificate": [] }]);
    }
    if let Some(example) = endpoint.body {
        let example: Value = serde_json::from_str(example).unwrap_or_default();
        let content = json!({ "application/json": { "schema": { "type": "object" }, "example": example } });
        operation["requestBody"] = json!({ "content": content });
    }
    operation
}

/// `getLogLevels`, for clients that are generated.
fn id(endpoint: &Endpoint) -> String {
    let mut id = endpoint.method.as_str().to_ascii_lowercase();
    let words = endpoint.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        id.push_str(&word[..1].to_ascii_uppercase());
        id.push_str(&word[1..]);
    }
    if endpoint.path == "/" { "getIndex".to_owned() } else { id }
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let in_path = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = endpoint.query.iter().map(
        |(name, kind, about)| json!({ "name": name, "in": "query", "description": about, "schema": { "type": kind } }),
    );
    in_path.chain(in_query).collect()
}

fn responses(endpoint: &Endpoint) -> Value {
    let content: Map<String, Value> =
        endpoint.media.iter().map(|media| ((*media).to_owned(), json!({}))).collect();
    let mut responses = json!({ "200": { "description": endpoint.about, "content": content } });
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let refused: &[(u16, &str)] = match (endpoint.open, &endpoint.method) {
        (true, _) => &[],
        (false, &Method::GET) => {
            &[(401, "A token or a certificate is needed."), (403, "A web page of another origin asks.")]
        }
        (false, _) => &[
            (401, "A token or a certificate is needed."),
            (403, "A web page of another origin asks."),
            (413, "The body is too large."),
        ],
    };
    for (status, about) in refused.iter().chain(endpoint.problems) {
        responses[status.to_string()] = json!({ "description": about, "content": problem });
    }
    responses
}
