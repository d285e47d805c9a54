//! One run of a schedule's work.

use std::fmt;
use std::sync::Arc;

use inkstone_core::Token;
use inkstone_guard::Failure;
use jiff::Zoned;
use tokio_util::sync::CancellationToken;

/// What the work is told about the run it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Run {
    /// The schedule's key in the configuration: `cron.sweep`.
    pub name: Arc<str>,
    /// Tells this run from all others, in every log line about it.
    pub id: Arc<str>,
    /// The time of the schedule it stands for, without the jitter; that of the start if it runs at the start.
    pub due: Zoned,
    /// The fencing token of the lease, where the schedule has one.
    pub token: Option<Token>,
    /// Cancelled when the lease is lost. The run is dropped at its next `.await` then; this is for what it began
    /// elsewhere, such as a thread or a process.
    pub cancelled: CancellationToken,
}

impl Run {
    pub(crate) fn new(
        name: Arc<str>,
        due: Zoned,
        token: Option<Token>,
        cancelled: CancellationToken,
    ) -> Self {
        Self { name, id: format!("{:016x}", rand::random::<u64>()).into(), due, token, cancelled }
    }
}

/// Why a run did not succeed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: &'static str,
    pub(crate) why: String,
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
