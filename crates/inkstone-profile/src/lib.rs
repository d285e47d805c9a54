#![doc = include_str!("../README.md")]

mod pprof;
mod profile;
mod sampling;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod signal;
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "unsupported.rs"]
mod signal;

pub use profile::{Frame, Profile, Stack};
pub use sampling::{Error, Sampling};
