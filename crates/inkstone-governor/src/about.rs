//! The index: what can be asked.

use std::fmt::Write;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderMap, Method};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use crate::endpoints;
use crate::governor::State;

/// The page loads nothing and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) async fn index(Extract(state): Extract<State>, headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        return ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html(&state))).into_response();
    }
    let endpoints: Vec<Value> = endpoints::all()
        .iter()
        .map(|endpoint| {
            let method = endpoint.method.as_str();
            json!({ "method": method, "path": endpoint.path, "about": endpoint.about, "open": endpoint.open })
        })
        .collect();
    let build = state.app.build_info();
    Json(json!({ "name": build.name, "version": build.version, "endpoints": endpoints })).into_response()
}

fn html(state: &State) -> String {
    let build = state.app.build_info();
    let title = format!("{} {}", escape(&build.name), escape(&build.version));
    let mut rows = String::new();
    for endpoint in endpoints::all() {
        let (method, path, about) = (&endpoint.method, endpoint.path, escape(endpoint.about));
        let can_follow = endpoint.method == Method::GET && !path.contains('{');
        let shown = if can_follow { format!("<a href=\"{path}\">{path}</a>") } else { path.to_owned() };
        let _infallible = write!(rows, "<tr><td>{method}<td>{shown}<td>{about}");
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:16px sans-serif;margin:2em}}td{{padding:.2em 1em .2em 0}}</style>\
         <h1>{title}</h1><table>{rows}</table></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
