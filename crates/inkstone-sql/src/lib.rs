#![doc = include_str!("../README.md")]

mod calls;
mod config;
mod error;
mod executor;
mod file;
mod sqlite;
mod statement;
mod transaction;

pub use config::SqliteConfig;
pub use error::code;
pub use sqlite::Sqlite;
pub use sqlx;
pub use transaction::Transaction;
