//! The `sqlite.*` tables.

use std::num::NonZeroU32;

use inkstone_config::{Addr, Config, Dur, Problems};
use inkstone_guard::GuardConfig;
use inkstone_observe::AccessConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An SQLite database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteConfig {
    /// The database's file: `sqlite:data/goods.db` or a plain path, relative to the working directory. `sqlite::memory:` is a
    /// database that lives as long as the service.
    #[schemars(extend("examples" = ["sqlite:data/goods.db", "sqlite::memory:"]))]
    pub addr: Addr,
    /// Whether a file that does not exist is created. Its directory must exist.
    pub create_if_missing: bool,
    /// Most connections kept open at once. Readers run side by side; writers take turns whatever this says.
    pub pool_size: NonZeroU32,
    /// Fewest connections kept open when idle.
    pub min_idle: u32,
    /// Longest wait for a free connection.
    pub acquire_timeout: Dur,
    /// Longest wait for another connection or process to finish writing.
    pub busy_timeout: Dur,
    /// Whether the database keeps a write-ahead log, so that readers and a writer do not wait for each other.
    pub wal: bool,
    /// Whether foreign keys are enforced.
    pub foreign_keys: bool,
    /// Time-outs around each statement. A method is an SQL operation: `methods.SELECT.timeout = "1s"`.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
    /// What the access log says of its statements.
    #[schemars(extend("x-live" = true))]
    pub access: AccessConfig,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            addr: Addr::default(),
            create_if_missing: true,
            pool_size: NonZeroU32::new(8).expect("8 is not zero"),
            min_idle: 1,
            acquire_timeout: Dur::from_secs(2),
            busy_timeout: Dur::from_secs(3),
            wal: true,
            foreign_keys: true,
            // longer than busy_timeout, so that waiting for a writer ends as `busy`, which says why
            guard: GuardConfig { timeout: Dur::from_secs(5), ..GuardConfig::default() },
            access: AccessConfig::default(),
        }
    }
}

impl Config for SqliteConfig {
    fn check(&self, problems: &mut Problems) {
        if self.pool_size.get() < self.min_idle {
            problems.reject(
                "min_idle",
                format_args!("{} is more than pool_size ({})", self.min_idle, self.pool_size),
            );
        }
        if let Some((_, options)) = self.addr.split_once('?') {
            problems.reject(
                "addr",
                format_args!(
                    "options such as `{options}` do not belong in the address; they are keys of this table"
                ),
            );
        }
        if self.guard.timeout != Dur::ZERO && self.busy_timeout >= self.guard.timeout {
            problems.reject(
                "busy_timeout",
                format_args!(
                    "{} is not less than guard.timeout ({}): a busy database would only be seen as slow",
                    self.busy_timeout, self.guard.timeout
                ),
            );
        }
    }
}
