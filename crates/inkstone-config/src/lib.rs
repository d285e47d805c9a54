#![doc = include_str!("../README.md")]

mod code;
mod config;
mod fault;
mod kind;
mod live;
mod mask;
mod origin;
mod problems;
mod report;
mod settings;
mod sources;
mod status;
mod values;
mod watch;

pub use code::{CODES, Code};
pub use config::Config;
pub use fault::{Fault, Severity};
pub use kind::{Kind, check_text, kinds_schema};
pub use live::{Adjust, Live, LiveChanges};
pub use origin::{Origin, Source};
pub use problems::Problems;
pub use settings::Settings;
pub use sources::Sources;
pub use status::{Effective, Rejected, ReloadOutcome, SourceStatus, Status};
pub use values::{Addr, Dur, Secret, Size};
pub use watch::Watching;
