//! Behaviour of targets, resolvers and balancers.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod resolving;
mod targets;
