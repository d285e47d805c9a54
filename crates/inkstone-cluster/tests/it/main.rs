//! The cluster from outside.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod applying;
mod client;
mod controllers;
mod durability;
mod fixture;
mod following;
mod hostile;
mod informers;
mod kubectl;
mod kubelet;
mod logs;
mod reading;
mod serving;
mod writing;
