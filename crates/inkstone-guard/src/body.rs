//! A response body that closes the call's record at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::http::HeaderMap;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use inkstone_observe::trace;

use crate::call::Call;
use crate::capture::Capture;
use crate::deadline;
use crate::http::HttpProtocol;

pin_project_lite::pin_project! {
    /// A response body. When it ends, or is dropped, the record of its call is written.
    #[derive(Debug)]
    pub struct GuardedBody<B, P> {
        #[pin]
        inner: B,
        end: End<P>,
        // What the body does while it is read belongs to the call, too.
        deadline: Option<Instant>,
        context: Option<trace::Context>,
    }
}

/// What is left to do when the body ends. Split off so that it can be used while the body is pinned.
#[derive(Debug)]
struct End<P> {
    protocol: P,
    call: Option<Call>,
    code: Option<&'static str>,
    trailers: Option<HeaderMap>,
    capture: Option<Capture>,
    /// How many bytes are still to come, if the head says so.
    left: Option<u64>,
}

impl<B: Body, P: HttpProtocol> GuardedBody<B, P> {
    pub(crate) fn new(
        inner: B,
        protocol: P,
        call: Call,
        code: Option<&'static str>,
        capture: Option<Capture>,
        length: Option<u64>,
    ) -> Self {
        // What a server does while it streams belongs to the call.
        let context = P::SERVER.then(|| call.span().context().clone());
        let mut end = End { protocol, call: Some(call), code, trailers: None, capture, left: length };
        // An empty body is never polled.
        if inner.is_end_stream() {
            end.finish(false);
        }
        Self { inner, end, deadline: None, context }
    }

    /// Puts the reading of it under the caller's deadline.
    pub(crate) fn under(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }
}

impl<P: HttpProtocol> End<P> {
    /// Counts what was sent. Whether that was all: HTTP/1 reads no further than the length that the head gives.
    fn complete(&mut self, sent: usize) -> bool {
        self.left = self.left.map(|left| left.saturating_sub(sent as u64));
        self.left == Some(0) && self.code.is_some()
    }

    /// Writes the record, once.
    fn finish(&mut self, failed: bool) {
        let Some(mut call) = self.call.take() else { return };
        if let Some(capture) = &self.capture {
            let (sent, received) = capture.texts();
            let (request, response) = if P::SERVER { (received, sent) } else { (sent, received) };
            if let Some(request) = request {
                call.set_request(format_args!("{request}"));
            }
            if let Some(response) = response {
                call.set_response(format_args!("{response}"));
            }
        }
        call.finish(match (failed, self.code) {
            (true, _) => self.protocol.failed(),
            (false, Some(code)) => code,
            (false, None) => self.protocol.final_code("OK", self.trailers.as_ref()),
        });
    }
}

impl<B: Default, P: Default> Default for GuardedBody<B, P> {
    /// An empty body whose record is already written.
    fn default() -> Self {
        let end =
            End { protocol: P::default(), call: None, code: None, trailers: None, capture: None, left: None };
        Self { inner: B::default(), end, deadline: None, context: None }
    }
}

impl<B, P> Body for GuardedBody<B, P>
where
    B: Body,
    P: HttpProtocol,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let mut poll = || deadline::step(*this.deadline, || this.inner.as_mut().poll_frame(cx));
        let polled = ready!(match this.context {
            Some(context) => trace::step(context, poll),
            None => poll(),
        });
        match &polled {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.end.trailers = Some(trailers.clone());
                }
                // After its last frame a body is not polled again.
                let complete = frame.data_ref().is_some_and(|data| this.end.complete(data.remaining()));
                if complete || frame.is_trailers() || this.inner.is_end_stream() {
                    this.end.finish(false);
                }
            }
            Some(Err(_)) => this.end.finish(true),
            None => this.end.finish(false),
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
