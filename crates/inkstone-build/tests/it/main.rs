//! Build information over temporary git repositories, and code from temporary protobuf files.

#![allow(clippy::unwrap_used)]

mod cargo;
mod info;
mod protos;
