//! What the table of every component has beside its own keys.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use inkstone_config::{Config, Problems};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// The table of a component: its own keys, and `required` beside them.
///
/// With `required = false` the app is ready without the component: see [`Loader::optional`](crate::Loader::optional).
#[derive(Debug, Clone)]
pub struct Table<C> {
    /// Whether the app needs it to start, and to be ready.
    pub required: bool,
    /// Its own settings.
    pub config: C,
}

const KEY: &str = "required";

impl<C: Default> Default for Table<C> {
    fn default() -> Self {
        Self { required: true, config: C::default() }
    }
}

impl<C: Config> Config for Table<C> {
    fn check(&self, problems: &mut Problems) {
        self.config.check(problems);
    }
}

impl<C: JsonSchema> JsonSchema for Table<C> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Table", C::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = C::json_schema(generator);
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            let required = json_schema!({
                "type": "boolean",
                "default": true,
                "x-live": true,
                "description": "Whether the app needs it to start, and to be ready. Without it the app serves degraded while it is away; \
                    that it is not there at the start is an error still, unless the program loads it with `optional`.",
            });
            properties.insert(KEY.to_owned(), required.to_value());
        }
        schema
    }
}

impl<C: Serialize> Serialize for Table<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serde_json::to_value(&self.config).map_err(S::Error::custom)?;
        match &mut table {
            Value::Object(table) => table.insert(KEY.to_owned(), self.required.into()),
            _ => return Err(S::Error::custom("the settings of a component are a table")),
        };
        table.serialize(serializer)
    }
}

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Table<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let required = Cell::new(true);
        let config = C::deserialize(Without { inner: deserializer, required: &required })?;
        Ok(Self { required: required.get(), config })
    }
}

/// Hands everything on but the one key, which it reads itself. Errors keep their places, since nothing is copied.
struct Without<'a, T> {
    inner: T,
    required: &'a Cell<bool>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Without<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Without { inner: visitor, required: self.required })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Without { inner: visitor, required: self.required })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Without { inner: visitor, required: self.required })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Without<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Without { inner: map, required: self.required })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Without<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.inner.next_key::<String>()? {
            if key != KEY {
                let key: StringDeserializer<A::Error> = key.into_deserializer();
                return seed.deserialize(key).map(Some);
            }
            self.required.set(self.inner.next_value()?);
        }
        Ok(None)
    }

    fn next_value_seed<W: DeserializeSeed<'de>>(&mut self, seed: W) -> Result<W::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}
