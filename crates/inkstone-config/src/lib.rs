//! Layered configuration that knows where each key came from, and the start errors it leads to.
