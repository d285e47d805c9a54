#![doc = include_str!("../README.md")]

mod capture;
mod config;
mod connection;
mod ending;
mod panics;
mod problem;
mod protocol;
mod routes;
mod server;

pub use axum;
pub use config::HttpServerConfig;
pub use problem::Problem;
pub use server::HttpServer;
