//! A string that is never shown.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What is printed in place of a secret.
pub(crate) const MASK: &str = "***";

/// A password, token or key: read from the configuration, never printed.
///
/// `Debug`, `Display` and `Serialize` give `***`; an empty secret, which means "not set", stays empty.
/// A secret has no default other than the empty one.
///
/// ```
/// use inkstone_config::Secret;
/// let token = Secret::from("opensesame");
/// assert_eq!(format!("{token} {token:?}"), "*** ***");
/// assert_eq!(token.reveal(), "opensesame");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself. Every call of this is a place to look at in a review.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether no secret is set.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    const fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { MASK }
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string (a secret)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        // Someone copied a masked configuration; the real value is lost there.
        if text == MASK {
            return Err(E::custom("`***` stands for a secret and is not one; set the value itself"));
        }
        Ok(Secret(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "writeOnly": true, "x-secret": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_masked_wherever_it_is_printed() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), "\"\"");
    }

    #[test]
    fn the_mask_is_not_taken_for_a_secret() {
        assert!(serde_json::from_str::<Secret>("\"***\"").unwrap_err().to_string().contains("not one"));
    }
}
