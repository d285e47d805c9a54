//! Behaviour of the configuration as its users see it.

// What tests share may unwrap as tests do.
#![allow(clippy::unwrap_used)]

mod check;
mod hostile;
mod laws;
mod layering;
mod namespaces;
mod properties;
mod reloading;
mod report;
mod secrets;
mod shapes;
mod sources;
mod types;
mod watching;
mod writers;
