#![doc = include_str!("../README.md")]

mod access;
mod checks;
mod config;
mod governor;
mod pages;
mod serving;

pub use config::GovernorConfig;
pub use governor::Governor;
