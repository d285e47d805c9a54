#![doc = include_str!("../README.md")]

mod client;
mod codec;
mod protocol;
mod server;
mod timed;
mod timeout;

pub use client::{GrpcClient, GrpcClientConfig, KeepAlive, ResponseBody};
pub use codec::{Codec, Decoder, Encoder};
pub use server::{GrpcServer, GrpcServerConfig};
pub use tonic::{Code, Request, Response, Status, Streaming, async_trait};
