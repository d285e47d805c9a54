//! Kinds of tables, for checking a file without its program.

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::{Config, Problems};

/// A kind of table: its prefix and its type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kind {
    /// The key of the table, or what stands before the name: `"server.http"`, `"redis"`.
    pub prefix: &'static str,
    /// Whether a name follows: `redis.cart`.
    pub wildcard: bool,
    /// The schema of the table.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// The default of the table.
    pub default: fn() -> Value,
}

impl Kind {
    /// A kind with named instances: `redis.*`.
    pub const fn of<C: Config>(prefix: &'static str) -> Self {
        Self {
            wildcard: true,
            ..Self::table::<C>(prefix)
        }
    }

    /// A kind with a single table: `log`, `server.http`.
    pub const fn table<C: Config>(prefix: &'static str) -> Self {
        Self {
            prefix,
            wildcard: false,
            schema: SchemaGenerator::subschema_for::<C>,
            default: || serde_json::to_value(C::default()).unwrap_or_default(),
        }
    }
}

/// Checks one file without the program that reads it.
pub fn check_text(_name: &str, _text: &str, _kinds: &[Kind]) -> Problems {
    Problems::new()
}

/// The JSON Schema of a whole configuration file.
pub fn kinds_schema(_kinds: &[Kind]) -> Value {
    Value::Null
}
