//! Kinds of tables, for checking a file without its program.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    Config, Problems,
    check::Elsewhere,
    leaves::{Leaves, leaves},
    refs::allow_references,
    section,
};

/// A kind of table: what its key begins with, and the type that reads it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kind {
    /// The key of the table, or what stands before the name: `"server.http"`, `"redis"`.
    pub prefix: &'static str,
    /// Whether a name follows: `redis.cart`.
    pub wildcard: bool,
    /// The schema of the table.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// The default of the table; secrets in it are masked.
    pub default: fn() -> Value,
    /// Checks one table of this kind.
    pub(crate) check: fn(&Elsewhere<'_>) -> (Problems, Leaves),
}

impl Kind {
    /// A kind with named tables: `Kind::of::<RedisConfig>("redis")` reads `[redis.cart]`.
    pub const fn of<C: Config>(prefix: &'static str) -> Self {
        Self { wildcard: true, ..Self::table::<C>(prefix) }
    }

    /// A kind with one table: `Kind::table::<HttpServerConfig>("server.http")` reads `[server.http]`.
    pub const fn table<C: Config>(prefix: &'static str) -> Self {
        Self {
            prefix,
            wildcard: false,
            schema: SchemaGenerator::subschema_for::<C>,
            default: || serde_json::to_value(C::default()).unwrap_or_default(),
            check: |table| {
                let shape = section::Shape::of::<C>();
                let read = section::read::<C>(&shape, table.layers, &table.asked);
                let value = read.value.unwrap_or_default();
                (read.problems, leaves(&value, &read.node, &shape.schema, &table.asked.path))
            },
        }
    }

    /// The key as the reference shows it: `redis.*`, `server.http`.
    pub fn pattern(&self) -> String {
        if self.wildcard { format!("{}.*", self.prefix) } else { self.prefix.to_owned() }
    }

    pub(crate) fn steps(&self) -> Vec<String> {
        self.prefix.split('.').map(str::to_owned).collect()
    }
}

/// The JSON Schema of a whole configuration file, for forms, completion and the reference.
///
/// Tables of other names are allowed: they belong to the application.
pub fn kinds_schema(kinds: &[Kind]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut root = json!({ "type": "object", "properties": {} });
    for kind in kinds {
        let mut table = (kind.schema)(&mut generator).to_value();
        if let Value::Object(table) = &mut table {
            table.insert("default".to_owned(), (kind.default)());
        }
        let steps = kind.steps();
        let place = steps.iter().fold(&mut root, |schema, step| {
            let properties = object(object(schema).entry("properties").or_insert_with(|| json!({})));
            properties.entry(step).or_insert_with(|| json!({ "type": "object" }))
        });
        if kind.wildcard {
            object(place).insert("additionalProperties".to_owned(), table);
        } else {
            *place = table;
        }
    }
    close_families(kinds, &mut root);
    let root = object(&mut root);
    root.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".to_owned(), "Inkstone configuration".into());
    root.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
    let mut schema = Value::Object(std::mem::take(root));
    schema["$defs"].as_object_mut().into_iter().flat_map(Map::values_mut).for_each(close_tables);
    schema
}

/// [`kinds_schema`] for editors, which judge a file as it is written: a reference such as `"${env:PORT}"` may stand for
/// any value.
pub fn editor_schema(kinds: &[Kind]) -> Value {
    let mut schema = kinds_schema(kinds);
    allow_references(&mut schema);
    schema
}

/// `[server.htpp]` is no application's table: below a family of kinds only those kinds are allowed.
fn close_families(kinds: &[Kind], root: &mut Value) {
    for kind in kinds {
        let steps = kind.steps();
        let [family, _, ..] = &steps[..] else { continue };
        if let Some(family) = root.pointer_mut(&format!("/properties/{family}")) {
            object(family).entry("additionalProperties").or_insert(Value::Bool(false));
        }
    }
}

/// The reader is strict, so the schema is: a table has the keys it names and no others.
fn close_tables(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let open = ["additionalProperties", "patternProperties", "oneOf", "anyOf", "allOf", "$ref"];
    if map.contains_key("properties") && !open.iter().any(|keyword| map.contains_key(*keyword)) {
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    for (keyword, below) in map {
        match (keyword.as_str(), below) {
            ("properties", Value::Object(map)) => map.values_mut().for_each(close_tables),
            ("oneOf" | "anyOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                list.iter_mut().for_each(close_tables)
            }
            ("items" | "additionalProperties", schema) => close_tables(schema),
            _ => {}
        }
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it has just been made an object")
}
