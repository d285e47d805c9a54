//! Why a build script cannot go on.

use std::fmt;

/// What was tried, on what, and why it failed.
///
/// `Debug` prints the same text as `Display`, because a build script's `main` shows its error with `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(tried: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self(format!("{tried}: {why}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
