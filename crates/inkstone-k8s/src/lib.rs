#![doc = include_str!("../README.md")]

mod api;
mod follow;
mod resolver;
mod service;
mod slices;

pub use resolver::{KubernetesResolver, resolver};
