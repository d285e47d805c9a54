//! Where something listens.

use std::{borrow::Cow, fmt, ops::Deref, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const EXPECTED: &str = r#"an address such as "127.0.0.1:6379" or "k8s:///stock.shop:grpc""#;

/// The target of a component, in the words of its protocol: `127.0.0.1:6379`, `k8s:///stock.shop:grpc`.
///
/// It is trimmed and never empty once it has been read. `Addr::default()` is the empty address: a
/// configuration whose default it is demands that the key be set.
///
/// ```
/// use inkstone_config::Addr;
/// let addr: Addr = " k8s:///stock.shop:grpc ".parse().unwrap();
/// assert_eq!(addr.scheme(), Some("k8s"));
/// assert_eq!(addr.to_string(), "k8s:///stock.shop:grpc");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(String);

impl Addr {
    /// A port of this machine's loopback address.
    pub fn local(port: u16) -> Self {
        Self(format!("127.0.0.1:{port}"))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before `://`, if anything does.
    pub fn scheme(&self) -> Option<&str> {
        self.0.split_once("://").map(|(scheme, _)| scheme)
    }

    /// Whether this is the empty default, which no source has set.
    pub fn is_unset(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Addr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.contains(char::is_whitespace) {
            return Err(format!("expected {EXPECTED}, found {:?}", crate::mask::address(text)));
        }
        Ok(Self(trimmed.to_owned()))
    }
}

impl Deref for Addr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&crate::mask::address(&self.0))
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", crate::mask::address(&self.0))
    }
}

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Addr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Addr, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Addr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Addr {
    fn schema_name() -> Cow<'static, str> {
        "Addr".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "x-type": "address",
            "pattern": r"^\s*\S+\s*$",
            "examples": ["127.0.0.1:6379", "k8s:///stock.shop:grpc"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_trimmed_and_never_empty() {
        assert_eq!(" a:1 ".parse::<Addr>().unwrap().as_str(), "a:1");
        assert!("  ".parse::<Addr>().is_err());
        assert!("a b".parse::<Addr>().is_err());
    }

    #[test]
    fn a_password_in_it_is_not_printed() {
        let addr: Addr = "mysql://root:hunter2@db:3306/goods".parse().unwrap();
        assert_eq!(addr.to_string(), "mysql://root:***@db:3306/goods");
        assert_eq!(format!("{addr:?}"), "\"mysql://root:***@db:3306/goods\"");
        assert_eq!(addr.as_str(), "mysql://root:hunter2@db:3306/goods");
    }
}
