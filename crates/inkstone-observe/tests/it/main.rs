//! What a service shows of itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod access;
mod collector;
mod otlp;
mod propagation;
