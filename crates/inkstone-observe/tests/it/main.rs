//! What a service shows of itself.

mod access;
mod collector;
mod otlp;
mod propagation;
