//! A number of bytes, written as people write it.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const EXPECTED: &str = r#"a size such as "4MiB" or "512KiB", or a number of bytes"#;

/// A number of bytes: `"4MiB"`, `"512KiB"`, `"10MB"`, `65536`.
///
/// ```
/// use inkstone_config::Size;
/// let limit: Size = "4MiB".parse().unwrap();
/// assert_eq!(limit.bytes(), 4 * 1024 * 1024);
/// assert_eq!(limit.to_string(), "4MiB");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// Binary units first: `Display` looks for the first that divides the number.
const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
    ("", 1),
];

impl Size {
    /// A number of kibibytes.
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// A number of mebibytes.
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; what does not fit is the largest length.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (amount, unit) = trimmed.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
        unit.and_then(|(_, bytes)| amount.parse::<u64>().ok()?.checked_mul(*bytes))
            .map(Self)
            .ok_or_else(|| format!("expected {EXPECTED}, found {text:?}"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |bytes: u64| self.0 != 0 && self.0.is_multiple_of(bytes);
        match UNITS.iter().find(|(name, bytes)| *name == "B" || whole(*bytes)) {
            Some((name, bytes)) => write!(f, "{}{name}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        u64::try_from(bytes)
            .map(Size)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &"a size of at least 0 bytes"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "x-type": "size",
            "pattern": r"^\s*[0-9]+ ?([KMGT]iB|[KMGTk]B|B)?\s*$|\$\{",
            "minimum": 0,
            "examples": ["4MiB", "512KiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in
            [("4MiB", 4 << 20), ("512 KiB", 512 << 10), ("10MB", 10_000_000), ("7", 7), ("0B", 0)]
        {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
        }
        assert_eq!(serde_json::from_str::<Size>("65536").unwrap(), Size::kib(64));
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for text in ["", "MiB", "4 parsecs", "-1", "1.5MiB", "99999999999TiB"] {
            assert!(text.parse::<Size>().unwrap_err().contains("expected a size"), "{text}");
        }
        assert!(serde_json::from_str::<Size>("-1").is_err());
    }

    #[test]
    fn prints_the_largest_unit_that_fits() {
        for (bytes, text) in [(4 << 20, "4MiB"), (10_000_000, "10MB"), (1001, "1001B"), (0, "0B")] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
