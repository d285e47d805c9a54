//! Build information over temporary git repositories, and code from temporary protobuf files.

mod info;
mod protos;
