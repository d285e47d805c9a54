#![doc = include_str!("../README.md")]

mod dependencies;
mod error;
mod git;
mod info;
mod lockfile;
mod protos;

pub use error::Error;
pub use info::{Info, info};
pub use protos::{Protos, protos};
