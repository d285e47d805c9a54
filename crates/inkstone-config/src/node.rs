//! A tree of values that know where they come from.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{Origin, Source};

/// One value with its place.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) data: Data,
    pub(crate) origin: Origin,
    /// The text may stand for a value of another type: it was given by the environment, by a flag or by a
    /// reference, where only text can be written.
    pub(crate) loose: bool,
}

#[derive(Clone)]
pub(crate) enum Data {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    Array(Vec<Node>),
    Table(Table),
    /// A value that exists and cannot be known here, such as a reference to another machine's environment.
    Unknown,
}

pub(crate) type Table = BTreeMap<String, Entry>;

/// How many tables and lists may stand in each other. Trees are walked step by step down the stack, so a limit there
/// must be; no configuration comes near this one.
pub(crate) const MOST_DEPTH: usize = 32;

/// What is said about a text that goes deeper.
pub(crate) fn too_deep() -> String {
    format!("tables and lists are nested deeper than {MOST_DEPTH} levels, the most allowed")
}

/// A key with its place, and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Origin,
    pub(crate) value: Node,
}

/// The steps from a table to a value below it. A step into an array is a number.
pub(crate) type Path = [String];

impl Node {
    pub(crate) const fn new(data: Data, origin: Origin) -> Self {
        Self { data, origin, loose: false }
    }

    pub(crate) fn text(text: &str, origin: Origin) -> Self {
        Self::new(Data::Scalar(Value::from(text)), origin)
    }

    pub(crate) const fn table(origin: Origin) -> Self {
        Self::new(Data::Table(Table::new()), origin)
    }

    /// The tree of a component's defaults.
    pub(crate) fn defaults(value: Value) -> Self {
        Self::plain(value, &Origin::whole(Arc::new(Source::nameless("default"))))
    }

    fn plain(value: Value, origin: &Origin) -> Self {
        let data = match value {
            Value::Array(items) => {
                Data::Array(items.into_iter().map(|item| Self::plain(item, origin)).collect())
            }
            Value::Object(map) => Data::Table(
                map.into_iter()
                    .map(|(key, value)| {
                        (key, Entry { key: origin.clone(), value: Self::plain(value, origin) })
                    })
                    .collect(),
            ),
            scalar => Data::Scalar(scalar),
        };
        Self::new(data, origin.clone())
    }

    pub(crate) const fn as_table(&self) -> Option<&Table> {
        if let Data::Table(table) = &self.data { Some(table) } else { None }
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self.data, Data::Scalar(Value::Null))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Data::Scalar(Value::String(text)) = &self.data { Some(text) } else { None }
    }

    /// The entry's or item's value one step below.
    pub(crate) fn step(&self, step: &str) -> Option<&Self> {
        match &self.data {
            Data::Table(table) => table.get(step).map(|entry| &entry.value),
            Data::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    pub(crate) fn step_mut(&mut self, step: &str) -> Option<&mut Self> {
        match &mut self.data {
            Data::Table(table) => table.get_mut(step).map(|entry| &mut entry.value),
            Data::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    pub(crate) fn find(&self, path: &Path) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| node.step(step))
    }

    pub(crate) fn find_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, step| node.step_mut(step))
    }

    /// Where the key at `path` stands, or the value if it has no key of its own.
    pub(crate) fn place(&self, path: &Path) -> Option<&Origin> {
        let Some((last, parents)) = path.split_last() else { return Some(&self.origin) };
        let parent = self.find(parents)?;
        match parent.as_table() {
            Some(table) => table.get(last).map(|entry| &entry.key),
            None => parent.step(last).map(|item| &item.origin),
        }
    }

    /// Where the value at `path` stands, or the nearest thing above it that has a place.
    pub(crate) fn nearest_origin(&self, path: &Path) -> &Origin {
        let mut node = self;
        for step in path {
            let Some(next) = node.step(step) else { break };
            node = next;
        }
        &node.origin
    }

    /// Puts a value under a path of keys, making tables on the way.
    pub(crate) fn insert(table: &mut Table, path: &Path, value: Self) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut table = table;
        for step in parents {
            let origin = value.origin.clone();
            let entry = table
                .entry(step.clone())
                .or_insert_with(|| Entry { key: origin.clone(), value: Self::table(origin) });
            if entry.value.as_table().is_none() {
                entry.value = Self::table(entry.key.clone());
            }
            let Data::Table(next) = &mut entry.value.data else { return };
            table = next;
        }
        table.insert(last.clone(), Entry { key: value.origin.clone(), value });
    }

    /// Whether anything here or below comes from a source rather than from the defaults.
    pub(crate) fn has_source(&self) -> bool {
        !self.origin.is_default()
            || match &self.data {
                Data::Table(table) => table.values().any(|entry| entry.value.has_source()),
                Data::Array(items) => items.iter().any(Self::has_source),
                _ => false,
            }
    }
}

/// The steps of a key as people write it: `a.b."c.d"`.
pub(crate) fn split_key(text: &str) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut rest = text.trim();
    loop {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (step, tail) = match quote {
            Some(quote) => {
                let (step, tail) = rest[1..].split_once(quote)?;
                (step, tail.trim_start())
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim(), &rest[end..])
            }
        };
        if step.is_empty() && quote.is_none() {
            return None;
        }
        steps.push(step.to_owned());
        if tail.is_empty() {
            return Some(steps);
        }
        rest = tail.strip_prefix('.')?.trim_start();
    }
}

/// A key as people write it, from its steps.
pub(crate) fn join_key<'a>(steps: impl IntoIterator<Item = &'a str>) -> String {
    let mut key = String::new();
    for step in steps {
        if !key.is_empty() {
            key.push('.');
        }
        let bare = !step.is_empty() && step.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if bare { key.push_str(step) } else { key.push_str(&format!("\"{step}\"")) }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split_and_joined_alike() {
        for (text, steps) in [
            ("a", vec!["a"]),
            ("a.b_c", vec!["a", "b_c"]),
            ("m.\"shop.v1.Stock/Reserve\".n", vec!["m", "shop.v1.Stock/Reserve", "n"]),
        ] {
            assert_eq!(split_key(text).unwrap(), steps);
            assert_eq!(join_key(steps), text);
        }
        for text in ["", ".", "a.", ".a", "a..b", "\"a", "\"a\"b"] {
            assert_eq!(split_key(text), None, "{text}");
        }
    }
}
