//! Time-outs, limits and observation around one call, the same for every protocol.
