#![doc = include_str!("../README.md")]

mod about;
mod access;
mod audit;
mod calls;
mod checks;
mod config;
mod endpoints;
mod governor;
mod inventory;
mod jobs;
mod levels;
mod openapi;
mod pages;
mod problem;
mod profiles;
mod serving;
mod tasks;

pub use config::GovernorConfig;
pub use governor::Governor;
pub use profiles::HeapProfiler;
