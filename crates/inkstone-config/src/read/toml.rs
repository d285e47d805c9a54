//! TOML, with the place of each key and value.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::Text;
use crate::{
    Code, Fault, Origin, Problems,
    node::{Data, Entry, MOST_DEPTH, Node, Table, too_deep},
};

pub(super) fn read(text: &Text<'_>) -> Result<Table, Problems> {
    let (table, errors) = DeTable::parse_recoverable(text.str());
    let mut problems = Problems::new();
    let mut last_line = 0;
    for error in errors {
        let origin = text.origin(error.span().unwrap_or_default());
        // One slip makes the parser stumble several times on the same line.
        if origin.line != last_line {
            last_line = origin.line;
            problems.push(text.syntax(error.message(), origin));
        }
    }
    let table = table.into_inner();
    if let Some(place) = deeper(table.values().map(|value| (value, 2)).collect()) {
        take_apart(table.into_iter().map(|(_, value)| value.into_inner()).collect());
        problems.push(text.syntax(too_deep(), text.origin(place)));
        return Err(problems);
    }
    let table = self::table(text, table, &mut problems);
    if problems.is_empty() { Ok(table) } else { Err(problems) }
}

/// The first table or array that is nested too deep. Dotted keys nest as brackets do, and the parser has a limit for
/// each of the two, not for both together.
fn deeper(mut open: Vec<(&Spanned<DeValue<'_>>, usize)>) -> Option<Range<usize>> {
    while let Some((value, depth)) = open.pop() {
        let before = open.len();
        match value.get_ref() {
            DeValue::Table(table) => open.extend(table.values().map(|value| (value, depth + 1))),
            DeValue::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            _ => {}
        }
        if depth > MOST_DEPTH && open.len() > before {
            return Some(value.span());
        }
    }
    None
}

/// Drops values without going down the stack for what is nested in them.
fn take_apart(mut values: Vec<DeValue<'_>>) {
    while let Some(value) = values.pop() {
        match value {
            DeValue::Table(table) => values.extend(table.into_iter().map(|(_, value)| value.into_inner())),
            DeValue::Array(items) => values.extend(items.into_iter().map(Spanned::into_inner)),
            _ => {}
        }
    }
}

fn table(text: &Text<'_>, table: DeTable<'_>, problems: &mut Problems) -> Table {
    let mut entries = Table::new();
    for (key, value) in table {
        let origin = text.origin(key.span());
        let value = node(text, text.origin(value.span()), value.into_inner(), problems);
        entries.insert(key.into_inner().into_owned(), Entry { key: origin, value });
    }
    entries
}

fn node(text: &Text<'_>, origin: Origin, value: DeValue<'_>, problems: &mut Problems) -> Node {
    let data = match value {
        DeValue::Table(inner) => Data::Table(table(text, inner, problems)),
        DeValue::Array(items) => Data::Array(
            items
                .into_iter()
                .map(|item| node(text, text.origin(item.span()), item.into_inner(), problems))
                .collect(),
        ),
        scalar => match plain(scalar) {
            Ok(value) => Data::Scalar(value),
            Err(message) => {
                problems.push(Fault::new(Code::OutOfRange, message).at(origin.clone()));
                Data::Unknown
            }
        },
    };
    Node::new(data, origin)
}

/// A scalar of TOML as a scalar of JSON.
fn plain(value: DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Boolean(yes) => Value::Bool(yes),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Integer(digits) => {
            integer(&digits).ok_or_else(|| format!("{digits} does not fit 64 bits"))?
        }
        DeValue::Float(digits) => float(&digits)
            .ok_or_else(|| format!("{} is not a number that can be used here", digits.as_str()))?,
        DeValue::Array(_) | DeValue::Table(_) => return Err("expected a single value".to_owned()),
    })
}

fn integer(digits: &DeInteger<'_>) -> Option<Value> {
    let (text, radix) = (digits.as_str(), digits.radix());
    let signed = i64::from_str_radix(text, radix).map(Value::from);
    signed.or_else(|_| u64::from_str_radix(text, radix).map(Value::from)).ok()
}

/// Infinity and NaN mean nothing in a configuration.
fn float(digits: &DeFloat<'_>) -> Option<Value> {
    digits.as_str().parse().ok().and_then(Number::from_f64).map(Value::Number)
}

/// The value that a text stands for where no string is expected: `8080`, `true`, `["a", "b"]`. What cannot be used
/// as a value stays a text, and is refused as one.
pub(crate) fn scalar(text: &str, origin: &Origin) -> Option<Node> {
    let value = DeValue::parse(text.trim()).ok()?;
    if deeper(vec![(&value, 1)]).is_some() {
        take_apart(vec![value.into_inner()]);
        return None;
    }
    whole(value.into_inner(), origin)
}

/// Every part of the value has the place of the whole.
fn whole(value: DeValue<'_>, origin: &Origin) -> Option<Node> {
    let data = match value {
        DeValue::Array(items) => Data::Array(
            items.into_iter().map(|item| whole(item.into_inner(), origin)).collect::<Option<_>>()?,
        ),
        DeValue::Table(table) => Data::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let value = whole(value.into_inner(), origin)?;
                    Some((key.into_inner().into_owned(), Entry { key: origin.clone(), value }))
                })
                .collect::<Option<_>>()?,
        ),
        scalar => Data::Scalar(plain(scalar).ok()?),
    };
    Some(Node::new(data, origin.clone()))
}
