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
    /// The time-out of each run.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
    /// What the access log says of its runs.
    #[schemars(extend("x-live" = true))]
    pub access: AccessConfig,
}

impl Default for CronConfig {
    fn default() -> Self {
        Self {
            schedule: String::new(),
            time_zone: "UTC".to_owned(),
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
    }
}
