//! What the console answers when it cannot do what was asked: `application/problem+json`, RFC 9457.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::cluster::ClusterError;
use crate::store::StoreError;

/// An answer that is not what was asked for: what was tried, on what, why it failed, what to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    #[schema(value_type = u16)]
    #[serde(serialize_with = "code")]
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

fn code<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), more: Map::new(), retry_after: None }
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", format!("There is no {what}."))
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "The request makes no sense", detail)
    }

    pub(crate) fn unprocessable(code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, detail)
    }

    pub(crate) fn conflict(code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, title, detail)
    }

    pub(crate) fn too_many_attempts(seconds: u64) -> Self {
        let detail = format!("Too many failed attempts. Wait {seconds} s and try again.");
        let problem =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// The same, told in other words.
    pub(crate) fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// Adds a member that a client can act on.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the console's database failed");
        if error.is_full() {
            let detail = format!(
                "Could not {error}. Nothing was changed. Make room on the disk that holds the console's \
                 database, then try again."
            );
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", "The disk is full", detail);
        }
        if error.is_busy() {
            let detail = format!("Could not {error}. Nothing was changed. Try again.");
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "storage_busy",
                "The database is busy",
                detail,
            );
        }
        let detail = format!(
            "Could not {error}. Nothing was changed. See the console's log and its database file and directory."
        );
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "storage", "The database failed", detail)
    }
}

impl From<ClusterError> for Problem {
    fn from(error: ClusterError) -> Self {
        match &error {
            ClusterError::Missing { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", error.to_string())
            }
            ClusterError::Refused { .. } => Self::new(
                StatusCode::BAD_GATEWAY,
                "cluster_refused",
                "The cluster refused",
                error.to_string(),
            ),
            ClusterError::Unreachable { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "cluster_unreachable",
                "The cluster does not answer",
                error.to_string(),
            ),
            ClusterError::Conflict { .. } => {
                Self::conflict("live_changed", "The ConfigMap was changed meanwhile", error.to_string())
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is plain text and numbers");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
