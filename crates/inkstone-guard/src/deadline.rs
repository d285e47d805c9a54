//! Deadlines that travel: an incoming deadline caps every call made while serving it.

use std::future::Future;
use std::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work` under a deadline. Calls made inside see the earlier of this one and the one already in force.
///
/// ```
/// use std::time::{Duration, Instant};
/// use inkstone_guard::deadline;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let soon = Instant::now() + Duration::from_secs(1);
/// deadline::scope(soon, async { assert_eq!(deadline::current(), Some(soon)) }).await;
/// assert_eq!(deadline::current(), None);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn scope<F: Future>(deadline: Instant, work: F) -> F::Output {
    DEADLINE.scope(earlier(Some(deadline), current()).unwrap_or(deadline), work).await
}

/// Runs one step of what is polled under a deadline, if there is one.
pub(crate) fn step<T>(deadline: Option<Instant>, step: impl FnOnce() -> T) -> T {
    match earlier(deadline, current()) {
        Some(deadline) => DEADLINE.sync_scope(deadline, step),
        None => step(),
    }
}

/// The deadline of what is being served, if it has one.
#[must_use]
pub fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// The earlier of two deadlines; none is later than any.
#[must_use]
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
