//! The life of a service, as a process sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod apart;
mod cut;
mod flags;
mod jobs;
mod life;
mod logs;
mod panics;
mod process;
mod required;
mod sockets;
mod stages;
mod start;
