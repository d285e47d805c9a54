#![doc = include_str!("../README.md")]

pub mod prelude;

mod kinds;

pub use inkstone_config as config;
pub use inkstone_core::{
    App, AppConfig, AppHandle, Bound, BuildInfo, Component, Cx, Dependencies, Dependency, Error, Health,
    Load, Loader, Main, Phase, Result, Section, Server, Switch, build_info, main, main_with, switches,
};
pub use inkstone_discover as discover;
#[cfg(feature = "etcd")]
pub use inkstone_etcd as etcd;
#[cfg(feature = "governor")]
pub use inkstone_governor as governor;
#[cfg(feature = "grpc")]
pub use inkstone_grpc as grpc;
pub use inkstone_guard as guard;
#[cfg(feature = "http")]
pub use inkstone_http as http;
#[cfg(feature = "k8s")]
pub use inkstone_k8s as k8s;
pub use inkstone_observe as observe;
pub use inkstone_observe::trace;
#[cfg(feature = "sql")]
pub use inkstone_sql as sql;
#[cfg(feature = "task")]
pub use inkstone_task as task;
pub use kinds::KINDS;
