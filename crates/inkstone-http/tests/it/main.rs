//! Behaviour of the HTTP server, seen by a client on a socket.

mod client;
mod fixture;
mod lifecycle;
mod requests;
mod starting;
