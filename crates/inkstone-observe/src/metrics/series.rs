//! The histogram of one series. Whoever records waits for nobody: it is all atomics.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, SystemTime};

use inkstone_config::Dur;

use crate::trace::TraceIds;

/// The upper bounds of a family's buckets, in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Bounds(Arc<[u64]>);

impl Bounds {
    pub(crate) fn new(bounds: &[Dur]) -> Self {
        Self(bounds.iter().map(|bound| nanos(**bound)).collect())
    }
}

/// How long calls took.
pub(crate) struct Series {
    bounds: Bounds,
    /// One for each bound, and one for what is above them all.
    buckets: Box<[AtomicU64]>,
    /// Lasts for 584 years of calls.
    nanos: AtomicU64,
    /// The last sampled call of each bucket. Empty until there is one.
    exemplars: Mutex<Vec<Option<Exemplar>>>,
}

/// One call that fell into a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exemplar {
    pub(crate) trace: TraceIds,
    pub(crate) seconds: f64,
    pub(crate) at: SystemTime,
}

/// A bucket as it is shown.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// In seconds.
    pub(crate) upper: f64,
    /// Calls in this bucket and all below.
    pub(crate) count: u64,
    pub(crate) exemplar: Option<Exemplar>,
}

impl Series {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let buckets = (0..=bounds.0.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, nanos: AtomicU64::new(0), exemplars: Mutex::default() }
    }

    pub(crate) fn observe(&self, cost: Duration, exemplar: Option<TraceIds>) {
        let nanos = nanos(cost);
        let bucket = self.bounds.0.partition_point(|bound| *bound < nanos);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        if let Some(trace) = exemplar {
            self.keep(bucket, Exemplar { trace, seconds: cost.as_secs_f64(), at: SystemTime::now() });
        }
    }

    /// Another call of this very moment, or a scrape, is as good an example.
    fn keep(&self, bucket: usize, exemplar: Exemplar) {
        let mut exemplars = match self.exemplars.try_lock() {
            Ok(exemplars) => exemplars,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        exemplars.resize(self.buckets.len(), None);
        exemplars[bucket] = Some(exemplar);
    }

    /// The sum of all costs in seconds.
    pub(crate) fn sum(&self) -> f64 {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64()
    }

    /// What is in the buckets. The last count is that of all.
    pub(crate) fn buckets(&self) -> Vec<Bucket> {
        let exemplars = self.exemplars.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let uppers = self.bounds.0.iter().map(|nanos| Duration::from_nanos(*nanos).as_secs_f64());
        let mut all = 0;
        std::iter::zip(&self.buckets, uppers.chain([f64::INFINITY]))
            .enumerate()
            .map(|(at, (bucket, upper))| {
                all += bucket.load(Ordering::Relaxed);
                Bucket { upper, count: all, exemplar: exemplars.get(at).copied().flatten() }
            })
            .collect()
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("sum", &self.sum()).finish_non_exhaustive()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_falls_into_the_first_bucket_that_is_not_below_it() {
        let series = Series::new(Bounds::new(&[Dur::from_secs(1), Dur::from_secs(2)]));
        for millis in [0, 1000, 1001, 2000, 2001] {
            series.observe(Duration::from_millis(millis), None);
        }
        let counts: Vec<_> = series.buckets().iter().map(|bucket| (bucket.upper, bucket.count)).collect();
        assert_eq!(counts, [(1.0, 2), (2.0, 4), (f64::INFINITY, 5)]);
        assert_eq!(series.sum(), 6.002);
    }

    #[test]
    fn a_bucket_keeps_the_last_sampled_call_of_its_own() {
        let series = Series::new(Bounds::new(&[Dur::from_secs(1)]));
        let ids = |id| TraceIds { trace: [id; 16], span: [id; 8], sampled: true };
        for (millis, id) in [(5, 1), (6, 2), (5000, 3)] {
            series.observe(Duration::from_millis(millis), Some(ids(id)));
        }
        let kept: Vec<_> =
            series.buckets().iter().map(|bucket| bucket.exemplar.map(|exemplar| exemplar.trace)).collect();
        assert_eq!(kept, [Some(ids(2)), Some(ids(3))]);
    }
}
