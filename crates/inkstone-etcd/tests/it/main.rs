//! Against a real etcd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]
#![allow(clippy::disallowed_methods, reason = "what is waited for is another process")]

mod client;
mod server;
mod service;
mod source;

use server::SOON;
