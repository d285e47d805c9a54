//! A request body that can be sent again, to another endpoint, as long as nobody has answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tonic::Status;
use tonic::body::Body;

/// Most bytes that are kept for sending again.
const KEPT: usize = 256 * 1024;

/// The body of one attempt.
#[derive(Debug)]
pub(crate) struct Replay {
    shared: Arc<Mutex<Shared>>,
    attempt: u32,
    /// How many of the kept frames this attempt has sent.
    sent: usize,
}

/// The body, whatever the attempt.
#[derive(Debug)]
pub(crate) struct Source(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    rest: Body,
    ended: bool,
    kept: Vec<Kept>,
    size: usize,
    /// Whether more has been sent than is kept.
    lost: bool,
    attempt: u32,
}

#[derive(Debug, Clone)]
enum Kept {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Source {
    pub(crate) fn new(body: Body) -> Self {
        let ended = body.is_end_stream();
        let shared = Shared { rest: body, ended, kept: Vec::new(), size: 0, lost: false, attempt: 0 };
        Self(Arc::new(Mutex::new(shared)))
    }

    /// The body for the next attempt, from its beginning. The body of the attempt before ends in an error. `None` if the
    /// beginning is no longer there.
    pub(crate) fn attempt(&self) -> Option<Replay> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.attempt += 1;
        (!shared.lost).then(|| Replay { shared: self.0.clone(), attempt: shared.attempt, sent: 0 })
    }

    /// There will be no other attempt: nothing needs to be kept any more.
    pub(crate) fn settle(&self) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The attempt under way may still have to send what is kept.
        shared.size = KEPT;
    }
}

impl Shared {
    fn keep(&mut self, kept: Kept) {
        if let Kept::Data(data) = &kept {
            self.size += data.len();
        }
        if self.size > KEPT {
            self.lost = true;
            self.kept.clear();
        } else {
            self.kept.push(kept);
        }
    }
}

impl Replay {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let shared = &mut *self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.attempt != self.attempt {
            return Poll::Ready(Some(Err(Status::cancelled("sent to another endpoint"))));
        }
        if !shared.lost && self.sent < shared.kept.len() {
            let frame = shared.kept[self.sent].clone();
            self.sent += 1;
            return Poll::Ready(Some(Ok(frame.into())));
        }
        if shared.ended {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut shared.rest).poll_frame(cx));
        let Some(Ok(frame)) = frame else {
            shared.ended = true;
            return Poll::Ready(frame);
        };
        shared.ended = frame.is_trailers() || shared.rest.is_end_stream();
        if !shared.lost {
            if let Some(data) = frame.data_ref() {
                shared.keep(Kept::Data(data.clone()));
            } else if let Some(trailers) = frame.trailers_ref() {
                shared.keep(Kept::Trailers(trailers.clone()));
            }
            self.sent += 1;
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl From<Kept> for Frame<Bytes> {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Data(data) => Self::data(data),
            Kept::Trailers(trailers) => Self::trailers(trailers),
        }
    }
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.ended && (shared.lost || self.sent >= shared.kept.len())
    }
}
