//! Against a real etcd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod client;
mod server;
mod service;
mod source;

use std::time::Duration;

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
