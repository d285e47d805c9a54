//! What a service shows of itself.

mod collector;
mod otlp;
mod propagation;
