//! What of requests and responses goes into the access log and the six-tuple, when that is asked for: the beginning of
//! their bodies, of text only, as it passes. Nothing is held back for it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request};
use http_body::{Body as HttpBody, Frame, SizeHint};
use inkstone_guard::Capture;

/// A request whose line is kept, and its body as the handler reads it.
pub(crate) fn request(request: Request<Body>) -> Request<Body> {
    let Some(capture) = request.extensions().get::<Capture>().cloned() else { return request };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    capture.received_bytes(format!("{} {target} ", request.method()).as_bytes());
    if !is_text(request.headers()) {
        return request;
    }
    request.map(|body| Body::new(Watched { inner: body, capture, keep: Capture::received_bytes }))
}

/// A response whose body is kept as the client takes it.
pub(crate) fn response(response: Response) -> Response {
    match Capture::serving() {
        Some(capture) if is_text(response.headers()) => {
            response.map(|body| Body::new(Watched { inner: body, capture, keep: Capture::sent_bytes }))
        }
        _ => response,
    }
}

/// Whether people can read it.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let text = kind.starts_with("text/")
        || ["json", "xml", "x-www-form-urlencoded", "javascript"].iter().any(|end| kind.ends_with(end));
    text && !headers.contains_key(CONTENT_ENCODING)
}

/// A body of which the beginning is kept.
struct Watched {
    inner: Body,
    capture: Capture,
    keep: fn(&Capture, &[u8]),
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(data) = polled.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            (self.keep)(&self.capture, data);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
