//! The `cron.*` tables.

use inkstone_config::{Config, Dur, Problems};
use inkstone_guard::GuardConfig;
use inkstone_observe::AccessConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;

/// Work on a schedule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CronConfig {
    /// When it runs, in cron's words: `*/5 * * * *` is every five minutes, `0 30 3 * * *` is 3:30:00 each night, and there are
    /// `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`.
    #[schemars(extend("x-live" = true, "examples" = ["*/5 * * * *", "@daily"]))]
    pub schedule: String,
    /// Where the schedule's hours are those of the clock on the wall: `UTC`, `Europe/Berlin`.
    #[schemars(extend("x-live" = true, "examples" = ["UTC", "Europe/Berlin"]))]
    pub time_zone: String,
    /// Whether it runs. A run that is going on when this is turned off goes on to its end.
    #[schemars(extend("x-live" = true))]
    pub enabled: bool,
    /// What happens to a run that is due while another goes on.
    #[schemars(extend("x-live" = true))]
    pub overlap: Overlap,
    /// Whether the first run comes at once, when the service starts, and not at the first time of the schedule.
    pub run_at_start: bool,
    /// Longest random delay of each run after its time, so that not everything starts in the same second. Keep it below
    /// the time between two runs.
    #[schemars(extend("x-live" = true))]
    pub jitter: Dur,
    /// What happens to runs whose times have passed before anybody could start them, because the machine slept or was
    /// overloaded, or its clock was set forward.
    #[schemars(extend("x-live" = true))]
    pub missed: Missed,
    /// Lets one replica alone run it.
    pub lease: LeaseConfig,
    /// The time-out of each run.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
    /// What the access log says of its runs.
    #[schemars(extend("x-live" = true))]
    pub access: AccessConfig,
}

/// What happens to a run that is due while another goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It is left out, and counted as skipped.
    #[default]
    Skip,
    /// It waits until the one before is done. At most 100 wait; more are left out.
    Queue,
    /// It starts beside the other.
    Concurrent,
}

/// What happens to runs whose times have passed before anybody could start them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run stands for all of them.
    #[default]
    RunOnce,
    /// They are left out; the next run comes at its time.
    Skip,
}

/// A lease that the replicas of a service compete for. It needs a store that they share, given to the app with
/// `app.provide(Leases::new(…))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseConfig {
    /// Whether only the replica that holds the lease runs it.
    pub enabled: bool,
    /// The lease's name. Empty means the service's name and the table's key with a dash in between: `shop-cron-sweep`.
    pub name: String,
    /// How long the lease holds when its holder is gone without letting go of it. A holder that cannot renew it gives up
    /// before that, and its run is cancelled.
    pub duration: Dur,
    /// How often the lease is renewed, and how often the other replicas ask for it.
    pub renew: Dur,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            name: String::new(),
            // those of Kubernetes' own leader election: longer than a short outage of the API
            duration: Dur::from_secs(15),
            renew: Dur::from_secs(4),
        }
    }
}

impl Default for CronConfig {
    fn default() -> Self {
        Self {
            schedule: String::new(),
            time_zone: "UTC".to_owned(),
            enabled: true,
            overlap: Overlap::default(),
            run_at_start: false,
            jitter: Dur::ZERO,
            missed: Missed::default(),
            lease: LeaseConfig::default(),
            // A run that hangs for ever would keep every later one from starting.
            guard: GuardConfig { timeout: Dur::from_secs(600), ..GuardConfig::default() },
            access: AccessConfig::server(),
        }
    }
}

impl Config for CronConfig {
    fn check(&self, problems: &mut Problems) {
        if let Err(why) = Schedule::pattern(&self.schedule) {
            problems.reject("schedule", why);
        }
        if let Err(why) = Schedule::zone(&self.time_zone) {
            problems.reject("time_zone", why);
        }
        let lease = &self.lease;
        if lease.renew.is_zero() || *lease.renew * 3 > *lease.duration {
            let message = format_args!(
                "{} is more than a third of duration ({}): one answer that comes late would lose the lease",
                lease.renew, lease.duration
            );
            problems.reject("lease.renew", message);
        }
    }
}
