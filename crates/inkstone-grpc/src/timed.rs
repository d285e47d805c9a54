//! A body that ends with DEADLINE_EXCEEDED when its time is up: a deadline holds for the whole call, not for its head.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

pin_project_lite::pin_project! {
    /// A body under a deadline. The default is an empty body.
    #[derive(Debug)]
    pub(crate) struct Timed<B> {
        #[pin]
        inner: Option<B>,
        #[pin]
        up: Option<Sleep>,
        over: bool,
    }
}

impl<B> Timed<B> {
    pub(crate) fn new(inner: B, deadline: Option<Instant>) -> Self {
        let up = deadline.map(|deadline| tokio::time::sleep_until(deadline.into()));
        Self { inner: Some(inner), up, over: false }
    }
}

impl<B> Default for Timed<B> {
    fn default() -> Self {
        Self { inner: None, up: None, over: true }
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
        if let Poll::Ready(frame) = inner.poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let Some(up) = this.up.as_pin_mut() else { return Poll::Pending };
        std::task::ready!(up.poll(cx));
        *this.over = true;
        // What still comes is not wanted: over HTTP/2, dropping the body resets the stream.
        this.inner.set(None);
        Poll::Ready(Some(Ok(Frame::trailers(time_is_up()))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            // A deadline may cut it short.
            Some(inner) if self.up.is_none() => inner.size_hint(),
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

fn time_is_up() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let status = Status::deadline_exceeded("the deadline passed in the middle of the response");
    status.add_header(&mut trailers).expect("the message is a header value");
    trailers
}
