//! What the facade holds together: the list of kinds, and the reference that is generated from it, and services as a whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

#[path = "../../../inkstone-observe/tests/it/collector.rs"]
mod collector;
mod docs;
mod kinds;
mod metrics;
mod node;
mod reference;
mod traces;
