//! Who asks, whether they may, and whether it was really they who asked.

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use std::net::SocketAddr;

use crate::body::not_json;
use crate::console::Console;
use crate::permission::Permission;
use crate::problem::Problem;
use crate::secret::{csrf_of, same};
use crate::store::{Entry, Outcome, Role};

const SESSION_COOKIE: &str = "inkstone_session";

/// What a route demands.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) console: Console,
    pub(crate) permission: Permission,
    pub(crate) path: &'static str,
}

/// Somebody who makes a request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) address: String,
    pub(crate) account: Option<SignedIn>,
}

/// An account in a session.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) session: String,
}

impl Visitor {
    /// A row for the audit log that this visitor's request causes.
    pub(crate) fn entry(&self, action: &'static str, object: impl Into<String>) -> Entry {
        Entry {
            actor: self.name().to_owned(),
            address: self.address.clone(),
            action,
            object: object.into(),
            result: Outcome::Ok,
            before: None,
            after: None,
        }
    }

    /// The account's name; behind an enforced permission there is always one.
    pub(crate) fn name(&self) -> &str {
        self.account.as_ref().map_or("-", |account| &account.name)
    }
}

/// Lets a request through to its route, or not.
pub(crate) async fn enforce(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&access, &parts).await {
        Ok(visitor) => {
            parts.extensions.insert(visitor);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(access: &Access, request: &Parts) -> Result<Visitor, Problem> {
    let console = &access.console;
    let headers = &request.headers;
    let address = address_of(console, request);
    let mut account = None;
    if let Some(session) = cookie(headers) {
        let found = console.store.session(session, console.expiry()).await?;
        account = found.map(|(name, role)| SignedIn { name, role, session: session.to_owned() });
    }
    let visitor = Visitor { address, account };
    let refusal = refusal(access, &request.method, headers, &visitor);
    let Some(problem) = refusal else { return Ok(visitor) };
    // Strangers who only look are turned away without a note; what they may note is bounded.
    let known = visitor.account.is_some();
    let stranger_writes = !request.method.is_safe() && console.denial_guard.admits(&visitor.address);
    if known || stranger_writes {
        let entry = visitor.entry("denied", format!("{} {}", request.method, request.uri.path())).denied();
        let entry = entry.after(problem.detail().to_owned());
        if let Err(error) = console.store.record(entry).await {
            tracing::error!(%error, path = access.path, "a denied attempt could not be noted");
        }
    }
    Err(problem)
}

fn refusal(access: &Access, method: &Method, headers: &HeaderMap, visitor: &Visitor) -> Option<Problem> {
    let role = visitor.account.as_ref().map(|account| account.role);
    if !access.permission.allows(role) {
        return Some(match role {
            None => {
                let detail = "Sign in first; a session ends by itself after a while.";
                Problem::new(StatusCode::UNAUTHORIZED, "signed_out", "Not signed in", detail)
            }
            Some(role) => {
                let (role, need) = (role.as_str(), access.permission.as_str());
                let detail = format!("The role {role} lacks the permission {need}. An administrator has it.");
                Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
            }
        });
    }
    if method.is_safe() {
        return None;
    }
    if !own_origin(&access.console, headers) {
        return Some(forged("The request comes from another site."));
    }
    if !is_json(headers) {
        return Some(not_json());
    }
    let session = visitor.account.as_ref().filter(|_| access.permission != Permission::Public)?;
    let token = headers.get("x-csrf-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    if same(token, &csrf_of(&session.session)) {
        return None;
    }
    Some(forged("The header X-CSRF-Token is missing or of another session; take it from GET session."))
}

fn forged(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "csrf", "The request may be forged", detail)
}

/// Whether a browser says that our own page asks. Other clients say nothing; they hold no cookie that a stranger's
/// page could use.
fn own_origin(console: &Console, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let public = console.options.public_url.as_str();
    if !public.is_empty() {
        return origin_of(public).eq_ignore_ascii_case(origin);
    }
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    text(HOST.as_str()).is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

/// `https://console.example` of `https://console.example/inkstone`.
pub(crate) fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    &url[..end]
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        // Nothing is sent, so nothing can be mistaken: `logout` has no body.
        let length = headers.get("content-length").and_then(|length| length.to_str().ok());
        return length.is_none_or(|length| length == "0") && !headers.contains_key("transfer-encoding");
    };
    let kind = kind.to_str().unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == SESSION_COOKIE && !value.is_empty()).map(|(_, value)| value)
}

/// The header that begins a session in the browser, or ends it when `session` is None.
pub(crate) fn set_cookie(console: &Console, headers: &HeaderMap, session: Option<&str>) -> String {
    let path = &console.options.base_path;
    let secure = if is_https(console, headers) { "; Secure" } else { "" };
    let flags = format!("Path={path}; HttpOnly; SameSite=Strict{secure}");
    match session {
        Some(id) => {
            let age = console.options.session_lifetime.as_secs();
            format!("{SESSION_COOKIE}={id}; Max-Age={age}; {flags}")
        }
        None => format!("{SESSION_COOKIE}=; Max-Age=0; {flags}"),
    }
}

fn is_https(console: &Console, headers: &HeaderMap) -> bool {
    let forwarded = || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    console.options.public_url.starts_with("https://") || (console.options.trust_forwarded && forwarded())
}

/// Where a request comes from. Behind a trusted proxy, the last address that it added.
fn address_of(console: &Console, request: &Parts) -> String {
    let forwarded = || {
        let last = request.headers.get_all("x-forwarded-for").iter().next_back()?;
        let address = last.to_str().ok()?.rsplit(',').next()?.trim().to_owned();
        (!address.is_empty()).then_some(address)
    };
    let peer = || {
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(peer.0.ip().to_string())
    };
    let trusted = if console.options.trust_forwarded { forwarded() } else { None };
    trusted.or_else(peer).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_url_has_no_path() {
        assert_eq!(origin_of("https://console.example/inkstone"), "https://console.example");
        assert_eq!(origin_of("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
