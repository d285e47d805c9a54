//! The gRPC server.

mod config;
mod grpc_server;
mod health;
mod methods;
mod opening;
mod serving;

pub use config::GrpcServerConfig;
pub use grpc_server::GrpcServer;
pub(crate) use methods::Methods;
