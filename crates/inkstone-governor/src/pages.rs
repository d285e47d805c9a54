//! What is shown.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use inkstone_config::{Effective, Fault, SourceStatus};
use inkstone_core::{BuildInfo, Phase};
use inkstone_observe::MetricsFormat;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::checks::{self, Status};
use crate::governor::State;

pub(crate) async fn live() -> &'static str {
    "live\n"
}

pub(crate) async fn ready(Extract(state): Extract<State>) -> (StatusCode, Json<Value>) {
    let checks = checks::all(&state.app).await;
    let down = checks.iter().any(|check| check.status == Status::Down);
    // Asked after the checks, which take time: a service that began to stop meanwhile is not ready.
    let phase = *state.app.phase().borrow();
    let status = match phase {
        Phase::Starting => "starting",
        Phase::Ready if down => "unready",
        Phase::Ready => "ready",
        Phase::Draining | Phase::Stopped => "draining",
    };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "status": status, "checks": checks })))
}

/// In the format that the scraper prefers.
pub(crate) async fn metrics(
    Extract(state): Extract<State>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 1], String) {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = MetricsFormat::accepted(accept);
    ([(CONTENT_TYPE, format.content_type())], state.app.metrics().encode_as(format))
}

pub(crate) async fn build(Extract(state): Extract<State>) -> Json<BuildInfo> {
    Json(state.app.build_info().clone())
}

pub(crate) async fn config(Extract(state): Extract<State>) -> Json<Value> {
    let settings = state.app.settings();
    let status = settings.status();
    let rejected = status.rejected.map(|rejected| {
        json!({
            "at": time(rejected.at),
            "sources": rejected.sources.iter().map(source).collect::<Vec<_>>(),
            "problems": rejected.problems.iter().map(Fault::to_json).collect::<Vec<_>>(),
        })
    });
    Json(json!({
        "sources": status.sources.iter().map(source).collect::<Vec<_>>(),
        "rejected": rejected,
        "pending_restart": status.pending_restart,
        "reloads": status.reloads,
        "watch": status.watch.to_json(),
        "effective": settings.effective().iter().map(Effective::to_json).collect::<Vec<_>>(),
    }))
}

fn source(source: &SourceStatus) -> Value {
    json!({ "name": source.name, "hash": source.hash, "loaded_at": time(source.loaded_at), "trouble": source.trouble })
}

/// RFC 3339 in UTC, with milliseconds.
pub(crate) fn time(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Some(format!("{time:.3}"))
}
