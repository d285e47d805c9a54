//! Ends a request when its response was cut short.
//!
//! A handler that answers a stream with a stream often reads the one in a task that it has spawned, and that task would
//! wait for the client's next message, and keep the connection open, however long ago the response has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

/// Between the two sides of one call. A handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cut: AtomicBool,
    reader: AtomicWaker,
}

impl Cut {
    /// The request's body, which fails once the response was cut.
    pub(crate) fn request<B>(&self, inner: B) -> Requested<B> {
        Requested { inner: Some(inner), cut: self.clone() }
    }

    /// The response was cut.
    pub(crate) fn now(&self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.reader.register(cx.waker());
        if self.0.cut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

pin_project_lite::pin_project! {
    /// A request's body.
    #[derive(Debug)]
    pub(crate) struct Requested<B> {
        #[pin]
        inner: Option<B>,
        cut: Cut,
    }
}

impl<B: Body<Error = Status>> Body for Requested<B> {
    type Data = B::Data;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Status>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = inner.poll_frame(cx) {
            return Poll::Ready(frame);
        }
        std::task::ready!(this.cut.poll(cx));
        // Dropping it tells the client that nobody reads.
        this.inner.set(None);
        Poll::Ready(Some(Err(Status::cancelled("the response ended before the request"))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
