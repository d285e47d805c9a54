//! What the facade holds together: the list of kinds, and the reference that is generated from it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod docs;
mod kinds;
mod metrics;
mod reference;
