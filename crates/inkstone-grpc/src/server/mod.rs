//! The gRPC server.

mod config;
mod cut;
mod grpc_server;
mod health;
mod methods;
mod opening;
mod serving;

pub use config::GrpcServerConfig;
pub(crate) use cut::Cut;
pub use grpc_server::GrpcServer;
pub(crate) use grpc_server::is_own;
pub(crate) use methods::Methods;
pub(crate) use serving::panicked;
