#![doc = include_str!("../README.md")]

mod access;
mod caller;
mod log;
mod metrics;
pub mod names;
mod record;
mod redact;
mod tail;
pub mod trace;

pub use access::{AccessConfig, AccessSettings, Ending};
pub use log::{
    LogConfig, LogControl, LogFileConfig, LogFormat, LogLevels, LogOutput, RepeatBy, RepeatConfig, WhenFull,
};
pub use metrics::{Active, AllocatorStats, FamilyConfig, Method, Metrics, MetricsConfig, MetricsFormat};
pub use prometheus_client;
pub use record::{Outcome, Protocol, Recorder};
pub use tail::{CallRecord, Tail, TailFilter, TailStream};
pub use trace::TraceIds;
