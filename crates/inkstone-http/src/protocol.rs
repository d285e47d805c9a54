//! What HTTP calls things, for the guard.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath};
use axum::response::IntoResponse;
use http::header::{HOST, USER_AGENT};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method as Verb, Request, Response, StatusCode, Version, response};
use inkstone_config::Dur;
use inkstone_guard::{Guard, HttpProtocol, span};
use inkstone_observe::Method;
use inkstone_observe::trace::Span;

use crate::problem::Problem;

/// HTTP as we serve it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Http;

impl HttpProtocol for Http {
    const SERVER: bool = true;

    fn method<B>(&self, request: &Request<B>, guard: &Guard) -> Method {
        // A path comes from the client; a route does not.
        match request.extensions().get::<MatchedPath>() {
            Some(route) => joined(known(request.method()), route.as_str(), |name| guard.method(name)),
            None => guard.method("unmatched"),
        }
    }

    fn describe<B>(&self, request: &Request<B>, span: &Span) {
        describe(request, span);
    }

    fn peer<B>(&self, request: &Request<B>) -> Option<SocketAddr> {
        request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
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

    fn timed_out<B: Default>(&self, waited: Duration) -> (Response<B>, &'static str) {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        // The guard knows no kind of body that could say it; `explain` does.
        response.extensions_mut().insert(TimedOut(waited));
        (response, "timeout")
    }
}

/// What a request tells about its span. The query is left out: it may have secrets in it.
fn describe<B>(request: &Request<B>, span: &Span) {
    let verb = known(request.method());
    match request.extensions().get::<MatchedPath>() {
        Some(route) => {
            span.rename(format!("{verb} {}", route.as_str()));
            span.set("http.route", route.as_str());
        }
        None => span.rename(if verb == "_OTHER" { "HTTP".to_owned() } else { verb.to_owned() }),
    }
    span.set("http.request.method", verb);
    span.set("url.path", request.uri().path());
    span.set("url.scheme", request.uri().scheme_str().unwrap_or("http"));
    let version = match request.version() {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    };
    span.set("network.protocol.version", version);
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(agent) = text(USER_AGENT) {
        span.set("user_agent.original", agent);
    }
    if let Some(host) = request.uri().authority().map(Authority::as_str).or(text(HOST)) {
        span::server(span, host);
    }
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        span::peer(span, *peer);
        span.set("client.address", peer.ip().to_string());
    }
}

/// Marks a response that stands for one that took too long.
#[derive(Debug, Clone, Copy)]
struct TimedOut(Duration);

/// Puts into words what the guard answered in place of the handler.
pub(crate) fn explain(response: Response<Body>) -> Response<Body> {
    let Some(TimedOut(waited)) = response.extensions().get() else { return response };
    // What was left of the time-out when the wait began, a little less than what was configured.
    let waited = Duration::from_micros(500).saturating_add(*waited);
    let waited = Dur::from(waited - Duration::from_nanos(u64::from(waited.subsec_nanos() % 1_000_000)));
    let detail = format!("the service did not answer within {waited}; try again later");
    Problem::new(response.status(), "timeout", detail).into_response()
}

/// Calls `then` with both words and a space between. Most fit a buffer, which costs less than an allocation for each
/// request.
fn joined<T>(first: &str, second: &str, then: impl FnOnce(&str) -> T) -> T {
    let mut buffer = [0; 128];
    let length = first.len() + 1 + second.len();
    if let Some(name) = buffer.get_mut(..length) {
        name[..first.len()].copy_from_slice(first.as_bytes());
        name[first.len()] = b' ';
        name[first.len() + 1..].copy_from_slice(second.as_bytes());
    }
    match buffer.get(..length).map(str::from_utf8) {
        Some(Ok(name)) => then(name),
        _ => then(&format!("{first} {second}")),
    }
}

/// The method, if it is one of the standard's: clients may make up others.
fn known(method: &Verb) -> &str {
    match *method {
        Verb::GET | Verb::HEAD | Verb::POST | Verb::PUT | Verb::DELETE => method.as_str(),
        Verb::PATCH | Verb::OPTIONS | Verb::CONNECT | Verb::TRACE => method.as_str(),
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
