//! The tokio runtime: what it counts itself, and how late its timers are.

use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::metrics::calls::OTHER;
use crate::metrics::series::Series;
use crate::metrics::text::{describe, histogram, sample, single};
use crate::names;

/// How often a timer is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Most workers that are shown one by one; the others are shown together.
const MOST_WORKERS: usize = 64;

/// Of the runtime on which this is asked for.
pub(crate) fn write(text: &mut String, lag: &Series) -> fmt::Result {
    let Ok(handle) = Handle::try_current() else { return Ok(()) };
    let runtime = handle.metrics();
    single(text, &names::RUNTIME_WORKERS, runtime.num_workers())?;
    single(text, &names::RUNTIME_TASKS, runtime.num_alive_tasks())?;
    single(text, &names::RUNTIME_QUEUE, runtime.global_queue_depth())?;
    let workers = runtime.num_workers();
    describe(text, &names::RUNTIME_BUSY)?;
    each_worker(
        workers,
        |worker| runtime.worker_total_busy_duration(worker).as_secs_f64(),
        |worker, busy| sample(text, &names::RUNTIME_BUSY, &[worker], busy),
    )?;
    describe(text, &names::RUNTIME_PARKS)?;
    each_worker(
        workers,
        |worker| runtime.worker_park_count(worker),
        |worker, parks| sample(text, &names::RUNTIME_PARKS, &[worker], parks),
    )?;
    describe(text, &names::RUNTIME_LAG)?;
    histogram(text, &names::RUNTIME_LAG, &[], lag)
}

/// Shows the value of each worker, and the sum of those that are too many.
fn each_worker<T: std::iter::Sum>(
    workers: usize,
    value: impl Fn(usize) -> T,
    mut show: impl FnMut(&str, T) -> fmt::Result,
) -> fmt::Result {
    for worker in 0..workers.min(MOST_WORKERS) {
        show(&worker.to_string(), value(worker))?;
    }
    if workers > MOST_WORKERS { show(OTHER, (MOST_WORKERS..workers).map(value).sum()) } else { Ok(()) }
}

/// Looks at a timer again and again, until `stop`. Timers of tokio are up to 1 ms late by design.
pub(crate) async fn probe(lag: &Series, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let due = Instant::now() + EVERY;
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep_until(due) => lag.observe(due.elapsed(), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_beyond_the_limit_are_shown_together() {
        let mut shown = Vec::new();
        let show = |worker: &str, value: usize| {
            shown.push((worker.to_owned(), value));
            Ok(())
        };
        each_worker(MOST_WORKERS + 3, |_| 1, show).unwrap();
        assert_eq!(shown.len(), MOST_WORKERS + 1);
        assert_eq!(shown.last(), Some(&("other".to_owned(), 3)));
    }
}
