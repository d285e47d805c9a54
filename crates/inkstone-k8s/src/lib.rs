#![doc = include_str!("../README.md")]

mod api;
mod follow;
mod lease;
mod object;
mod resolver;
mod service;
mod slices;
mod source;

pub use lease::{KubernetesLeases, leases};
pub use resolver::{KubernetesResolver, resolver};
pub use source::{KubernetesSource, config_source};
