//! Streams that are still open when the server stops: they get some time, and are then ended.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame};
use inkstone_config::{Dur, Live};
use inkstone_core::Catcher;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Tells streams to end once the server has been stopping for `grace`.
pub(crate) async fn after_grace(
    stopping: CancellationToken,
    grace: Live<Dur>,
    streams_end: CancellationToken,
) -> Infallible {
    stopping.cancelled().await;
    tokio::time::sleep(**grace.get()).await;
    streams_end.cancel();
    std::future::pending().await
}

/// Puts a response whose end nobody knows under `streams_end`. What has a length has an end of its own.
pub(crate) fn streams(
    response: Response<Body>,
    streams_end: &CancellationToken,
    catcher: &Catcher,
) -> Response<Body> {
    if response.headers().contains_key(CONTENT_LENGTH) || response.body().size_hint().exact().is_some() {
        return response;
    }
    let end = Box::pin(streams_end.clone().cancelled_owned());
    let catcher = catcher.clone();
    response.map(|inner| Body::new(Ending { inner, end, catcher, begun: false, over: false }))
}

/// A body that ends, as if it were complete, when it is told to. One that panics is cut off: its client must not take it
/// for complete.
struct Ending {
    inner: Body,
    catcher: Catcher,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    begun: bool,
    over: bool,
}

impl HttpBody for Ending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let polled = match this.catcher.now(|| Pin::new(&mut this.inner).poll_frame(cx)) {
            Ok(polled) => polled,
            Err(panicked) => {
                this.over = true;
                this.inner = Body::empty();
                return Poll::Ready(Some(Err(axum::Error::new(panicked))));
            }
        };
        match polled {
            // The first is always sent: a handler that was slow to begin has its say.
            Poll::Ready(Some(Ok(frame))) if frame.is_data() && !self.begun => {
                self.begun = true;
                return Poll::Ready(Some(Ok(frame)));
            }
            // A stream that always has more must end, too.
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                if self.end.as_mut().poll(cx).is_pending() {
                    return Poll::Ready(Some(Ok(frame)));
                }
            }
            Poll::Ready(last) => return Poll::Ready(last),
            Poll::Pending => std::task::ready!(self.end.as_mut().poll(cx)),
        }
        self.over = true;
        self.inner = Body::empty();
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }
}
