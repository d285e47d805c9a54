//! What a service shows of itself.

mod propagation;
