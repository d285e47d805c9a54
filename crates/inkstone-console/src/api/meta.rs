//! The console about itself, and answers to requests that no route takes.

use axum::extract::{OriginalUri, State};
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::Json;
use crate::console::Console;
use crate::problem::Problem;

/// Whether the console works.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

pub(crate) async fn health(State(console): State<Console>) -> Result<Json<Health>, Problem> {
    console.store.ping().await?;
    Ok(Json(Health { status: "ok" }))
}

pub(crate) async fn openapi() -> Json<serde_json::Value> {
    Json(crate::openapi::openapi())
}

pub(crate) async fn unknown(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::not_found(format!("route {method} {}; see api/v1/openapi.json", uri.path()))
}

pub(crate) async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("{} does not take {method}; see api/v1/openapi.json.", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "Wrong method", detail)
}
