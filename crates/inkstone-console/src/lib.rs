//! The platform server: configuration, releases, versions.
