#![doc = include_str!("../README.md")]

mod balance;
mod endpoints;
mod hosts;
mod resolver;
mod target;

pub use balance::{Balancer, Policy, RoundRobin};
pub use endpoints::{Endpoint, Endpoints, Publisher, Resolution};
pub use resolver::{ResolveError, Resolver, Resolvers};
pub use target::{BadTarget, Target};
