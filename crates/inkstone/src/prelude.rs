//! What nearly every service uses: `use inkstone::prelude::*;`.

pub use inkstone_config::{Config, Dur, Live, Problems, Secret, Size};
pub use inkstone_core::{App, Component, Health, Server, build_info};
pub use inkstone_discover::Resolvers;
#[cfg(feature = "grpc")]
pub use inkstone_grpc::{GrpcClient, GrpcServer};
#[cfg(feature = "http")]
pub use inkstone_http::HttpServer;
