//! Behaviour of targets, resolvers and balancers.

mod resolving;
mod targets;
