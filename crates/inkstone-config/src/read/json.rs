//! JSON, with the place of each key and value.
//!
//! `serde_json` says whether a text is JSON; the scan then only has to find the places, so it may trust
//! the text.

use serde_json::Value;

use super::Text;
use crate::{
    Fault,
    node::{Data, Entry, MOST_DEPTH, Node, Table, too_deep},
};

pub(super) fn read(text: &Text<'_>) -> Result<Table, Fault> {
    if text.str().trim().is_empty() {
        return Ok(Table::new());
    }
    if let Err(error) = serde_json::from_str::<Value>(text.str()) {
        let at = text.offset(error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        return Err(text.syntax(message, text.origin(at..at + 1)));
    }
    let root = Scan { text, at: 0, depth: 0 }.value()?;
    match root.data {
        Data::Table(table) => Ok(table),
        _ => Err(text.syntax("expected an object with keys and values", root.origin)),
    }
}

struct Scan<'a, 't> {
    text: &'a Text<'t>,
    at: usize,
    /// How many tables and arrays stand around the place.
    depth: usize,
}

impl Scan<'_, '_> {
    fn rest(&self) -> &[u8] {
        self.text.str().as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    /// Passes a byte of punctuation if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.rest().first() == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Node, Fault> {
        self.skip_space();
        let start = self.at;
        let data = match self.rest().first() {
            Some(b'{' | b'[') if self.depth == MOST_DEPTH => {
                return Err(self.text.syntax(too_deep(), self.text.origin(start..start + 1)));
            }
            Some(b'{') => Data::Table(self.below(Self::table)?),
            Some(b'[') => Data::Array(self.below(Self::array)?),
            _ => Data::Scalar(self.scalar()),
        };
        Ok(Node::new(data, self.text.origin(start..self.at)))
    }

    fn below<T>(&mut self, read: fn(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn table(&mut self) -> Result<Table, Fault> {
        let mut table = Table::new();
        self.take(b'{');
        while !self.take(b'}') {
            self.skip_space();
            let start = self.at;
            let Value::String(key) = self.scalar() else { break };
            let origin = self.text.origin(start..self.at);
            self.take(b':');
            let value = self.value()?;
            if table.contains_key(&key) {
                return Err(self.text.syntax(format_args!("`{key}` is set twice"), origin));
            }
            table.insert(key, Entry { key: origin, value });
            self.take(b',');
        }
        Ok(table)
    }

    fn array(&mut self) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        self.take(b'[');
        while !self.take(b']') {
            items.push(self.value()?);
            self.take(b',');
        }
        Ok(items)
    }

    fn scalar(&mut self) -> Value {
        let rest = self.rest();
        let len = if rest.first() == Some(&b'"') { quoted(rest) } else { bare(rest) };
        let value = serde_json::from_slice(&rest[..len]).unwrap_or_default();
        self.at += len;
        value
    }
}

/// The length of a string with its quotes.
fn quoted(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// The length of a number, `true`, `false` or `null`.
fn bare(bytes: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}');
    bytes.iter().position(ends).unwrap_or(bytes.len())
}
