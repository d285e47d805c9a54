//! Refuses keys that a table does not have, and notes where secrets stand.

use crate::{
    Code, Fault,
    mask::telltale,
    near::nearest,
    node::{Data, Entry, Node, join_key},
    schema::{Extra, View},
};

/// Takes unknown keys out of the tree and reports them.
pub(crate) fn strict(view: &View<'_>, node: &mut Node, path: &mut Vec<String>, faults: &mut Vec<Fault>) {
    if view.is_secret() {
        return hide(node);
    }
    let view = view.narrow(node);
    match &mut node.data {
        Data::Table(table) => {
            let named = view.keys();
            let open = !matches!(view.extra(), Extra::None);
            table.retain(|key, entry| {
                let known = open || named.contains(&**key) || entry.key.is_default();
                if !known {
                    faults.push(unknown_key(&view, path, key, entry));
                }
                known
            });
            for (key, entry) in table {
                below(&view, key, &mut entry.value, path, faults);
            }
        }
        Data::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                below(&view, &index.to_string(), item, path, faults);
            }
        }
        Data::Scalar(_) | Data::Unknown => {}
    }
}

fn below(view: &View<'_>, step: &str, node: &mut Node, path: &mut Vec<String>, faults: &mut Vec<Fault>) {
    if let Some(view) = view.step(step) {
        path.push(step.to_owned());
        strict(&view, node, path, faults);
        path.pop();
    }
}

fn unknown_key(view: &View<'_>, path: &[String], key: &str, entry: &Entry) -> Fault {
    let known = view.keys();
    let near = nearest(key, known.iter().copied());
    // A misspelt `password` still holds one.
    if telltale(key) || near.and_then(|near| view.property(near)).is_some_and(|view| view.is_secret()) {
        hide(&entry.value);
    }
    let whole = join_key(path.iter().map(String::as_str).chain([key]));
    let fault = |message: String| Fault::new(Code::UnknownKey, message).key(&whole).at(entry.key.clone());
    match near {
        Some(near) => fault(format!("unknown key; did you mean `{near}`?")),
        None if known.is_empty() => fault("unknown key".to_owned()),
        None => {
            let known: Vec<_> = known.into_iter().map(|key| format!("`{key}`")).collect();
            fault("unknown key".to_owned()).hint(format_args!("the keys here are {}", known.join(", ")))
        }
    }
}

/// Notes where secrets stand in one layer, whatever shape the table will take with the others.
///
/// What is replaced by another layer or belongs to another variant is a secret all the same.
pub(crate) fn hide_secrets(view: &View<'_>, node: &Node) {
    hide_within(view, node, 8);
}

/// A type that is made of itself ends at the depth given.
fn hide_within(view: &View<'_>, node: &Node, depth: u8) {
    if view.is_secret() {
        return hide(node);
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    let mut shapes = view.variants();
    shapes.push(view.clone());
    let below = |step: &str, node: &Node| {
        shapes.iter().filter_map(|shape| shape.step(step)).for_each(|view| hide_within(&view, node, depth));
    };
    match &node.data {
        Data::Table(table) => table.iter().for_each(|(key, entry)| below(key, &entry.value)),
        Data::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| below(&index.to_string(), item))
        }
        Data::Scalar(_) | Data::Unknown => {}
    }
}

fn hide(node: &Node) {
    node.origin.source.hide(&node.origin);
    match &node.data {
        Data::Table(table) => table.values().for_each(|entry| hide(&entry.value)),
        Data::Array(items) => items.iter().for_each(hide),
        _ => {}
    }
}

/// Reports numbers, texts and lists outside the limits that their type declares.
pub(crate) fn limits(view: &View<'_>, node: &Node, path: &mut Vec<String>, faults: &mut Vec<Fault>) {
    let view = view.narrow(node);
    if !node.origin.is_default()
        && !view.is_secret()
        && let Some(message) = outside(&view, node)
    {
        let key = join_key(path.iter().map(String::as_str));
        faults.push(Fault::new(Code::OutOfRange, message).key(key).at(node.origin.clone()));
    }
    let mut next = |step: &str, node: &Node| {
        if let Some(view) = view.step(step) {
            path.push(step.to_owned());
            limits(&view, node, path, faults);
            path.pop();
        }
    };
    match &node.data {
        Data::Table(table) => table.iter().for_each(|(key, entry)| next(key, &entry.value)),
        Data::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| next(&index.to_string(), item))
        }
        Data::Scalar(_) | Data::Unknown => {}
    }
}

fn outside(view: &View<'_>, node: &Node) -> Option<String> {
    let (measure, least, most, what) = match &node.data {
        Data::Scalar(serde_json::Value::Number(number)) => (number.as_f64()?, "minimum", "maximum", ""),
        Data::Scalar(serde_json::Value::String(text)) => {
            (count(text.chars().count()), "minLength", "maxLength", " characters")
        }
        Data::Array(items) => (count(items.len()), "minItems", "maxItems", " items"),
        _ => return None,
    };
    if let Some(least) = view.number(least).filter(|least| measure < *least) {
        return Some(format!("{measure}{what} is less than {least}, the least allowed"));
    }
    if let Some(most) = view.number(most).filter(|most| measure > *most) {
        return Some(format!("{measure}{what} is more than {most}, the most allowed"));
    }
    if let Some(limit) = view.number("exclusiveMinimum").filter(|limit| measure <= *limit && what.is_empty())
    {
        return Some(format!("{measure} is not more than {limit}"));
    }
    let limit = view.number("exclusiveMaximum").filter(|limit| measure >= *limit && what.is_empty())?;
    Some(format!("{measure} is not less than {limit}"))
}

fn count(len: usize) -> f64 {
    f64::from(u32::try_from(len).unwrap_or(u32::MAX))
}
