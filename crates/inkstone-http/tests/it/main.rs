//! Behaviour of the HTTP server, seen by a client on a socket.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod access;
mod cardinality;
mod client;
mod fixture;
mod lifecycle;
mod requests;
mod starting;
