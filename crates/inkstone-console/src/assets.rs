//! The front end: embedded, and served under any base path.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::console::Console;
use crate::problem::Problem;
use crate::secret::hash;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// Serves a file of the front end, or its start page, which knows what to show for the path.
pub(crate) async fn serve(State(console): State<Console>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let detail = "Pages are only read; the API is below api/v1/.";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "Wrong method", detail)
            .into_response();
    }
    let path = request.uri().path();
    let base = &console.options.base_path;
    let below = if base == "/" { Some(path) } else { path.strip_prefix(base.as_str()) };
    let below = match below {
        // Relative links of the page need the slash.
        Some("") => return Redirect::permanent(&format!("{base}/")).into_response(),
        Some(below) if below.starts_with('/') => below.trim_start_matches('/'),
        _ => return Problem::not_found(format!("page {path}; the console is at {base}")).into_response(),
    };
    if below != "index.html"
        && let Some(file) = Dist::get(below)
    {
        return file_response(below, file, request.headers());
    }
    if below.starts_with("assets/") {
        return Problem::not_found(format!("file {path}")).into_response();
    }
    match Dist::get("index.html") {
        Some(index) => index_response(base, &index, request.headers()),
        None => Problem::not_found("start page; build the front end").into_response(),
    }
}

fn file_response(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let kind = file.metadata.mimetype().to_owned();
    respond(&kind, caching(path), &etag, asked, file.data.into())
}

/// How long a browser may keep a file without asking. The bundler puts a hash of the content in the names below
/// `assets/`.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn index_response(base: &str, index: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let page = rebase(&String::from_utf8_lossy(&index.data), base);
    let etag = format!("\"{}\"", &hash(&page)[..32]);
    respond("text/html; charset=utf-8", "no-cache", &etag, asked, page.into())
}

fn respond(kind: &str, cache: &'static str, etag: &str, asked: &HeaderMap, body: Body) -> Response {
    let known = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let unchanged =
        known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(body) };
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// Tells the page where it is served: relative links, and the `fetch`es of its scripts, start there.
fn rebase(page: &str, base: &str) -> String {
    let base = if base == "/" { "/".to_owned() } else { format!("{}/", escaped(base)) };
    let page = match (page.find("<base "), page.find("<base\n")) {
        (Some(at), _) | (None, Some(at)) => {
            let end = page[at..].find('>').map_or(page.len(), |end| at + end + 1);
            format!("{}{}", &page[..at], &page[end..])
        }
        (None, None) => page.to_owned(),
    };
    let head = page.find("<head>").map_or(0, |at| at + "<head>".len());
    let added = format!("<base href=\"{base}\"><meta name=\"inkstone-base\" content=\"{base}\">");
    format!("{}{added}{}", &page[..head], &page[head..])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_whose_name_changes_with_their_content_are_kept_unasked() {
        assert!(caching("assets/index-Bx3f9a.js").contains("immutable"));
        assert_eq!(caching("favicon.svg"), "no-cache");
    }

    #[test]
    fn the_page_is_told_its_base_whether_or_not_it_names_one() {
        let added = "<base href=\"/ink/\"><meta name=\"inkstone-base\" content=\"/ink/\">";
        let plain = rebase("<html><head><title>t</title></head></html>", "/ink");
        assert_eq!(plain, format!("<html><head>{added}<title>t</title></head></html>"));
        let named = rebase("<html><head><base href=\"./\" /><title>t</title></head></html>", "/ink");
        assert_eq!(named, plain);
        assert!(rebase("<head></head>", "/").contains("<base href=\"/\">"));
    }
}
