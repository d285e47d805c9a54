//! SQL databases, on sqlx.
