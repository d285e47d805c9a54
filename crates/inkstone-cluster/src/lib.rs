#![doc = include_str!("../README.md")]

mod access;
mod api;
mod cluster;
pub mod controllers;
pub mod kubelet;
pub mod store;

pub use cluster::{Cluster, ClusterOptions};
pub use kubelet::{NODE_NAME, RestartDelay, exec_pod};
