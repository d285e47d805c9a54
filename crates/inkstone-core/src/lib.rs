#![doc = include_str!("../README.md")]

mod app;
mod build_info;
mod certificate;
mod component;
mod cx;
mod dependencies;
mod entry;
mod error;
mod flags;
mod handle;
mod holder;
mod inventory;
mod jobs;
mod lifecycle;
mod listen;
mod load;
mod signal;
mod tls;

pub use app::{App, AppConfig};
pub use build_info::BuildInfo;
pub use component::{Bound, Component, Health, Load, Server};
pub use cx::Cx;
pub use dependencies::{Dependencies, Dependency};
pub use entry::{Main, main, main_with};
pub use error::{Error, Result};
pub use handle::{AppHandle, Instance, Phase};
pub use inventory::{Interface, Offer, Peer};
pub use listen::backlog;
pub use load::{Loader, Section};
pub use tls::{ClientAuth, MinVersion, ServerTls, TlsConfig};
