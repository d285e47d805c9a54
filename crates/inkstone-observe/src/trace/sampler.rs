//! Which traces are recorded.

use super::ids::TraceIds;

/// The part of all traces that is recorded. It is asked at the beginning of a trace only: whoever continues one follows
/// the decision that came with it (parent-based sampling).
///
/// The decision is read from the random part of the trace id, the last 56 bits, so that every service that begins traces
/// with the same id would decide alike, and one with a larger ratio records all that one with a smaller ratio records
/// ([OpenTelemetry: probability sampling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// Ids whose random part is below this are left out.
    threshold: u64,
}

/// One more than the largest value of the random part.
const RANGE: u64 = 1 << 56;

impl Ratio {
    /// `0.0` is none, `1.0` is all, `0.1` is one in ten. Values outside are taken for the nearest.
    #[must_use]
    pub fn new(ratio: f64) -> Self {
        // Not a number is none.
        let ratio = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        Self { threshold: RANGE - (ratio * RANGE as f64) as u64 }
    }

    /// Whether the trace of this id is recorded.
    #[must_use]
    pub fn samples(self, trace: &[u8; 16]) -> bool {
        let mut random = [0; 8];
        random[1..].copy_from_slice(&trace[9..]);
        u64::from_be_bytes(random) >= self.threshold
    }

    /// The ids of a new trace, with the decision about it.
    #[must_use]
    pub fn root(self) -> TraceIds {
        let ids = TraceIds::root(false);
        TraceIds { sampled: self.samples(&ids.trace), ..ids }
    }
}

impl Default for Ratio {
    /// None.
    fn default() -> Self {
        Self::new(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_kept_and_a_larger_one_includes_a_smaller_one() {
        let ids: Vec<_> = (0..10_000).map(|_| TraceIds::root(false).trace).collect();
        let count = |ratio: f64| ids.iter().filter(|id| Ratio::new(ratio).samples(id)).count();
        assert_eq!((count(0.0), count(1.0), count(f64::NAN), count(-1.0)), (0, 10_000, 0, 0));
        // Five standard deviations on either side.
        assert!((850..1150).contains(&count(0.1)), "{}", count(0.1));
        assert!(
            ids.iter().all(|id| !Ratio::new(0.1).samples(id) || Ratio::new(0.2).samples(id)),
            "what a tenth has, a fifth has"
        );
    }
}
