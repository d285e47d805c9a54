//! Logs: every tracing event becomes one line on standard output, standard error or in a file.
//!
//! `layer` turns events into lines (`line`), `levels` says which, `repeat` which are too many, `sink` takes them:
//! straight to a standard stream, or through `file` (a buffer), written by the thread in `keeper` with `rotate`.

mod config;
mod control;
mod file;
mod keeper;
mod layer;
mod levels;
mod line;
mod redaction;
mod repeat;
mod rotate;
mod sink;
#[cfg(test)]
mod tests;

pub use config::{LogConfig, LogFileConfig, LogFormat, LogOutput, RepeatBy, RepeatConfig, WhenFull};
pub(crate) use control::belongs_to;
pub use control::{LogControl, LogLevels};
pub(crate) use line::Line;
pub(crate) use redaction::Redaction;
