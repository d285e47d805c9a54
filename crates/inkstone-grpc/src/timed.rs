//! A body that ends before its end: with DEADLINE_EXCEEDED when its time is up, because a deadline holds for the whole
//! call and not for its head; with UNAVAILABLE when the server stops.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use inkstone_core::Catcher;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

use crate::server::{self, Cut};

pin_project_lite::pin_project! {
    /// A body under a deadline. The default is an empty body.
    #[derive(Debug)]
    pub(crate) struct Timed<B> {
        #[pin]
        inner: Option<B>,
        #[pin]
        up: Option<Sleep>,
        stop: Option<Stop>,
        begun: bool,
        over: bool,
    }
}

/// What tells a stream to end.
#[derive(Debug)]
struct Stop {
    token: Arc<CancellationToken>,
    /// Made when it is first waited for: most responses are one message, and never wait.
    told: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    request: Cut,
    catcher: Catcher,
}

impl Stop {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let token = &self.token;
        self.told
            .get_or_insert_with(|| Box::pin(CancellationToken::clone(token).cancelled_owned()))
            .as_mut()
            .poll(cx)
    }
}

impl<B> Timed<B> {
    pub(crate) fn new(inner: B, deadline: Option<Instant>) -> Self {
        let up = deadline.map(|deadline| tokio::time::sleep_until(deadline.into()));
        Self { inner: Some(inner), up, stop: None, begun: false, over: false }
    }

    /// Ends it, if it is a stream, when `token` is cancelled, and as INTERNAL when it panics. Whenever it is
    /// cut, so is its request.
    pub(crate) fn until(self, token: Arc<CancellationToken>, request: Cut, catcher: Catcher) -> Self {
        Self { stop: Some(Stop { token, told: None, request, catcher }), ..self }
    }
}

impl<B> Default for Timed<B> {
    fn default() -> Self {
        Self { inner: None, up: None, stop: None, begun: false, over: true }
    }
}

impl<B: Body> Body for Timed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut().filter(|_| !*this.over) else {
            return Poll::Ready(None);
        };
        let polled = match this.stop.as_ref() {
            // The user's stream is in it.
            Some(stop) => stop.catcher.now(|| inner.poll_frame(cx)),
            None => Ok(inner.poll_frame(cx)),
        };
        let (polled, panicked) = match polled {
            Ok(polled) => (polled, false),
            Err(_panicked) => (Poll::Pending, true),
        };
        // A response of one message is never cut. A stream is, even one that always has more.
        let next = matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_data() && *this.begun);
        if polled.is_ready() && !next {
            *this.begun = true;
            return polled;
        }
        let status = if panicked {
            server::panicked()
        } else if this.up.as_pin_mut().is_some_and(|up| up.poll(cx).is_ready()) {
            Status::deadline_exceeded("the deadline passed in the middle of the response")
        } else if this.stop.as_mut().is_some_and(|stop| stop.poll(cx).is_ready()) {
            Status::unavailable("the server is stopping")
        } else {
            return polled;
        };
        *this.over = true;
        // What still comes is not wanted: over HTTP/2, dropping the body resets the stream.
        this.inner.set(None);
        if let Some(stop) = this.stop {
            stop.request.now();
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers(&status)))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            // It may be cut short.
            Some(inner) if self.up.is_none() && self.stop.is_none() => inner.size_hint(),
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).expect("the message is a header value");
    trailers
}
