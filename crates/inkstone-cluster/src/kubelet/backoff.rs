//! How long a container that ended waits before it is started again.
use std::time::Duration;

/// Pauses between restarts of a container: none, then `first`, doubled each time up to `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartDelay {
    /// The pause before the second restart; the first is immediate.
    pub first: Duration,
    /// The longest pause. A container that ran for twice as long is treated as if it had never failed.
    pub longest: Duration,
}

impl Default for RestartDelay {
    /// As in Kubernetes: 10 seconds, doubling up to 5 minutes.
    fn default() -> Self {
        Self { first: Duration::from_secs(10), longest: Duration::from_secs(300) }
    }
}

#[derive(Debug)]
pub(crate) struct Backoff {
    delay: RestartDelay,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(delay: RestartDelay) -> Self {
        Self { delay, next: Duration::ZERO }
    }

    /// The pause after a run that lasted `ran`.
    pub(crate) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= self.delay.longest * 2 {
            self.next = Duration::ZERO;
        }
        let pause = self.next;
        self.next = if pause.is_zero() { self.delay.first } else { (pause * 2).min(self.delay.longest) };
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_a_long_run_forgives() {
        let mut backoff = Backoff::new(RestartDelay::default());
        let mut after = |seconds| backoff.after(Duration::from_secs(seconds)).as_secs();
        let pauses: Vec<_> = (0..8).map(|_| after(1)).collect();
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(after(600), 0);
        assert_eq!(after(1), 10);
    }
}
