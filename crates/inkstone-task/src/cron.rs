//! Work that runs on a schedule beside the servers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use inkstone_config::{Code, Live, LiveChanges};
use inkstone_core::{Bound, Claim, Cx, Error, Leases, Load, Section, Server, Tenure, Token};
use inkstone_observe::Protocol;
use jiff::Zoned;

use crate::config::{CronConfig, Missed};
use crate::run::Run;
use crate::runs::{Runs, Work};
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
pub struct Scheduled {
    section: Section<CronConfig>,
    work: Work,
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
    pub fn run<F, Fut, E>(self, work: F) -> Scheduled
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        self.run_with(move |_| work())
    }

    /// Puts work on the schedule that is told which run it is: its id, its time, its fencing token.
    pub fn run_with<F, Fut, E>(self, work: F) -> Scheduled
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        let work = move |run| work(run).map(|result| result.map_err(Into::into)).boxed();
        Scheduled { section: self.section, work: Arc::new(work) }
    }
}

impl Server for Scheduled {
    async fn bind(self) -> Result<Bound, Error> {
        let Self { section: Section { config, cx, .. }, work } = self;
        let claim = claim(&cx, &config.get())?;
        let guard = cx.guard(Protocol::Task, "-", config.map(|config| config.guard.clone()));
        let guard = guard.access(config.map(|config| config.access.clone()));
        let runs = Runs::new(cx.clone(), guard, work);
        let follow = Follow { changes: config.changes(), config, cx, runs, tenure: None, done: Zoned::now() };
        Ok(Bound { endpoint: None, serve: follow.serve(claim).boxed() })
    }

    fn cx(&self) -> &Cx {
        &self.section.cx
    }
}

/// What the schedule competes for, if it does.
fn claim(cx: &Cx, config: &CronConfig) -> Result<Option<(Leases, Claim)>, Error> {
    let lease = &config.lease;
    if !lease.enabled {
        return Ok(None);
    }
    let Some(leases) = cx.app().provided::<Leases>() else {
        let message = "lease.enabled is true, and the app was given no place where leases are kept";
        let hint = "give it one: `app.provide(inkstone::k8s::leases())`";
        return Err(cx.fault(Code::BuildFailed, message).hint(hint).into());
    };
    let name = match lease.name.as_str() {
        "" => format!("{}-{}", cx.app().name(), cx.name.replace('.', "-")),
        name => name.to_owned(),
    };
    // Two processes of one pod, and one that starts anew, are different holders.
    let host = ["POD_NAME", "HOSTNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|host| !host.is_empty()));
    let holder = format!("{}-{:08x}", host.as_deref().unwrap_or(cx.app().name()), rand::random::<u32>());
    Ok(Some((leases, Claim::new(name, holder, *lease.duration, *lease.renew))))
}

/// The one task that a schedule is: it sleeps until the next time and starts the runs.
struct Follow {
    config: Live<CronConfig>,
    changes: LiveChanges<CronConfig>,
    cx: Cx,
    runs: Runs,
    tenure: Option<Tenure>,
    /// Up to here every run is started or left out.
    done: Zoned,
}

impl Follow {
    /// Runs the work at its times until the app stops; then waits for what goes on.
    async fn serve(mut self, claim: Option<(Leases, Claim)>) -> Result<(), Error> {
        self.tenure = claim.map(|(leases, claim)| leases.compete(claim));
        self.done = Zoned::now();
        let followed = self.follow().await;
        // From here on nothing starts. The lease is kept for as long as a run needs it, and not taken again.
        self.runs.forget_waiting();
        while !self.runs.is_empty() {
            tokio::select! {
                () = self.runs.ended() => {}
                token = moved(&mut self.tenure) => self.runs.under(token),
            }
        }
        if let Some(tenure) = self.tenure.take()
            && let Err(error) = tenure.release().await
        {
            tracing::warn!(name = %self.cx.name, "the lease could not be let go of and runs out: {error}");
        }
        followed
    }

    async fn follow(&mut self) -> Result<(), Error> {
        let stopping = self.cx.stopping();
        let mut at_start = self.config.get().run_at_start;
        let mut next: Option<Next> = None;
        loop {
            let config = self.config.get();
            let schedule = Schedule::of(&config).map_err(|why| self.cx.fault(Code::InvalidValue, why))?;
            let active = config.enabled && self.tenure.as_ref().is_none_or(|tenure| tenure.token().is_some());
            let due = match (active, at_start) {
                (false, _) => None,
                (true, true) => Some(self.done.clone()),
                (true, false) => schedule.after(&self.done),
            };
            if due.as_ref() != next.as_ref().map(|next| &next.due) {
                next = due.map(|due| Next::new(due, *config.jitter));
            }
            if active && next.is_none() {
                tracing::warn!(name = %self.cx.name, "the schedule has no time left to run at");
            }
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                _changed = self.changes.changed() => continue,
                token = moved(&mut self.tenure) => {
                    self.runs.under(token);
                    // What was due before belongs to whoever held the lease then.
                    self.done = Zoned::now();
                    continue;
                }
                () = self.runs.ended() => continue,
                () = sleep_until(next.as_ref().map(|next| &next.wake)) => {}
            }
            let Some(Next { due, .. }) = next.take() else { continue };
            self.done = Zoned::now();
            at_start = false;
            self.start(&config, &schedule, due);
        }
    }

    /// Starts what is due now. Times that have passed as well were missed by all.
    fn start(&mut self, config: &CronConfig, schedule: &Schedule, due: Zoned) {
        let more = schedule.between(&due, &self.done);
        if more == 0 {
            return self.runs.due(due, config.overlap);
        }
        let run = config.missed == Missed::RunOnce;
        let missed = more + usize::from(!run);
        self.runs.count("missed", missed);
        tracing::warn!(name = %self.cx.name, missed, first = %due, "runs missed: their times passed before they could start");
        if run {
            self.runs.due(due, config.overlap);
        }
    }
}

/// The next run, and when it starts.
struct Next {
    due: Zoned,
    wake: Zoned,
}

impl Next {
    fn new(due: Zoned, jitter: Duration) -> Self {
        let delay = jitter.mul_f64(rand::random());
        let wake = due.checked_add(delay).unwrap_or_else(|_| due.clone());
        Self { due, wake }
    }
}

/// Waits until the lease is gained or lost; for ever where there is none. Cancel safe.
async fn moved(tenure: &mut Option<Tenure>) -> Option<Token> {
    let Some(tenure) = tenure else { return std::future::pending().await };
    tenure.changed().await;
    tenure.token()
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

impl fmt::Debug for Scheduled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduled").field("section", &self.section).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_delays_by_less_than_it_says_and_not_always_alike() {
        let due: Zoned = "2026-11-22T10:00:00Z[UTC]".parse().unwrap();
        let delays: Vec<_> = (0..50).map(|_| until(&Next::new(due.clone(), GLANCE).wake, &due)).collect();
        assert!(delays.iter().all(|delay| *delay < GLANCE));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
        assert_eq!(Next::new(due.clone(), Duration::ZERO).wake, due);
    }
}
