//! YAML, with the place of each key and value.

use std::{fmt, marker::PhantomData};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned, budget::BudgetBreach};

use super::{Text, number};
use crate::{
    Fault, Origin,
    node::{Data, Entry, MOST_DEPTH, Node, Table, too_deep},
};

/// How many values aliases may stand for.
const MOST_ALIASED: usize = 20_000;

pub(super) fn read(text: &Text<'_>) -> Result<Table, Fault> {
    // Aliases are laid out in full while the text is read, so the limits must hold there already.
    let options = serde_saphyr::options! {
        // They are of no use here, and the parser keeps only so many in a row.
        emit_comments: false,
        budget: serde_saphyr::budget! { max_depth: MOST_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_ALIASED },
    };
    let root: Spanned<Raw> =
        serde_saphyr::from_str_with_options(text.str(), options).map_err(|error| fault(text, &error))?;
    match root.value {
        Raw::Table(entries) => table(text, entries, 1),
        // A file without content, or with comments only.
        Raw::Scalar(Value::Null) => Ok(Table::new()),
        _ => Err(text.syntax("expected a mapping of keys to values", origin(text, root.referenced))),
    }
}

fn fault(text: &Text<'_>, error: &serde_saphyr::Error) -> Fault {
    let at = error.location().map_or_else(|| text.place(1, 1, 1), |at| origin(text, at));
    // "error: line 3 column 11: …": the place is told in our own way.
    let message = error.without_snippet().to_string();
    // The parser has a limit of its own for what is written within a line.
    let depth = matches!(
        error.without_snippet(),
        serde_saphyr::Error::Budget { breach: BudgetBreach::Depth { .. }, .. }
    );
    if depth || message.contains("recursion limit exceeded") {
        return text.syntax(too_deep(), at);
    }
    // The hint of the parser names a function of its own.
    if message.contains("multiple YAML documents") {
        let several = "there are several documents in this file, and a configuration is one";
        return text.syntax(several, at).hint("take out the `---` in between, or make it a file of its own");
    }
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let message = match message.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, message)) => message,
        None => message,
    };
    let message = message.split(", set DuplicateKeyPolicy").next().unwrap_or(message);
    text.syntax(message.lines().next().unwrap_or(message), at)
}

fn origin(text: &Text<'_>, at: Location) -> Origin {
    let part = |value: u64| number(usize::try_from(value).unwrap_or(usize::MAX));
    // YAML ends a line at a lone carriage return too, and nobody else does: bytes are the same for all.
    if let (Some(start), Some(len)) = (at.span().byte_offset(), at.span().byte_len()) {
        let [start, len] = [start, len].map(|value| usize::try_from(value).unwrap_or(usize::MAX));
        return text.origin(start..start.saturating_add(len));
    }
    text.place_within(part(at.line()), part(at.column()), part(at.span().len()))
}

fn table(
    text: &Text<'_>,
    entries: Vec<(Spanned<String>, Spanned<Raw>)>,
    depth: usize,
) -> Result<Table, Fault> {
    let mut table = Table::new();
    for (key, value) in entries {
        let entry = Entry { key: origin(text, key.referenced), value: node(text, value, depth)? };
        table.insert(key.value, entry);
    }
    Ok(table)
}

fn node(text: &Text<'_>, raw: Spanned<Raw>, depth: usize) -> Result<Node, Fault> {
    let place = origin(text, raw.referenced);
    if raw.defined != raw.referenced {
        text.alias(&place, &origin(text, raw.defined));
    }
    let data = match raw.value {
        Raw::Scalar(value) => Data::Scalar(value),
        _ if depth == MOST_DEPTH => return Err(text.syntax(too_deep(), place)),
        Raw::Array(items) => {
            Data::Array(items.into_iter().map(|item| node(text, item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Raw::Table(entries) => Data::Table(table(text, entries, depth + 1)?),
    };
    Ok(Node::new(data, place))
}

/// A value as the parser gives it.
enum Raw {
    Scalar(Value),
    Array(Vec<Spanned<Self>>),
    Table(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor(PhantomData))
    }
}

struct RawVisitor(PhantomData<Raw>);

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        let number = serde_json::Number::from_f64(value);
        number
            .map(|number| Raw::Scalar(number.into()))
            .ok_or_else(|| E::custom("not a number that can be used here"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Table(entries))
    }
}
