//! Who may see and change what.

use std::fmt;
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State as Extract};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::config::GovernorConfig;
use crate::governor::State;
use crate::problem::Problem;

/// The other side of a connection; each of its requests carries it.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) peer: SocketAddr,
    /// The subject of the certificate that it has proven to own.
    pub(crate) certificate: Option<Arc<str>>,
}

/// Whom a request that may see everything comes from.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) who: Who,
    pub(crate) peer: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Certificate(Arc<str>),
    /// The name of its token.
    Token(String),
    /// Whoever is on this machine: no token is set.
    Local,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(subject) => write!(f, "certificate {subject}"),
            Self::Token(name) => write!(f, "token {name}"),
            Self::Local => f.write_str("local"),
        }
    }
}

/// Lets a request through that comes with a token or on a connection with a certificate, and says whose it is. Where
/// neither is set up the listener is on a loopback address, and only web pages are kept out.
pub(crate) async fn require(Extract(state): Extract<State>, mut request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return Problem::failed("the connection is not known").into_response();
    };
    let config = state.config.get();
    let headers = request.headers();
    if is_foreign_page(headers) {
        let detail = "this request was sent by a web page of another origin";
        return Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail).into_response();
    }
    let who = match &visitor.certificate {
        Some(subject) => Some(Who::Certificate(subject.clone())),
        None => bearer(headers)
            .and_then(|given| token(&config, given))
            .map(Who::Token)
            .or_else(|| (state.is_open(&config) && names_this_machine(headers)).then_some(Who::Local)),
    };
    let Some(who) = who else { return refuse(&state) };
    request.extensions_mut().insert(Caller { who, peer: visitor.peer });
    next.run(request).await
}

fn refuse(state: &State) -> Response {
    let name = &state.name;
    let mut detail = format!("send a token of {name}.token or {name}.tokens: `Authorization: Bearer …`");
    if state.knows_clients {
        detail.push_str(&format!(", or connect with a certificate of {name}.tls.client_ca"));
    }
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The name of the token that was given. All are compared, so that the time tells nothing.
fn token(config: &GovernorConfig, given: &str) -> Option<String> {
    let named = config.tokens.iter().map(|(name, token)| (name.as_str(), token));
    let mut found = None;
    for (name, token) in named.chain([("token", &config.token)]) {
        if !token.is_empty() && same(given.as_bytes(), token.reveal().as_bytes()) {
            found = Some(name.to_owned());
        }
    }
    found
}

/// Whether a browser says that a page of another origin sends this. Programs send neither header.
fn is_foreign_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match headers.get(ORIGIN) {
        None => false,
        Some(origin) => {
            let origin = origin.to_str().unwrap_or_default();
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_none() || authority != host
        }
    }
}

/// Whether the request was addressed to an IP address or to `localhost`: a foreign web page whose name was made to
/// resolve to this machine sends its own name.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// Compares without telling by its time how much was right.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let mut difference = given.len() ^ expected.len();
    for (at, byte) in given.iter().enumerate() {
        let other = expected[at % expected.len()];
        difference |= usize::from(black_box(byte ^ other));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        for (given, expected) in
            [("abc", true), ("", false), ("ab", false), ("abcd", false), ("abcabc", false), ("abd", false)]
        {
            assert_eq!(same(given.as_bytes(), b"abc"), expected, "{given:?}");
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_foreign_name_is_not_this_machine() {
        let check = |host: &str, expected| {
            assert_eq!(names_this_machine(&headers(&[("host", host)])), expected, "{host}");
        };
        check("127.0.0.1:9003", true);
        check("[::1]:9003", true);
        check("[::1]", true);
        check("localhost:9003", true);
        check("rebound.example:9003", false);
        check("localhost.example", false);
    }

    #[test]
    fn a_page_of_another_origin_is_told_by_what_browsers_send() {
        let check = |pairs: &[(&'static str, &str)], expected| {
            assert_eq!(is_foreign_page(&headers(pairs)), expected, "{pairs:?}");
        };
        check(&[("host", "127.0.0.1:9003")], false);
        check(&[("host", "127.0.0.1:9003"), ("origin", "http://127.0.0.1:9003")], false);
        check(&[("host", "127.0.0.1:9003"), ("origin", "https://evil.example")], true);
        check(&[("host", "127.0.0.1:9003"), ("origin", "http://127.0.0.1:8080")], true);
        check(&[("origin", "null")], true);
        check(&[("sec-fetch-site", "cross-site")], true);
        check(&[("sec-fetch-site", "same-site")], true);
        check(&[("sec-fetch-site", "none")], false);
    }
}
