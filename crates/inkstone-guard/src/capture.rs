//! Requests and responses on their way from a codec, which sees messages, to the guard, which sees bytes.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

tokio::task_local! {
    static SERVING: Capture;
}

thread_local! {
    /// Weak, because the service that is called may not be ours and never take it: then it ends with the codec.
    static OFFERED: Cell<Weak<Inner>> = const { Cell::new(Weak::new()) };
}

/// Most messages of a stream that are kept from each side.
const KEPT: usize = 4;

/// Where a codec leaves the messages of one call for the six-tuple. A handle. Keeps nothing until it is armed, which
/// the guard does in debug mode only.
#[derive(Debug, Clone, Default)]
pub struct Capture(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Most bytes that are kept of each side; 0 keeps nothing.
    most: AtomicUsize,
    sent: Mutex<Vec<String>>,
    received: Mutex<Vec<String>>,
    bytes_sent: Mutex<Vec<u8>>,
    bytes_received: Mutex<Vec<u8>>,
}

impl Capture {
    /// For a client's codec: a capture that the guarded service, called next on this thread, will pick up.
    ///
    /// tonic makes the encoder and then calls the service without an await between, so nothing can come between.
    #[must_use]
    pub fn offer() -> Self {
        let capture = Self::default();
        OFFERED.set(Arc::downgrade(&capture.0));
        capture
    }

    /// For a server's codec: the capture of the request that is being served.
    #[must_use]
    pub fn serving() -> Option<Self> {
        SERVING.try_with(Self::clone).ok()
    }

    /// Keeps a message that goes out.
    pub fn sent(&self, message: &dyn fmt::Debug) {
        self.keep(&self.0.sent, message);
    }

    /// Keeps a message that came in.
    pub fn received(&self, message: &dyn fmt::Debug) {
        self.keep(&self.0.received, message);
    }

    /// Keeps the beginning of what goes out as bytes, in pieces.
    pub fn sent_bytes(&self, bytes: &[u8]) {
        self.keep_bytes(&self.0.bytes_sent, bytes);
    }

    /// Keeps the beginning of what comes in as bytes, in pieces.
    pub fn received_bytes(&self, bytes: &[u8]) {
        self.keep_bytes(&self.0.bytes_received, bytes);
    }

    pub(crate) fn take_offered() -> Option<Self> {
        OFFERED.take().upgrade().map(Self)
    }

    pub(crate) async fn serve<F: Future>(self, work: F) -> F::Output {
        SERVING.scope(self, work).await
    }

    pub(crate) fn arm(&self, most: usize) {
        self.0.most.store(most, Ordering::Relaxed);
    }

    /// What went out and what came in, as text, if anything has.
    pub(crate) fn texts(&self) -> (Option<String>, Option<String>) {
        let either = |messages, bytes| joined(messages).or_else(|| text(bytes));
        (either(&self.0.sent, &self.0.bytes_sent), either(&self.0.received, &self.0.bytes_received))
    }

    /// One more than is wanted, so that it shows that there was more.
    fn keep_bytes(&self, side: &Mutex<Vec<u8>>, bytes: &[u8]) {
        let most = self.0.most.load(Ordering::Relaxed);
        if most > 0 {
            let mut kept = side.lock().unwrap_or_else(PoisonError::into_inner);
            let room = (most + 1).saturating_sub(kept.len()).min(bytes.len());
            kept.extend_from_slice(&bytes[..room]);
        }
    }

    fn keep(&self, side: &Mutex<Vec<String>>, message: &dyn fmt::Debug) {
        let most = self.0.most.load(Ordering::Relaxed);
        if most > 0 {
            let mut kept = side.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.len() {
                KEPT => kept.push("…".to_owned()),
                0..KEPT => kept.push(beginning(message, most)),
                _ => {}
            }
        }
    }
}

/// The beginning of a message: a large one must not be written out in full only to be cut.
fn beginning(message: &dyn fmt::Debug, most: usize) -> String {
    struct Cut(String, usize);
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = self.1 - self.0.len();
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            if text.len() > room { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut cut = Cut(String::new(), most);
    if write!(cut, "{message:?}").is_err() {
        cut.0.push('…');
    }
    cut.0
}

fn text(side: &Mutex<Vec<u8>>) -> Option<String> {
    let kept = side.lock().unwrap_or_else(PoisonError::into_inner);
    (!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).trim_end().to_owned())
}

fn joined(side: &Mutex<Vec<String>>) -> Option<String> {
    let kept = side.lock().unwrap_or_else(PoisonError::into_inner);
    (!kept.is_empty()).then(|| kept.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_offered_to_a_service_that_is_not_ours_is_not_taken_for_the_next_call() {
        let ours = Capture::offer();
        assert!(Capture::take_offered().is_some_and(|taken| Arc::ptr_eq(&taken.0, &ours.0)));
        // The codec of a call over another service is gone when that call is over.
        drop(Capture::offer());
        assert!(Capture::take_offered().is_none());
    }
}
