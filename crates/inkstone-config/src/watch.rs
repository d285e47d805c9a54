//! Watching.

/// Keeps the settings up to date until it is dropped.
#[derive(Debug)]
#[must_use = "watching stops when this is dropped"]
pub struct Watching {}
