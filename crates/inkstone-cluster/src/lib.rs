#![doc = include_str!("../README.md")]

mod access;
mod api;
mod cluster;
pub mod controllers;
#[doc(hidden)]
pub mod fuzzing;
pub mod kubelet;
pub mod store;

pub use cluster::{Cluster, ClusterOptions};
pub use kubelet::{NODE_NAME, RestartDelay, exec_pod};
