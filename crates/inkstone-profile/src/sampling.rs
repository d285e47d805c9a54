//! From start to finish.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use crate::profile::Profile;
use crate::signal;

/// Most stacks of a profile, a kilobyte each. Later ones are counted and not kept.
const MOST: usize = 20_000;

/// A profile that is being taken; dropping it ends it.
#[must_use = "a profile ends when it is dropped"]
pub struct Sampling {
    running: signal::Running,
    began: (SystemTime, Instant),
    hz: u32,
}

/// Why no profile can be taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// One is being taken already.
    Busy,
    /// The system refuses.
    System(std::io::Error),
}

impl Sampling {
    /// Takes a sample `hz` times for each second of CPU time that the process uses, on the thread that uses it; the kernel's
    /// own clock, often 250 a second, is the limit. `within` is how long it is meant to take, which decides how much memory
    /// is set aside.
    ///
    /// # Errors
    /// When a profile is being taken already, or something else uses SIGPROF.
    pub fn start(hz: u32, within: Duration) -> Result<Self, Error> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let expected = within.as_secs_f64() * f64::from(hz) * cpus as f64;
        let room = (expected.ceil() as usize).saturating_add(100).min(MOST);
        match signal::Running::start(hz, room) {
            Ok(Some(running)) => Ok(Self { running, began: (SystemTime::now(), Instant::now()), hz }),
            Ok(None) => Err(Error::Busy),
            Err(error) => Err(Error::System(error)),
        }
    }

    /// Ends it, and gives the functions their names: that takes a moment, a second or more the first time in a large
    /// program with debug information.
    #[must_use]
    pub fn finish(self) -> Profile {
        let Self { running, began: (began, clock), hz } = self;
        let took = clock.elapsed();
        let samples = running.finish();
        let lost = samples.as_ref().map_or(0, |samples| samples.lost());
        Profile::of(samples.iter().flat_map(|samples| samples.stacks()), lost, hz, began, took)
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling").field("hz", &self.hz).finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("a profile of this process is being taken already"),
            Self::System(error) => write!(f, "the system takes no profile: {error}"),
        }
    }
}

impl std::error::Error for Error {}
