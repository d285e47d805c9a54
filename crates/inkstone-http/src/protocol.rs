//! What HTTP calls things, for the guard.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::MatchedPath;
use http::{HeaderMap, Method, Request, Response, StatusCode, response};
use inkstone_guard::HttpProtocol;

/// HTTP as we serve it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Http;

impl HttpProtocol for Http {
    const SERVER: bool = true;

    fn method<B>(&self, request: &Request<B>) -> Arc<str> {
        // A path comes from the client; a route does not.
        match request.extensions().get::<MatchedPath>() {
            Some(route) => format!("{} {}", known(request.method()), route.as_str()).into(),
            None => "unmatched".into(),
        }
    }

    fn code(&self, head: &response::Parts) -> Option<&'static str> {
        Some(code(head.status))
    }

    fn final_code(&self, head: &'static str, _trailers: Option<&HeaderMap>) -> &'static str {
        head
    }

    fn failed(&self) -> &'static str {
        "aborted"
    }

    fn timed_out<B: Default>(&self, _waited: Duration) -> (Response<B>, &'static str) {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        (response, "timeout")
    }
}

/// The method, if it is one of the standard's: clients may make up others.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => method.as_str(),
        Method::PATCH | Method::OPTIONS | Method::CONNECT | Method::TRACE => method.as_str(),
        _ => "_OTHER",
    }
}

macro_rules! codes {
    ($($code:literal)+) => {
        /// The status as a label: by itself if it is registered, else by its class.
        fn code(status: StatusCode) -> &'static str {
            match status.as_u16() {
                $($code => stringify!($code),)+
                100..=199 => "1xx",
                200..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                500..=599 => "5xx",
                _ => "other",
            }
        }
    };
}

codes! {
    100 101 103 200 201 202 203 204 205 206 207 300 301 302 303 304 307 308
    400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 421 422 423 424 425 426 428 429 431 451
    500 501 502 503 504 505 507 508 511
}
