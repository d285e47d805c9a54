//! Behaviour of the gRPC server and client, over sockets.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod balancing;
mod cardinality;
mod deadlines;
mod echo;
mod fixture;
mod inventory;
mod refusing;
mod serving;
mod six_tuple;
mod starting;
mod waiting;
