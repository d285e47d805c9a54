//! The HTTP server component, on axum.
