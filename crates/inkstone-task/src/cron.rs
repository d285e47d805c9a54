//! Work that runs on a schedule beside the servers.

use std::fmt;
use std::time::Duration;

use futures::FutureExt;
use inkstone_config::{Code, Live};
use inkstone_core::{Bound, Cx, Edge, Error, Load, Section, Server};
use inkstone_guard::{CallError, Failure, Guard, Op};
use inkstone_observe::{Method, Protocol};
use jiff::Zoned;

use crate::config::CronConfig;
use crate::schedule::{Schedule, until};

/// Longest sleep before the clock is looked at again: it may have been set meanwhile.
const GLANCE: Duration = Duration::from_secs(30);

/// A schedule that has been read, and no work on it yet.
#[derive(Debug)]
#[must_use = "a schedule does nothing until it has work and is served"]
pub struct Cron {
    section: Section<CronConfig>,
}

/// A schedule with its work, for [`App::serve`](inkstone_core::App::serve). Made by [`Cron::run`].
#[must_use = "work does not run until the app serves it"]
pub struct Scheduled<F> {
    section: Section<CronConfig>,
    work: F,
}

impl Load for Cron {
    const KIND: &'static str = "cron";
    type Config = CronConfig;
    type Loaded = Self;

    fn loaded(section: Section<CronConfig>) -> Self {
        Self { section }
    }
}

impl Cron {
    /// Puts work on the schedule. It is called anew for each run.
    pub fn run<F, Fut, E>(self, work: F) -> Scheduled<F>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        Scheduled { section: self.section, work }
    }
}

impl<F, Fut, E> Server for Scheduled<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Error> + 'static,
{
    async fn bind(self) -> Result<Bound, Error> {
        let Self { section: Section { config, cx, .. }, work } = self;
        let guard = cx.guard(Protocol::Task, "-", config.map(|config| config.guard.clone()));
        let guard = guard.access(config.map(|config| config.access.clone()));
        let method = guard.method("run");
        let runs = Runs { config, cx, guard, method };
        Ok(Bound { endpoint: None, serve: async move { runs.follow(work).await }.boxed() })
    }

    fn cx(&self) -> &Cx {
        &self.section.cx
    }
}

struct Runs {
    config: Live<CronConfig>,
    cx: Cx,
    guard: Guard,
    method: Method,
}

impl Runs {
    /// Runs the work at its times until the app stops.
    async fn follow<F, Fut, E>(&self, work: F) -> Result<(), Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Error>,
    {
        let stopping = self.cx.stopping();
        let mut changes = self.config.changes();
        // Up to here every run is done or left out.
        let mut done = Zoned::now();
        loop {
            let schedule =
                Schedule::of(&self.config.get()).map_err(|why| self.cx.fault(Code::InvalidValue, why))?;
            let next = schedule.after(&done);
            if next.is_none() {
                tracing::warn!(name = %self.cx.name, "the schedule has no time left to run at");
            }
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                _changed = changes.changed() => {}
                () = sleep_until(next.as_ref()) => {}
            }
            done = Zoned::now();
            // A change in the instant of a run does not take it away.
            let Some(next) = next.filter(|next| *next <= done) else { continue };
            self.once(&work).await;
            done = Zoned::now();
            let missed = schedule.between(&next, &done);
            if missed > 0 {
                tracing::warn!(name = %self.cx.name, missed, "the run took longer than the time to the next; left out");
            }
        }
    }

    async fn once<F, Fut, E>(&self, work: &F)
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Error>,
    {
        let catcher = self.cx.app().catcher(Edge::Cron, self.cx.name.clone());
        let run = || async {
            match catcher.run(async { work().await }).await {
                Ok(result) => {
                    result.map_err(|error| Failed { code: "failed", why: error.into().to_string() })
                }
                Err(panicked) => Err(Failed { code: "panic", why: panicked.to_string() }),
            }
        };
        match self.guard.call(Op::new(self.method.clone()), run).await {
            Ok(()) => tracing::debug!(name = %self.cx.name, "run done"),
            Err(CallError::Failed(Failed { code, why })) => {
                tracing::error!(name = %self.cx.name, code, "run failed: {}", why.trim_end());
            }
            Err(error) => tracing::error!(name = %self.cx.name, "run given up: {error}"),
        }
    }
}

/// Sleeps by the clock on the wall, which may be set while we sleep; for ever if there is no time.
async fn sleep_until(time: Option<&Zoned>) {
    let Some(time) = time else { return std::future::pending().await };
    loop {
        let left = until(time, &Zoned::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(GLANCE)).await;
    }
}

#[derive(Debug)]
struct Failed {
    code: &'static str,
    why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Failure for Failed {
    fn code(&self) -> &'static str {
        self.code
    }
}

impl<F> fmt::Debug for Scheduled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduled").field("section", &self.section).finish_non_exhaustive()
    }
}
