//! Limits on guessing: how often an attempt may fail before the next one has to wait.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// So many keys are remembered at most: an attacker who makes up addresses must not fill the memory.
const MOST_KEYS: usize = 10_000;

/// How many failures in what time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) failures: u32,
    pub(crate) within: Duration,
}

/// Counts failures by key, in windows.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Limits,
    windows: Mutex<HashMap<String, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    failures: u32,
}

impl Guard {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, windows: Mutex::default() }
    }

    /// Refuses when `key` has failed too often of late.
    pub(crate) fn check(&self, key: &str) -> Result<(), Problem> {
        let windows = self.windows.lock().expect("nothing panics while it holds the windows");
        match windows.get(key) {
            Some(window) if window.failures >= self.limits.failures => {
                let left = self.limits.within.saturating_sub(window.began.elapsed());
                if left.is_zero() { Ok(()) } else { Err(Problem::too_many_attempts(left.as_secs() + 1)) }
            }
            _ => Ok(()),
        }
    }

    /// Counts a failure. Called before the attempt is looked at, so that many at once count too.
    pub(crate) fn failed(&self, key: &str) {
        let mut windows = self.windows.lock().expect("nothing panics while it holds the windows");
        let within = self.limits.within;
        if windows.len() >= MOST_KEYS && !windows.contains_key(key) {
            windows.retain(|_, window| window.began.elapsed() < within);
            if windows.len() >= MOST_KEYS {
                windows.clear();
            }
        }
        let fresh = Window { began: Instant::now(), failures: 0 };
        let window = windows.entry(key.to_owned()).or_insert(fresh);
        if window.began.elapsed() >= within {
            *window = fresh;
        }
        window.failures += 1;
    }

    /// Takes back one failure: the attempt succeeded.
    pub(crate) fn succeeded(&self, key: &str) {
        let mut windows = self.windows.lock().expect("nothing panics while it holds the windows");
        if let Some(window) = windows.get_mut(key) {
            window.failures = window.failures.saturating_sub(1);
        }
    }

    /// Whether one more of these may happen now; counts it if so.
    pub(crate) fn admits(&self, key: &str) -> bool {
        let admitted = self.check(key).is_ok();
        if admitted {
            self.failed(key);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_after_the_last_allowed_failure_has_to_wait_and_others_do_not() {
        let guard = Guard::new(Limits { failures: 3, within: Duration::from_secs(60) });
        for _ in 0..3 {
            assert!(guard.check("alice").is_ok());
            guard.failed("alice");
        }
        assert!(guard.check("alice").is_err());
        assert!(guard.check("bob").is_ok());
    }

    #[test]
    fn an_old_window_is_forgotten() {
        let guard = Guard::new(Limits { failures: 1, within: Duration::ZERO });
        guard.failed("alice");
        assert!(guard.check("alice").is_ok());
    }

    #[test]
    fn many_keys_do_not_fill_the_memory() {
        let guard = Guard::new(Limits { failures: 1, within: Duration::from_secs(60) });
        for n in 0..MOST_KEYS + 10 {
            guard.failed(&n.to_string());
        }
        assert!(guard.windows.lock().unwrap().len() <= MOST_KEYS);
    }
}
