//! Calls as they happen, for somebody who watches.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::access::Ending;

/// Most records that wait for a slow reader.
const WAITING: usize = 1024;

/// One call, as the access log has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallRecord {
    /// When it ended, RFC 3339.
    pub time: String,
    /// `normal` or `slow`.
    pub event: &'static str,
    /// How it ended, whatever the protocol's word for it.
    pub ending: Ending,
    /// `server`, `client` or `task`.
    pub side: &'static str,
    /// The component's kind: `grpc`.
    pub kind: &'static str,
    /// The component's key in the configuration: `grpc.stock`.
    pub name: String,
    /// Where the call went, or where it came in.
    pub addr: String,
    /// What was called.
    pub method: String,
    /// How it ended, in the protocol's own words.
    pub code: &'static str,
    /// How long it took, in milliseconds.
    pub cost_ms: f64,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was asked, if that is captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What came back, if that is captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The trace it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Its span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// How many records that were asked for are missing before this one, because the reader was too slow.
    pub missed: u64,
}

/// Which calls somebody wants to see. The default is all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct TailFilter {
    /// Only of the component with this key, or of this kind.
    pub name: Option<String>,
    /// Only methods that begin so.
    pub method: Option<String>,
    /// Only with this code.
    pub code: Option<String>,
    /// Only those that ended otherwise than well.
    pub failed: bool,
    /// Only those that took at least so long.
    pub at_least: Duration,
    /// Which part of those is wanted, from 0 to 1.
    pub sample: f64,
}

impl Default for TailFilter {
    fn default() -> Self {
        Self { name: None, method: None, code: None, failed: false, at_least: Duration::ZERO, sample: 1.0 }
    }
}

impl TailFilter {
    fn wants(&self, record: &CallRecord) -> bool {
        let is = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        is(&self.name, &|name| record.name == name || record.kind == name)
            && is(&self.method, &|method| record.method.starts_with(method))
            && is(&self.code, &|code| record.code == code)
            && (!self.failed || record.ending != Ending::Ok)
            && record.cost_ms >= self.at_least.as_secs_f64() * 1e3
    }
}

/// The calls of an app as they happen. A handle: clones show the same. While nobody watches it costs one load a call.
#[derive(Debug, Clone, Default)]
pub struct Tail(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    watching: AtomicUsize,
    readers: Mutex<Vec<Arc<Reader>>>,
}

struct Reader {
    filter: TailFilter,
    records: mpsc::Sender<CallRecord>,
    missed: AtomicU64,
    /// How many were wanted so far, of which a part is sent.
    wanted: AtomicU64,
}

impl Tail {
    /// Every call from now on that the filter wants. A reader that is too slow misses some, which the next record says.
    #[must_use]
    pub fn subscribe(&self, filter: TailFilter) -> TailStream {
        let (records, received) = mpsc::channel(WAITING);
        let reader =
            Arc::new(Reader { filter, records, missed: AtomicU64::new(0), wanted: AtomicU64::new(0) });
        let mut readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.push(reader.clone());
        self.0.watching.store(readers.len(), Ordering::Relaxed);
        drop(readers);
        TailStream { tail: self.clone(), reader, received }
    }

    /// How many watch.
    #[must_use]
    pub fn watching(&self) -> usize {
        self.0.watching.load(Ordering::Relaxed)
    }

    pub(crate) fn send(&self, record: impl FnOnce() -> CallRecord) {
        if self.watching() == 0 {
            return;
        }
        let readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let record = record();
        readers.iter().for_each(|reader| reader.send(&record));
    }
}

impl Reader {
    fn send(&self, record: &CallRecord) {
        if !self.filter.wants(record) || !self.samples() {
            return;
        }
        let Ok(place) = self.records.try_reserve() else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let missed = self.missed.swap(0, Ordering::Relaxed);
        place.send(CallRecord { missed, ..record.clone() });
    }

    /// Evenly: of 10 with a sample of 0.3, each that brings the sum above the next whole number.
    fn samples(&self) -> bool {
        let before = self.wanted.fetch_add(1, Ordering::Relaxed) as f64;
        let sample = self.filter.sample.clamp(0.0, 1.0);
        ((before + 1.0) * sample).floor() > (before * sample).floor()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// Calls as they happen, from [`Tail::subscribe`]. It ends never; dropped, it costs nothing more.
#[derive(Debug)]
pub struct TailStream {
    tail: Tail,
    reader: Arc<Reader>,
    received: mpsc::Receiver<CallRecord>,
}

impl Stream for TailStream {
    type Item = CallRecord;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<CallRecord>> {
        self.received.poll_recv(cx)
    }
}

impl Drop for TailStream {
    fn drop(&mut self) {
        let mut readers = self.tail.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| !Arc::ptr_eq(reader, &self.reader));
        self.tail.0.watching.store(readers.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn record(code: &'static str, cost_ms: f64) -> CallRecord {
        CallRecord {
            time: String::new(),
            event: "normal",
            ending: Ending::of(code),
            side: "client",
            kind: "grpc",
            name: "grpc.stock".to_owned(),
            addr: "h:1".to_owned(),
            method: "shop.v1.Stock/Get".to_owned(),
            code,
            cost_ms,
            peer: None,
            error: None,
            request: None,
            response: None,
            trace_id: None,
            span_id: None,
            missed: 0,
        }
    }

    #[test]
    fn nothing_is_made_while_nobody_watches() {
        let tail = Tail::default();
        tail.send(|| panic!("made for nobody"));
        drop(tail.subscribe(TailFilter::default()));
        tail.send(|| panic!("made for nobody"));
    }

    #[test]
    fn a_filter_lets_through_what_it_says() {
        let tail = Tail::default();
        let wants = |filter: TailFilter, code, cost| {
            let mut stream = tail.subscribe(filter);
            tail.send(|| record(code, cost));
            stream.next().now_or_never().is_some()
        };
        let some = |text: &str| Some(text.to_owned());
        assert!(wants(TailFilter::default(), "OK", 1.0));
        assert!(wants(TailFilter { name: some("grpc"), ..TailFilter::default() }, "OK", 1.0));
        assert!(!wants(TailFilter { name: some("grpc.other"), ..TailFilter::default() }, "OK", 1.0));
        assert!(wants(TailFilter { method: some("shop.v1."), ..TailFilter::default() }, "OK", 1.0));
        assert!(!wants(TailFilter { failed: true, ..TailFilter::default() }, "OK", 1.0));
        assert!(wants(TailFilter { failed: true, ..TailFilter::default() }, "NOT_FOUND", 1.0));
        assert!(!wants(TailFilter { code: some("INTERNAL"), ..TailFilter::default() }, "NOT_FOUND", 1.0));
        assert!(!wants(
            TailFilter { at_least: Duration::from_millis(2), ..TailFilter::default() },
            "OK",
            1.9
        ));
    }

    #[test]
    fn a_slow_reader_misses_records_and_is_told_how_many() {
        let tail = Tail::default();
        let mut stream = tail.subscribe(TailFilter::default());
        (0..WAITING + 7).for_each(|_| tail.send(|| record("OK", 1.0)));
        let mut next = || stream.next().now_or_never().flatten();
        (0..WAITING).for_each(|_| assert_eq!(next().unwrap().missed, 0));
        assert_eq!(next(), None);
        tail.send(|| record("OK", 1.0));
        assert_eq!(stream.next().now_or_never().flatten().unwrap().missed, 7);
    }

    #[test]
    fn a_sample_is_taken_evenly() {
        let tail = Tail::default();
        let mut stream = tail.subscribe(TailFilter { sample: 0.3, ..TailFilter::default() });
        (0..100).for_each(|_| tail.send(|| record("OK", 1.0)));
        let mut count = 0;
        while stream.next().now_or_never().is_some() {
            count += 1;
        }
        assert_eq!(count, 30);
    }
}
