//! The life of a service, as a process sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod cut;
mod life;
mod logs;
mod process;
