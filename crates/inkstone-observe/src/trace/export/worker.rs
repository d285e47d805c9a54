//! The thread that sends spans.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::super::config::TraceConfig;
use super::super::span::Ended;
use super::counts::{Counts, Reason};
use super::transport::{Failure, Transport};
use super::wire::{Resource, request};

/// First wait after a failure; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// How often the same spans are sent.
const ATTEMPTS: u32 = 5;

/// What the thread has of its own.
pub(crate) struct Worker {
    pub(crate) config: TraceConfig,
    pub(crate) endpoint: Uri,
    pub(crate) grpc: bool,
    pub(crate) resource: Resource,
    pub(crate) queue: mpsc::Receiver<Ended>,
    /// Told when a batch is full.
    pub(crate) full: Arc<Notify>,
    /// Until when what is left may be sent, once the exporter is closed.
    pub(crate) closing: watch::Receiver<Option<Instant>>,
    pub(crate) counts: Arc<Counts>,
    /// Dropped at the end.
    pub(crate) done: watch::Sender<()>,
}

/// Spans as they are sent.
struct Batch {
    body: Bytes,
    spans: usize,
}

impl Worker {
    /// Runs on a runtime of its own. On the service's it could wait for a thread that waits for it, where there is only
    /// one.
    pub(crate) fn run(self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let transport = Transport::new(&self.config, &self.endpoint, self.grpc);
        match (runtime, transport) {
            (Ok(runtime), Ok(transport)) => runtime.block_on(self.work(&transport)),
            (Err(error), _) => self.give_up(&error.to_string()),
            (_, Err(why)) => self.give_up(&why),
        }
    }

    fn give_up(mut self, why: &str) {
        tracing::error!("spans cannot be sent: {why}");
        while self.queue.blocking_recv().is_some() {
            self.counts.dropped(Reason::Unreachable, 1);
        }
    }

    async fn work(mut self, transport: &Transport) {
        let mut failing = false;
        let mut left = None;
        while let Some(batch) = self.gather(transport).await {
            left = self.deliver(transport, batch, &mut failing).await;
            if left.is_some() {
                break;
            }
        }
        let until = self.closing.borrow().unwrap_or_else(Instant::now);
        self.queue.close();
        let sent = timeout_at(until, self.drain(transport, &mut left)).await;
        let mut unsent = left.map_or(0, |batch| batch.spans);
        while self.queue.try_recv().is_ok() {
            unsent += 1;
        }
        if unsent > 0 {
            self.counts.dropped(Reason::Stopped, unsent);
            let why = match sent {
                Ok(Some(failure)) => failure.why,
                _ => "no answer in time".to_owned(),
            };
            tracing::warn!(spans = unsent, endpoint = %self.endpoint, "spans were not sent before the end: {why}");
        }
        drop(self.done);
    }

    /// Waits for spans, and a little for others to go with them. Nothing once the exporter is closed.
    async fn gather(&mut self, transport: &Transport) -> Option<Batch> {
        let closed = async |closing: &mut watch::Receiver<Option<Instant>>| {
            // The exporter is gone: nobody can send any more.
            let _gone = closing.wait_for(Option::is_some).await.is_err();
        };
        let first = tokio::select! {
            biased;
            () = closed(&mut self.closing) => return None,
            first = self.queue.recv() => first?,
        };
        let most = self.config.batch as usize;
        if self.queue.len() + 1 < most {
            tokio::select! {
                () = sleep(*self.config.interval) => {}
                () = self.full.notified() => {}
                () = closed(&mut self.closing) => {}
            }
        }
        Some(self.pack(transport, vec![first]))
    }

    /// These spans and what is in the queue, up to a full batch.
    fn pack(&mut self, transport: &Transport, mut spans: Vec<Ended>) -> Batch {
        while spans.len() < self.config.batch as usize
            && let Ok(span) = self.queue.try_recv()
        {
            spans.push(span);
        }
        Batch { body: transport.body(&request(&self.resource, &spans)), spans: spans.len() }
    }

    /// Sends a batch, again if that may help. What is left when the exporter is closed is given back.
    async fn deliver(&mut self, transport: &Transport, batch: Batch, failing: &mut bool) -> Option<Batch> {
        let mut wait = FIRST;
        for attempt in 1..=ATTEMPTS {
            let sent = tokio::select! {
                sent = self.send(transport, &batch) => sent,
                () = closing_within(&self.closing) => return Some(batch),
            };
            let Err(failure) = sent else {
                if std::mem::take(failing) {
                    tracing::info!(endpoint = %self.endpoint, "spans arrive again");
                }
                return None;
            };
            if !std::mem::replace(failing, true) {
                tracing::warn!(endpoint = %self.endpoint, "spans do not arrive, and are dropped as they become too many: {}", failure.why);
            }
            let Some(after) = failure.again else {
                self.counts.dropped(Reason::Rejected, batch.spans);
                return None;
            };
            if attempt < ATTEMPTS {
                let jitter = wait.mul_f64(0.5 + rand::random::<f64>() / 2.0);
                tokio::select! {
                    () = sleep(after.unwrap_or(jitter).min(LONGEST)) => {}
                    _closing = self.closing.wait_for(Option::is_some) => return Some(batch),
                }
                wait = (wait * 2).min(LONGEST);
            }
        }
        self.counts.dropped(Reason::Unreachable, batch.spans);
        None
    }

    /// Sends what is left, each batch once. Ends at the first that fails: the others would, too.
    async fn drain(&mut self, transport: &Transport, left: &mut Option<Batch>) -> Option<Failure> {
        loop {
            if left.is_none() {
                let first = self.queue.try_recv().ok()?;
                *left = Some(self.pack(transport, vec![first]));
            }
            if let Some(batch) = &*left
                && let Err(failure) = self.send(transport, batch).await
            {
                return Some(failure);
            }
            *left = None;
        }
    }

    async fn send(&self, transport: &Transport, batch: &Batch) -> Result<(), Failure> {
        let within = self.config.timeout;
        let answer =
            timeout(*within, transport.send(batch.body.clone())).await.unwrap_or_else(|_elapsed| {
                Err(Failure { why: format!("no answer within {within}"), again: Some(None) })
            })?;
        let refused = answer.map_or(0, |answer| {
            let refused = usize::try_from(answer.rejected_spans).unwrap_or(0).min(batch.spans);
            if refused > 0 || !answer.error_message.is_empty() {
                tracing::warn!(refused, endpoint = %self.endpoint, "the collector did not take all: {}", answer.error_message);
            }
            refused
        });
        self.counts.dropped(Reason::Rejected, refused);
        self.counts.exported(batch.spans - refused);
        Ok(())
    }
}

/// Ends when the exporter is closed and its time is over: what is under way is given up then, not before.
async fn closing_within(closing: &watch::Receiver<Option<Instant>>) {
    let mut closing = closing.clone();
    match closing.wait_for(Option::is_some).await.map(|until| *until) {
        Ok(Some(until)) => tokio::time::sleep_until(until).await,
        _ => std::future::pending().await,
    }
}
