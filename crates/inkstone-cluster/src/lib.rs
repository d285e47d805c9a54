//! A local cluster that speaks the Kubernetes API and runs pods as processes.

mod api;
mod cluster;
mod controllers;
mod kubelet;
pub mod store;

pub use cluster::{Cluster, ClusterOptions, Options};
