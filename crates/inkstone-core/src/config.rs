//! The `[app]` table.

use std::time::Duration;

use inkstone_config::{Config, Dur, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The service itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// The service's name. Empty means the name of its crate. `INKSTONE_NAME` sets it.
    pub name: String,
    /// What the installation is for: `dev`, `staging`, `production`. `INKSTONE_MODE` sets it.
    pub mode: String,
    /// The region it runs in. `INKSTONE_REGION` sets it.
    pub region: String,
    /// The zone of the region it runs in. `INKSTONE_ZONE` sets it.
    pub zone: String,
    /// What tells this replica from the others. Empty means the pod's name, or the host's. `INKSTONE_INSTANCE` sets it.
    pub instance: String,
    /// Where servers listen whose table names no `host`; not the governor. `0.0.0.0` is every IPv4 address of the machine.
    /// `--host` and `INKSTONE_HOST` set it.
    pub host: String,
    /// Threads that run the service's tasks. 0 means one for each CPU that the process may use: its affinity and its
    /// cgroup's quota, as far as it is at least 1, are respected. `INKSTONE_WORKERS` sets it.
    pub workers: u16,
    /// How long a start waits for a component that cannot be reached and is required, trying again meanwhile. `0s` fails
    /// at once, and leaves trying again to whatever runs the service.
    pub start_wait: Dur,
    /// Longest time to wait for what `App::wait_until` names, one after the other.
    pub ready_within: Dur,
    /// How long the service goes on serving after it was told to stop and has reported itself not ready, so that
    /// callers learn of it first. A stop from the keyboard does not wait.
    pub drain: Dur,
    /// Longest time a stop may take, drain included; then what is left is cut off. Closing what is still open, and hooks
    /// after that, then take at most 3 s more. Keep the pod's `terminationGracePeriodSeconds` above both.
    pub stop_within: Dur,
    /// Longest time that each hook of a stop may take.
    pub hook_within: Dur,
    /// Signals that ask for a stop as SIGTERM does, beside it. SIGINT stops without the drain, SIGQUIT without waiting for
    /// what is in flight.
    pub stop_signals: Vec<StopSignal>,
}

/// A signal that may ask for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// The terminal has gone.
    Hup,
    /// The first that programs may give a meaning.
    Usr1,
    /// The second.
    Usr2,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            mode: String::new(),
            region: String::new(),
            zone: String::new(),
            instance: String::new(),
            // reachable by nobody else until somebody wants that
            host: "127.0.0.1".to_owned(),
            workers: 0,
            start_wait: Dur::ZERO,
            ready_within: Dur::from_secs(60),
            // endpoints reach callers within milliseconds on an idle cluster, within a second on a busy one
            drain: Dur::from_secs(1),
            // Kubernetes kills after 30 s unless told otherwise
            stop_within: Dur::from_secs(20),
            hook_within: Dur::from_secs(5),
            stop_signals: Vec::new(),
        }
    }
}

impl AppConfig {
    /// The worker threads to start.
    pub(crate) fn threads(&self) -> usize {
        match self.workers {
            // Affinity and cgroup quota (v1 and v2) are looked at by the standard library.
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => usize::from(workers),
        }
    }
}

impl Config for AppConfig {
    fn check(&self, problems: &mut Problems) {
        if *self.drain >= *self.stop_within {
            problems.reject(
                "drain",
                format_args!("{} leaves nothing of stop_within ({})", self.drain, self.stop_within),
            );
        }
        if self.host.trim().is_empty() {
            problems.reject("host", "is empty; expected an address such as 127.0.0.1, or 0.0.0.0 for all");
        }
        if *self.hook_within == Duration::ZERO {
            problems.reject("hook_within", "is 0, which would end every hook before it begins");
        }
        if self.workers > MOST_WORKERS {
            problems.reject("workers", format_args!("{} is more than {MOST_WORKERS}", self.workers));
        }
    }
}

/// More threads than any machine has CPUs: a slip of the keyboard.
const MOST_WORKERS: u16 = 4096;
