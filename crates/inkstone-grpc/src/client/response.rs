//! The body of a response, on its way to generated code.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use inkstone_guard::GuardedBody;
use tonic::Status;

use crate::client::call;
use crate::protocol::Calling;
use crate::timed::Timed;

/// What comes over the wire, with errors that say from where.
#[derive(Debug)]
pub(crate) struct Received {
    body: Incoming,
    from: SocketAddr,
}

pin_project_lite::pin_project! {
    /// The body of a response to [`GrpcClient`](crate::GrpcClient).
    pub struct ResponseBody {
        #[pin]
        inner: GuardedBody<Timed<Received>, Calling>,
    }
}

impl Received {
    pub(crate) fn new(body: Incoming, from: SocketAddr) -> Self {
        Self { body, from }
    }
}

impl ResponseBody {
    pub(crate) fn new(inner: GuardedBody<Timed<Received>, Calling>) -> Self {
        Self { inner }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let from = self.from;
        Poll::Ready(
            frame.map(|frame| {
                frame.map_err(|error| call::status(from, &error, "in the middle of the response"))
            }),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
