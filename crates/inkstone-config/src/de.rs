//! Deserializes a tree and says where it failed.

use std::fmt;

use serde::{
    de::{self, DeserializeSeed, IntoDeserializer, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::{
    Code,
    node::{Data, Node, Table},
};

/// A value that does not fit its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// The key that is missing, where one is.
    pub(crate) missing: Option<&'static str>,
    /// The value cannot be known here; nothing is wrong with it.
    pub(crate) unknown: bool,
    /// The steps to the value, once they are known.
    pub(crate) path: Option<Vec<String>>,
}

impl Failure {
    fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), missing: None, unknown: false, path: None }
    }

    fn at(mut self, path: &[String]) -> Self {
        self.path.get_or_insert_with(|| path.to_vec());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Code::InvalidValue, message)
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match found {
            // serde calls every null and `()` a unit value.
            de::Unexpected::Unit => "nothing".to_owned(),
            de::Unexpected::Map => "table".to_owned(),
            de::Unexpected::Seq => "list".to_owned(),
            other => other.to_string(),
        };
        Self::new(Code::WrongType, format_args!("invalid type: {found}, expected {expected}"))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Code::OutOfRange, format_args!("invalid value: {found}, expected {expected}"))
    }

    fn invalid_length(len: usize, expected: &dyn de::Expected) -> Self {
        Self::new(Code::OutOfRange, format_args!("invalid length {len}, expected {expected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Code::InvalidValue, unknown("value", variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Code::UnknownKey, unknown("key", field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        let message = format_args!("`{field}` is not set and has no default");
        Self { missing: Some(field), ..Self::new(Code::MissingKey, message) }
    }
}

/// ``unknown value `x`; did you mean `y`?``
fn unknown(what: &str, found: &str, expected: &[&str]) -> String {
    match crate::near::nearest(found, expected.iter().copied()) {
        Some(near) => format!("unknown {what} `{found}`; did you mean `{near}`?"),
        None => {
            let expected: Vec<_> = expected.iter().map(|name| format!("`{name}`")).collect();
            format!("unknown {what} `{found}`; expected {}", expected.join(", "))
        }
    }
}

/// Reads a tree with serde.
pub(crate) struct Reader<'n> {
    node: &'n Node,
    path: Vec<String>,
}

impl<'n> Reader<'n> {
    pub(crate) const fn new(node: &'n Node) -> Self {
        Self { node, path: Vec::new() }
    }

    fn child(&self, step: String, node: &'n Node) -> Self {
        Self { node, path: self.path.iter().cloned().chain([step]).collect() }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let result = match &self.node.data {
            Data::Scalar(Value::Null) => visitor.visit_unit(),
            Data::Scalar(Value::Bool(yes)) => visitor.visit_bool(*yes),
            Data::Scalar(Value::String(text)) => visitor.visit_str(text),
            Data::Scalar(Value::Number(number)) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (_, Some(number)) => visitor.visit_i64(number),
                _ => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Data::Scalar(Value::Array(_) | Value::Object(_)) => {
                unreachable!("arrays and tables have their own nodes")
            }
            Data::Array(items) => visitor.visit_seq(Items { reader: &self, items: items.iter(), index: 0 }),
            Data::Table(table) => {
                visitor.visit_map(Entries { reader: &self, entries: table.iter(), value: None })
            }
            Data::Unknown => {
                Err(Failure { unknown: true, ..Failure::new(Code::UnresolvedReference, "unknown here") })
            }
        };
        result.map_err(|failure| failure.at(&self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let path = self.path.clone();
        let result = match &self.node.data {
            Data::Scalar(Value::String(text)) => {
                visitor.visit_enum(IntoDeserializer::<Failure>::into_deserializer(&**text))
            }
            Data::Table(table) if table.len() == 1 => visitor.visit_enum(Variant { reader: &self, table }),
            Data::Table(_) => {
                Err(Failure::new(Code::InvalidValue, "expected one of several tables, found several at once"))
            }
            _ => return self.deserialize_any(visitor),
        };
        result.map_err(|failure| failure.at(&path))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'r, 'n> {
    reader: &'r Reader<'n>,
    items: std::slice::Iter<'n, Node>,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let child = self.reader.child(self.index.to_string(), item);
        self.index += 1;
        deserialize(seed, child).map(Some)
    }
}

struct Entries<'r, 'n> {
    reader: &'r Reader<'n>,
    entries: std::collections::btree_map::Iter<'n, String, crate::node::Entry>,
    value: Option<(&'n str, &'n Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((key, entry)) = self.entries.next() else { return Ok(None) };
        self.value = Some((key, &entry.value));
        let path: Vec<_> = self.reader.path.iter().cloned().chain([key.clone()]).collect();
        seed.deserialize(Key(key)).map(Some).map_err(|failure| failure.at(&path))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (key, value) = self.value.take().expect("serde asks for a value after its key");
        deserialize(seed, self.reader.child(key.to_owned(), value))
    }
}

fn deserialize<'de, T: DeserializeSeed<'de>>(seed: T, reader: Reader<'_>) -> Result<T::Value, Failure> {
    let path = reader.path.clone();
    seed.deserialize(reader).map_err(|failure| failure.at(&path))
}

/// A key of a table. Keys are text; a map with numbers as keys reads them from the text.
struct Key<'n>(&'n str);

macro_rules! parsed {
    ($($method:ident $visit:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )+};
}

impl<'de> de::Deserializer<'de> for Key<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(IntoDeserializer::<Failure>::into_deserializer(self.0))
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_u8 visit_u64 deserialize_u16 visit_u64 deserialize_u32 visit_u64 deserialize_u64 visit_u64
        deserialize_i8 visit_i64 deserialize_i16 visit_i64 deserialize_i32 visit_i64 deserialize_i64 visit_i64
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// A variant with content: a table whose only key is the variant's name.
struct Variant<'r, 'n> {
    reader: &'r Reader<'n>,
    table: &'n Table,
}

impl<'de, 'n> de::EnumAccess<'de> for Variant<'_, 'n> {
    type Error = Failure;
    type Variant = Reader<'n>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'n>), Failure> {
        let (name, entry) = self.table.first_key_value().expect("the table has one key");
        let content = self.reader.child(name.clone(), &entry.value);
        let variant: StrDeserializer<'_, Failure> = name.as_str().into_deserializer();
        Ok((seed.deserialize(variant).map_err(|failure| failure.at(&content.path))?, content))
    }
}

impl<'de> de::VariantAccess<'de> for Reader<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        de::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_any(self, visitor)
    }
}
