//! The audit log.

use axum::extract::State;
use serde::Deserialize;

use crate::body::{Json, Query};
use crate::console::Console;
use crate::problem::Problem;
use crate::store::AuditPage;

/// Which page.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    limit: Option<i64>,
    before: Option<i64>,
}

pub(crate) async fn list(
    State(console): State<Console>,
    Query(page): Query<Page>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = page.limit.unwrap_or(50).clamp(1, 500);
    Ok(Json(console.store.audit(page.before, limit).await?))
}
