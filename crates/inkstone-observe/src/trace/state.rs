//! `tracestate`: what tracing systems say to each other, handed on as it came.

use std::fmt;

/// What other tracing systems have added to the trace. Nothing of it is ours; it is checked and handed on
/// ([Trace Context, section 3.3](https://www.w3.org/TR/trace-context-2/#tracestate-header)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceState(Option<Box<str>>);

/// Most entries; more make the whole invalid.
const ENTRIES: usize = 32;
/// Most bytes that are handed on: as many as everybody has to.
const BYTES: usize = 512;
/// An entry longer than this is the first to go when there are too many bytes.
const LONG: usize = 128;
/// Longest key and longest value.
const PART: usize = 256;

impl TraceState {
    /// Reads the headers of this name, in their order. If any of them is malformed there is none: a part of it might
    /// mean something else.
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut entries: Vec<&str> = Vec::new();
        for entry in headers.into_iter().flat_map(|header| header.split(',')) {
            let entry = entry.trim_matches([' ', '\t']);
            if entry.is_empty() {
                continue;
            }
            if entries.len() == ENTRIES || !is_entry(entry) {
                return Self(None);
            }
            entries.push(entry);
        }
        if length(&entries) > BYTES {
            entries.retain(|entry| entry.len() <= LONG);
        }
        while length(&entries) > BYTES {
            entries.pop();
        }
        Self((!entries.is_empty()).then(|| entries.join(",").into()))
    }

    /// The header's value; none if there is nothing to say.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().unwrap_or_default())
    }
}

/// The length of the entries, joined.
fn length(entries: &[&str]) -> usize {
    entries.iter().map(|entry| entry.len() + 1).sum::<usize>().saturating_sub(1)
}

fn is_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else { return false };
    let first = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let key_byte = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    let value_byte = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    first
        && key.len() <= PART
        && key.bytes().all(key_byte)
        && (1..=PART).contains(&value.len())
        && value.bytes().all(value_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_is_handed_on_and_anything_else_is_not() {
        let check = |headers: &[&str], expected: Option<&str>| {
            assert_eq!(TraceState::parse(headers.iter().copied()).as_str(), expected, "{headers:?}");
        };
        check(&[], None);
        check(&[""], None);
        check(&["foo=1"], Some("foo=1"));
        check(&["foo=1 , bar=2", "\tbaz=a b"], Some("foo=1,bar=2,baz=a b"));
        check(&["foo=1,,"], Some("foo=1"));
        check(&["foo@=1,@foo=2"], None);
        check(&["1a-2f@foo=bar1"], Some("1a-2f@foo=bar1"));
        for malformed in ["foo", "foo=", "=1", "FOO=1", "foo =1", "foo=1=2", "foo=\u{e9}", "foo=1;bar=2\u{1}"]
        {
            check(&[malformed, "bar=2"], None);
        }
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=1")).collect();
        check(&[&many[..32].join(",")], Some(&many[..32].join(",")));
        check(&[&many.join(",")], None);
    }

    #[test]
    fn what_is_too_long_loses_long_entries_first_and_then_the_oldest() {
        let long = format!("long={}", "x".repeat(200));
        let short: Vec<String> = (0..9).map(|n| format!("k{n}={}", "y".repeat(60))).collect();
        let state = TraceState::parse([long.as_str(), &short.join(",")]);
        assert_eq!(state.as_str(), Some(short[..8].join(",").as_str()));
        assert!(state.as_str().unwrap().len() <= BYTES);
    }
}
