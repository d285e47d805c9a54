//! The gRPC client.
//!
//! `keeper` follows the target and has a `link` for each endpoint; a link keeps one connection and says in `links` whether
//! it is up; `call` picks among those that are, and tries another one if the first never got the call.

mod call;
mod config;
mod grpc_client;
mod keeper;
mod link;
mod links;
mod replay;
mod response;

pub use config::{GrpcClientConfig, KeepAlive};
pub use grpc_client::GrpcClient;
pub use response::ResponseBody;
