//! Which of the ready endpoints gets the next call.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Chooses among ready endpoints. Shared by all calls of a component, so it takes `&self` and must not block.
pub trait Balancer: Send + Sync + fmt::Debug + 'static {
    /// The index of the endpoint that gets the next call, out of `ready` many. `ready` is not 0.
    ///
    /// What an index stands for may change between two calls, when endpoints come and go.
    fn pick(&self, ready: usize) -> usize;
}

/// How calls are spread, as a configuration names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Policy {
    /// One after the other.
    #[default]
    RoundRobin,
}

/// One after the other.
#[derive(Debug, Default)]
pub struct RoundRobin(AtomicUsize);

impl Policy {
    /// A balancer of this policy.
    #[must_use]
    pub fn balancer(self) -> Box<dyn Balancer> {
        match self {
            Self::RoundRobin => Box::<RoundRobin>::default(),
        }
    }
}

impl Balancer for RoundRobin {
    fn pick(&self, ready: usize) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) % ready
    }
}
