//! What a component calls: `k8s:///catalog.shop:grpc`, `10.0.0.7:9002`, or a list of these last.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EXPECTED: &str = "expected `host:port`, `static:///host:port,host:port`, `dns:///host:port` or `k8s:///service.namespace:port-name`";

/// What a component calls, before anyone has looked where that is.
///
/// ```
/// use inkstone_discover::Target;
/// let target: Target = "k8s:///catalog.shop:grpc".parse()?;
/// assert_eq!((target.scheme(), target.endpoint()), ("k8s", "catalog.shop:grpc"));
/// let bare: Target = "127.0.0.1:9002".parse()?;
/// assert_eq!((bare.scheme(), bare.to_string().as_str()), ("static", "127.0.0.1:9002"));
/// # Ok::<(), inkstone_discover::BadTarget>(())
/// ```
///
/// `Target::default()` is unset: a configuration whose default it is demands that the key be set.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Target {
    scheme: String,
    authority: String,
    endpoint: String,
    /// As written: one string, or several when a list was written.
    written: Vec<String>,
}

/// A text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a target: {why}; {EXPECTED}")]
pub struct BadTarget {
    text: String,
    why: String,
}

impl Target {
    /// A target that is a list of `host:port`.
    ///
    /// # Errors
    /// When the list is empty, or an entry is no `host:port`.
    pub fn list<S: Into<String>>(hosts: impl IntoIterator<Item = S>) -> Result<Self, BadTarget> {
        let written: Vec<String> = hosts.into_iter().map(|host| host.into().trim().to_owned()).collect();
        if written.is_empty() {
            return Err(BadTarget::new("[]", "the list is empty"));
        }
        for host in &written {
            check_host(host, host)?;
        }
        let scheme =
            if written.iter().all(|host| host.parse::<SocketAddr>().is_ok()) { "static" } else { "dns" };
        Ok(Self { scheme: scheme.to_owned(), authority: String::new(), endpoint: written.join(","), written })
    }

    /// How it is to be looked up: `k8s`, `dns`, `static`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whom to ask, in the scheme's own words; usually empty: `dns://10.0.0.2:53/…`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What to look up, in the scheme's own words: `catalog.shop:grpc`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The `host:port` entries of a static or dns target.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.endpoint.split(',').map(str::trim)
    }

    /// Whether it is the default, which no source has set.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.scheme.is_empty()
    }
}

impl BadTarget {
    fn new(text: &str, why: impl Into<String>) -> Self {
        Self { text: text.to_owned(), why: why.into() }
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadTarget::new(text, "it is empty"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::list(text.split(','))
                .map(|target| Self { written: vec![text.to_owned()], ..target })
                .map_err(|bad| BadTarget { text: text.to_owned(), ..bad });
        };
        if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '+') {
            return Err(BadTarget::new(text, format!("`{scheme}` is not a scheme")));
        }
        let Some((authority, endpoint)) = rest.split_once('/') else {
            return Err(BadTarget::new(text, format!("write `{scheme}:///{rest}`, with three slashes")));
        };
        let target = Self {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_owned(),
            endpoint: endpoint.to_owned(),
            written: vec![text.to_owned()],
        };
        if endpoint.is_empty() || endpoint.contains(char::is_whitespace) {
            return Err(BadTarget::new(text, format!("`{endpoint}` names nothing to look up")));
        }
        if matches!(target.scheme(), "static" | "dns") {
            target.hosts().try_for_each(|host| check_host(text, host))?;
        }
        Ok(target)
    }
}

/// `host` or `[v6]` with a port, of the target written as `text`.
fn check_host(text: &str, host: &str) -> Result<(), BadTarget> {
    let Some((name, port)) = host.rsplit_once(':') else {
        return Err(BadTarget::new(text, format!("`{host}` has no port")));
    };
    if port.parse::<u16>().is_err() {
        return Err(BadTarget::new(text, format!("`{port}` is not a port")));
    }
    let bracketed = name.starts_with('[') && name.ends_with(']');
    if name.is_empty()
        || name.contains(char::is_whitespace)
        || name.contains(['/', ','])
        || (name.contains(':') && !bracketed)
    {
        return Err(BadTarget::new(text, format!("`{name}` is not a host")));
    }
    Ok(())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written.join(","))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.written.as_slice() {
            [] => serializer.serialize_str(""),
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a target such as \"127.0.0.1:9002\" or \"k8s:///stock.shop:grpc\", or a list of \"host:port\"",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
        // The default is unset, and a default is a layer like any other; `check` of the owner demands more.
        if text.is_empty() { Ok(Target::default()) } else { text.parse().map_err(E::custom) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Target, A::Error> {
        let mut hosts = Vec::<String>::new();
        while let Some(host) = entries.next_element()? {
            hosts.push(host);
        }
        Target::list(hosts).map_err(de::Error::custom)
    }
}

impl JsonSchema for Target {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "items": { "type": "string" },
            "x-type": "target",
            "examples": ["127.0.0.1:9002", "k8s:///stock.shop:grpc"],
        })
    }
}
