//! Who may see what.

use std::hint::black_box;
use std::net::IpAddr;

use axum::extract::{Request, State as Extract};
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::governor::State;

/// Lets a request through that carries the token. Where no token is set the listener is on a loopback address, and only web
/// pages that were made to point at it are kept out.
pub(crate) async fn require_token(Extract(state): Extract<State>, request: Request, next: Next) -> Response {
    let config = state.config.get();
    let allowed = if config.token.is_empty() {
        config.protects(state.address) && names_this_machine(request.headers())
    } else {
        bearer(request.headers())
            .is_some_and(|given| same(given.as_bytes(), config.token.reveal().as_bytes()))
    };
    if allowed { next.run(request).await } else { refuse() }
}

fn refuse() -> Response {
    let text = "send the token of server.governor.token: `Authorization: Bearer …`\n";
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer realm=\"governor\"")], text).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the request was addressed to an IP address or to `localhost`: a foreign web page whose name was made to resolve to
/// this machine sends its own name.
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

    #[test]
    fn a_foreign_name_is_not_this_machine() {
        let check = |host: &str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            assert_eq!(names_this_machine(&headers), expected, "{host}");
        };
        check("127.0.0.1:9003", true);
        check("[::1]:9003", true);
        check("[::1]", true);
        check("localhost:9003", true);
        check("rebound.example:9003", false);
        check("localhost.example", false);
    }
}
