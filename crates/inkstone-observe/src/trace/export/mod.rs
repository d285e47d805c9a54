//! Spans out, by OTLP.
//!
//! Ended spans wait in a bounded queue for a thread of their own, which encodes and sends them. Whoever ends a span never
//! waits: if there is no room, the span is dropped and counted. We write OTLP ourselves: it is nine messages, where the
//! SDK's exporter wants its own kinds of spans, contexts and processors, some of which wait for a worker of the very runtime
//! they block.

mod counts;
mod transport;
mod wire;
mod worker;

use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use self::counts::{Counts, Reason};
use self::wire::Resource;
use self::worker::Worker;
use super::config::TraceConfig;
use super::span::Ended;
use crate::metrics::Metrics;

/// Sends spans to a collector, from a thread that begins with the first of them. A handle.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    queue: mpsc::Sender<Ended>,
    batch: usize,
    full: Arc<Notify>,
    closing: watch::Sender<Option<Instant>>,
    done: watch::Receiver<()>,
    counts: Arc<Counts>,
    begun: Once,
    /// Until the thread begins.
    worker: Mutex<Option<Worker>>,
}

impl Exporter {
    /// An exporter, if the configuration names an endpoint. `resource` is what is said of the service.
    #[must_use]
    pub fn new(config: &TraceConfig, resource: &[(String, String)], metrics: &Metrics) -> Option<Self> {
        let (endpoint, grpc) = config.destination()?;
        let counts = Arc::new(Counts::new(metrics));
        let (queue, receiver) = mpsc::channel(config.queue.max(1) as usize);
        let (closing, closed) = watch::channel(None);
        let (done, is_done) = watch::channel(());
        let full = Arc::new(Notify::new());
        let worker = Worker {
            config: config.clone(),
            endpoint,
            grpc,
            resource: Resource::new(resource),
            queue: receiver,
            full: full.clone(),
            closing: closed,
            counts: counts.clone(),
            done,
        };
        Some(Self(Arc::new(Inner {
            queue,
            batch: config.batch.max(1) as usize,
            full,
            closing,
            done: is_done,
            counts,
            begun: Once::new(),
            worker: Mutex::new(Some(worker)),
        })))
    }

    /// Hands over a span. Never waits.
    pub(crate) fn export(&self, ended: Ended) {
        let inner = &*self.0;
        inner.begun.call_once(|| inner.begin());
        match inner.queue.try_send(ended) {
            Ok(()) if inner.queue.max_capacity() - inner.queue.capacity() == inner.batch => {
                inner.full.notify_one();
            }
            Ok(()) => {}
            Err(TrySendError::Full(_)) => inner.counts.dropped(Reason::QueueFull, 1),
            Err(TrySendError::Closed(_)) => inner.counts.dropped(Reason::Stopped, 1),
        }
    }

    /// Sends what is left, and waits for that at most as long as `within`. What is not sent by then is dropped and counted.
    pub async fn close(&self, within: Duration) {
        let inner = &*self.0;
        // Without a thread there was nothing to send.
        let unused = inner.take_worker().is_some();
        inner.closing.send_replace(Some(Instant::now() + within));
        if !unused {
            let mut done = inner.done.clone();
            // A little more than the thread has, so that it can say what it did not send.
            let patience = within + Duration::from_millis(200);
            let _ended_or_late =
                tokio::time::timeout(patience, async { while done.changed().await.is_ok() {} }).await;
        }
    }
}

impl Inner {
    fn begin(&self) {
        let Some(worker) = self.take_worker() else { return };
        let thread = std::thread::Builder::new().name("inkstone-trace".to_owned());
        // It ends when the exporter is closed or dropped. If it cannot begin, the queue is closed with it.
        if let Err(error) = thread.spawn(move || worker.run()) {
            tracing::error!("spans cannot be sent, there is no thread to send them: {error}");
        }
    }

    fn take_worker(&self) -> Option<Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}
