#![doc = include_str!("../README.md")]

mod caller;
mod log;
mod metrics;
pub mod names;
mod record;
mod redact;
pub mod trace;

pub use log::{
    LogConfig, LogControl, LogFileConfig, LogFormat, LogLevels, LogOutput, RepeatBy, RepeatConfig, WhenFull,
};
pub use metrics::{Active, AllocatorStats, FamilyConfig, Method, Metrics, MetricsConfig, MetricsFormat};
pub use prometheus_client;
pub use record::{Outcome, Protocol, Recorder};
pub use trace::TraceIds;
