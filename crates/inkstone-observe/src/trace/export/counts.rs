//! What became of spans.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::metrics::Metrics;
use crate::names;

/// What became of spans, as metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    exported: Counter,
    dropped: [Counter; 4],
}

/// Why a span was dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reason {
    /// Too many were waiting.
    QueueFull,
    /// The collector could not be reached, or did not answer.
    Unreachable,
    /// The collector did not want it.
    Rejected,
    /// The service stopped before it could be sent.
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    reason: &'static str,
}

impl Counts {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let family: Family<Label, Counter> = Family::default();
        let dropped = [Reason::QueueFull, Reason::Unreachable, Reason::Rejected, Reason::Stopped]
            .map(|reason| family.get_or_create(&Label { reason: reason.as_str() }).clone());
        let exported = Counter::default();
        metrics.register(|registry| {
            names::TRACE_EXPORTED.register(registry, exported.clone());
            names::TRACE_DROPPED.register(registry, family);
        });
        Self { exported, dropped }
    }

    pub(crate) fn exported(&self, spans: usize) {
        self.exported.inc_by(spans as u64);
    }

    pub(crate) fn dropped(&self, reason: Reason, spans: usize) {
        self.dropped[reason as usize].inc_by(spans as u64);
    }
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Unreachable => "unreachable",
            Self::Rejected => "rejected",
            Self::Stopped => "stopped",
        }
    }
}
