#![doc = include_str!("../README.md")]

mod body;
mod call;
mod capture;
mod config;
pub mod deadline;
mod guard;
mod http;
pub mod span;

pub use body::GuardedBody;
pub use call::{Call, Op};
pub use capture::Capture;
pub use config::{GuardConfig, MethodConfig};
pub use guard::{CallError, Failure, Guard};
pub use http::{GuardLayer, GuardService, HttpProtocol};
