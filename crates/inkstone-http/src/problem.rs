//! Errors of handlers, as clients read them.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use inkstone_core::Error;
use serde::Serialize;

/// An error as `application/problem+json` (RFC 9457): what a handler returns in its `Err`.
///
/// Any error becomes one with `?`: status 500, and the error with all its sources is logged, not told to the client.
///
/// ```
/// use inkstone_http::Problem;
/// use inkstone_http::axum::http::StatusCode;
///
/// async fn order(id: &str) -> Result<String, Problem> {
///     let id: u64 = id.parse().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "bad_id", "the id is not a number"))?;
///     Ok(format!("order {id}"))
/// }
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
}

impl Problem {
    /// A problem with a code that programs can rely on, and a sentence for people: what was tried, why it failed, what
    /// to do.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { status, code, title, detail: detail.into() }
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        tracing::error!("a handler failed: {}", Error::chain(&error));
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed to answer; its log says why",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
