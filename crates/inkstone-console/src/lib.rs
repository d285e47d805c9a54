#![doc = include_str!("../README.md")]

mod access;
mod accounts;
mod api;
mod assets;
mod body;
mod cluster;
mod concurrent;
mod config;
mod console;
mod governor;
mod headers;
mod openapi;
mod permission;
mod problem;
mod releases;
mod routes;
mod secret;
mod server;
mod service;
mod store;
mod time;

pub use cluster::{Cluster, ClusterError, FileState};
pub use config::ConsoleConfig;
pub use console::{Check, Console, Finding, OpenError, Options, Severity};
pub use governor::BuildInfo;
pub use openapi::openapi;
pub use permission::Permission;
pub use problem::Problem;
pub use routes::{Route, routes};
pub use secret::hash;
pub use service::{Started, check, serve};
pub use store::{
    Account, AuditItem, AuditPage, Outcome, PodProof, Release, ReleaseKind, ReleaseState, Revision, Role,
    Store, StoreError,
};
