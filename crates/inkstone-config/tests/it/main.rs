//! Behaviour of the configuration as its users see it.

mod check;
mod layering;
mod properties;
mod report;
mod types;
mod watching;
