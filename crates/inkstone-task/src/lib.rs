#![doc = include_str!("../README.md")]

mod config;
mod cron;
mod run;
mod runs;
mod schedule;

pub use config::{CronConfig, LeaseConfig, Missed, Overlap};
pub use cron::{Cron, Scheduled};
pub use run::Run;
