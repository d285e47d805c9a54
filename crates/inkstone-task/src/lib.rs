#![doc = include_str!("../README.md")]

mod config;
mod cron;
mod schedule;

pub use config::CronConfig;
pub use cron::{Cron, Scheduled};
