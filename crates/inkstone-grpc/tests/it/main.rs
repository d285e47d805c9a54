//! Behaviour of the gRPC server and client, over sockets.

mod balancing;
mod deadlines;
mod echo;
mod fixture;
mod refusing;
mod serving;
mod six_tuple;
mod starting;
mod waiting;
