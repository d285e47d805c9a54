//! The shop's programs, as processes, without a cluster.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

#[path = "../../../../../crates/inkstone-observe/tests/it/collector.rs"]
mod collector;
mod traces;
