//! Baggage: names and values that travel with a request, for whoever it reaches.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Names and values that travel with a request through every service that it reaches
/// ([W3C Baggage](https://www.w3.org/TR/baggage/)). Whoever receives them can read them: nothing secret belongs here.
///
/// Cloning it is cheap.
///
/// ```
/// use inkstone_observe::trace::Baggage;
///
/// let baggage = Baggage::default().with("tenant", "Käserei Ü")?;
/// assert_eq!(baggage.to_string(), "tenant=K%C3%A4serei%20%C3%9C");
/// assert_eq!(Baggage::parse([baggage.to_string().as_str()]), baggage);
/// assert_eq!(baggage.get("tenant"), Some("Käserei Ü"));
/// # Ok::<(), inkstone_observe::trace::BaggageError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baggage(Option<Arc<[Member]>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    key: Box<str>,
    value: Box<str>,
    /// What follows the value, from its first `;` on, as it came.
    properties: Box<str>,
}

/// Why something cannot be put into the baggage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaggageError {
    /// The key is not a token: letters, digits and ``!#$%&'*+-.^_`|~``, at least one.
    InvalidKey(String),
    /// There would be more than 64 members, or more than 8192 bytes: not everybody hands on more.
    Full,
}

/// What everybody has to be able to hand on, and so the most that we send.
const MEMBERS: usize = 64;
const BYTES: usize = 8192;

impl Baggage {
    /// Reads the headers of this name, in their order. A malformed member is left out, and so is all that goes beyond 64
    /// members or 8192 bytes.
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut members = Vec::new();
        let mut bytes = 0;
        for text in headers.into_iter().flat_map(|header| header.split(',')) {
            let Some(member) = Member::parse(text) else { continue };
            let with = bytes + member.to_string().len() + usize::from(bytes > 0);
            if members.len() == MEMBERS || with > BYTES {
                break;
            }
            bytes = with;
            members.push(member);
        }
        Self::of(members)
    }

    fn of(members: Vec<Member>) -> Self {
        Self((!members.is_empty()).then(|| members.into()))
    }

    fn members(&self) -> &[Member] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The value of `key`: of the first member of this name, should there be several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members().iter().find(|member| &*member.key == key).map(|member| &*member.value)
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members().iter().map(|member| (&*member.key, &*member.value))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// This baggage and `key`, in place of what there was of this name.
    ///
    /// # Errors
    /// When the key is not a token, or there would be more than what everybody hands on.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, BaggageError> {
        if !is_token(key) {
            return Err(BaggageError::InvalidKey(key.to_owned()));
        }
        let others = self.members().iter().filter(|member| &*member.key != key).cloned();
        let mut members: Vec<Member> = others.collect();
        members.push(Member { key: key.into(), value: value.into(), properties: "".into() });
        let baggage = Self::of(members);
        if baggage.members().len() > MEMBERS || baggage.to_string().len() > BYTES {
            return Err(BaggageError::Full);
        }
        Ok(baggage)
    }

    /// This baggage without `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        Self::of(self.members().iter().filter(|member| &*member.key != key).cloned().collect())
    }
}

impl Member {
    fn parse(text: &str) -> Option<Self> {
        const SPACE: [char; 2] = [' ', '\t'];
        let (pair, properties) = match text.split_once(';') {
            Some((pair, properties)) => (pair, Some(properties)),
            None => (text, None),
        };
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (key.trim_matches(SPACE), value.trim_matches(SPACE));
        if !is_token(key) || !value.bytes().all(is_octet) {
            return None;
        }
        let mut kept = String::new();
        for property in properties.iter().flat_map(|properties| properties.split(';')) {
            let (name, value) = match property.split_once('=') {
                Some((name, value)) => (name.trim_matches(SPACE), Some(value.trim_matches(SPACE))),
                None => (property.trim_matches(SPACE), None),
            };
            if !is_token(name) || !value.unwrap_or_default().bytes().all(is_octet) {
                return None;
            }
            kept.extend([";", name]);
            kept.extend(value.iter().flat_map(|value| ["=", value]));
        }
        Some(Self { key: key.into(), value: decoded(value).into(), properties: kept.into() })
    }
}

/// The value with `%41` as `A`. What is not UTF-8 becomes `U+FFFD`, as the recommendation asks.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return value.into();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octet = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|digits| {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            Some((digit(0)? * 16 + digit(1)?) as u8)
        });
        bytes.push(octet.unwrap_or(byte));
        rest = if octet.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// A `token` of HTTP: what a key may be.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A `baggage-octet`: what a value may consist of.
fn is_octet(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key)?;
        for &byte in self.value.as_bytes() {
            match byte {
                b'%' => f.write_str("%25")?,
                byte if is_octet(byte) => write!(f, "{}", char::from(byte))?,
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        f.write_str(&self.properties)
    }
}

impl fmt::Display for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, member) in self.members().iter().enumerate() {
            if nth > 0 {
                f.write_str(",")?;
            }
            member.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for BaggageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidKey(key) => {
                write!(f, "`{}` cannot be a key of the baggage: not a token", key.escape_debug())
            }
            Self::Full => write!(f, "the baggage is full: at most {MEMBERS} members and {BYTES} bytes"),
        }
    }
}

impl std::error::Error for BaggageError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&str]) -> Vec<(String, String)> {
        let baggage = Baggage::parse(headers.iter().copied());
        baggage.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn well_formed_members_are_read_and_malformed_ones_left_out() {
        let check = |headers: &[&str], expected: &[(&str, &str)]| {
            let expected: Vec<_> =
                expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(read(headers), expected, "{headers:?}");
        };
        check(&["a=1 , b = 2;meta;x=y", "c="], &[("a", "1"), ("b", "2"), ("c", "")]);
        check(&["a=%41%C3%A9%zz%4"], &[("a", "A\u{e9}%zz%4")]);
        check(&["a=%FF"], &[("a", "\u{fffd}")]);
        check(&["a=1=2"], &[("a", "1=2")]);
        check(&["a, =1, b c=1, d=\"x\", e=x y, f=1;, g=1"], &[("g", "1")]);
        check(&["", ",,"], &[]);
    }

    #[test]
    fn properties_are_handed_on() {
        assert_eq!(Baggage::parse(["a=1; ttl = 5 ;p"]).to_string(), "a=1;ttl=5;p");
    }

    #[test]
    fn no_more_is_taken_than_everybody_hands_on() {
        let many = (0..100).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
        assert_eq!(read(&[&many]).len(), MEMBERS);
        let large = format!("a={},b=2", "x".repeat(BYTES));
        assert_eq!(read(&[&large]).len(), 0);
        let full = Baggage::parse([many.as_str()]);
        assert_eq!(full.with("one-more", "1"), Err(BaggageError::Full));
        assert!(full.with("k1", "2").is_ok());
        assert_eq!(Baggage::default().with("a", &"é".repeat(BYTES)), Err(BaggageError::Full));
        assert!(matches!(full.with("no key", "1"), Err(BaggageError::InvalidKey(_))));
    }
}
