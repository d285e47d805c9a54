#![doc = include_str!("../README.md")]

mod config;
mod error;
mod etcd;
mod lease;
mod link;
mod pb;
mod source;
mod watch;

pub use config::{ConnectConfig, EtcdConfig, TlsConfig};
pub use error::Error;
pub use etcd::{Etcd, KeyValue};
pub use lease::Lease;
pub use source::{EtcdSource, config_source};
pub use watch::{Change, Seen, Watch};
