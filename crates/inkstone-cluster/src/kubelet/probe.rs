//! Startup, readiness and liveness probes over time.
//!
//! One thing differs from Kubernetes, on purpose: until its first success, a startup or readiness probe is tried
//! every few milliseconds instead of once per period, so that a pod is ready as soon as its program is. Failures
//! still count once per period.
use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::api::core::v1;
use tokio::time::{Instant, sleep};

use super::check::{Check, Checks};
use super::process::Spawner;
use crate::store::LONGEST_GRACE;

/// First and longest pause between two tries of a probe that has not succeeded yet.
const QUICK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
/// How long a probe is tried that often; what has not come up by then is tried once per period.
const QUICK_FOR: Duration = Duration::from_secs(30);

/// A probe of one container.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    check: Check,
    delay: Duration,
    period: Duration,
    limit: Duration,
    failures: u32,
    successes: u32,
    /// Replaces the pod's grace period when this probe ends the container.
    pub(crate) grace: Option<Duration>,
}

impl Probe {
    pub(crate) fn new(
        probe: &v1::Probe,
        checks: &Checks<'_>,
        find: impl Fn(&[String]) -> Result<(std::path::PathBuf, Vec<String>), String>,
    ) -> Result<Self, String> {
        let check = if let Some(action) = &probe.http_get {
            checks.http(action)?
        } else if let Some(action) = &probe.tcp_socket {
            checks.tcp(action)?
        } else if let Some(action) = &probe.grpc {
            checks.grpc(action)?
        } else if let Some(action) = &probe.exec {
            checks.exec(action, find)?
        } else {
            return Err("a probe needs httpGet, tcpSocket, grpc or exec".to_owned());
        };
        let seconds = |value: Option<i32>, default: u64| {
            Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default))
        };
        let least_one = |value: Option<i32>, default| {
            value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(default)
        };
        Ok(Self {
            check,
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10).max(Duration::from_secs(1)),
            limit: seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1)),
            failures: least_one(probe.failure_threshold, 3),
            successes: least_one(probe.success_threshold, 1),
            grace: probe
                .termination_grace_period_seconds
                .filter(|seconds| *seconds >= 0)
                .map(|seconds| Duration::from_secs(seconds.min(LONGEST_GRACE).unsigned_abs())),
        })
    }

    /// Startup: returns at the first success, or with the last failure when the threshold is reached.
    pub(crate) async fn started(&self, spawner: &Spawner, failed: impl Fn(&str)) -> Result<(), String> {
        sleep(self.delay).await;
        self.first_success(spawner, Some(self.failures), failed).await
    }

    /// Readiness: tells each change, for ever. `ready` is what is known so far.
    pub(crate) async fn readiness(
        &self,
        spawner: &Spawner,
        mut ready: bool,
        change: impl Fn(bool),
        failed: impl Fn(&str),
    ) -> Infallible {
        if !ready {
            sleep(self.delay).await;
            // Without a limit the only way out is a success.
            let _ = self.first_success(spawner, None, &failed).await;
            ready = true;
            change(ready);
        }
        let mut streak = 0;
        loop {
            sleep(self.period).await;
            let outcome = self.check.attempt(self.limit, spawner).await;
            if let Err(error) = &outcome {
                failed(error);
            }
            streak = if outcome.is_ok() == ready { 0 } else { streak + 1 };
            if streak >= if ready { self.failures } else { self.successes } {
                ready = !ready;
                streak = 0;
                change(ready);
            }
        }
    }

    /// Liveness: returns the last failure once the threshold is reached.
    pub(crate) async fn dead(&self, spawner: &Spawner, failed: impl Fn(&str)) -> String {
        // Asked at once, a program that is just starting could only fail.
        sleep(if self.delay.is_zero() { self.period } else { self.delay }).await;
        let mut streak = 0;
        loop {
            match self.check.attempt(self.limit, spawner).await {
                Ok(()) => streak = 0,
                Err(error) => {
                    failed(&error);
                    streak += 1;
                    if streak >= self.failures {
                        return error;
                    }
                }
            }
            sleep(self.period).await;
        }
    }

    async fn first_success(
        &self,
        spawner: &Spawner,
        limit: Option<u32>,
        failed: impl Fn(&str),
    ) -> Result<(), String> {
        let begun = Instant::now();
        let mut pause = QUICK.0;
        let mut counted = (0, begun);
        let mut successes = 0;
        loop {
            match self.check.attempt(self.limit, spawner).await {
                Ok(()) => {
                    successes += 1;
                    if successes >= self.successes {
                        return Ok(());
                    }
                }
                Err(error) => {
                    successes = 0;
                    if counted.1.elapsed() >= self.period {
                        failed(&error);
                        counted = (counted.0 + 1, Instant::now());
                        if limit.is_some_and(|limit| counted.0 >= limit) {
                            return Err(error);
                        }
                    }
                }
            }
            sleep(pause).await;
            pause = if begun.elapsed() < QUICK_FOR { (pause * 2).min(QUICK.1) } else { self.period };
        }
    }
}
