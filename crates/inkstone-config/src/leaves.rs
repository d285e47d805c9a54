//! The single values of a table, for showing and comparing.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::Value;

use crate::{
    Config, Effective, mask,
    node::{Data, Node, join_key},
    origin::{Origin, sha256},
    schema::View,
    values::MASK,
};

/// One value in force.
#[derive(Clone)]
pub(crate) struct Leaf {
    value: Value,
    /// Written out only when somebody asks: a reload makes a leaf of each key. None is the default.
    origin: Option<Origin>,
    live: bool,
    /// Differs when the value differs, also when the value is a secret and cannot be seen to.
    mark: String,
}

/// The values by their whole key.
pub(crate) type Leaves = BTreeMap<String, Leaf>;

impl Leaf {
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn effective(&self, key: &str) -> Effective {
        Effective {
            key: key.to_owned(),
            value: self.value.clone(),
            origin: self.origin.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string),
            live: self.live,
        }
    }
}

/// The values of a table; `node` says where they come from.
pub(crate) fn leaves<C: Config>(value: &C, node: &Node, schema: &Value, path: &[String]) -> Leaves {
    leaves_of(&serde_json::to_value(value).unwrap_or_default(), node, schema, path)
}

/// The values of a table whose type is not here.
pub(crate) fn leaves_of(value: &Value, node: &Node, schema: &Value, path: &[String]) -> Leaves {
    let mut leaves = Leaves::new();
    let telltale = path.iter().any(|step| mask::telltale(step));
    let place = Place { view: View::new(schema), node: Some(node), telltale };
    collect(&place, value, &mut path.to_vec(), &mut leaves);
    leaves
}

/// Where a value stands.
struct Place<'a> {
    view: View<'a>,
    node: Option<&'a Node>,
    /// The key, or one above it in the table, gives away that this is a secret.
    telltale: bool,
}

fn collect(place: &Place<'_>, value: &Value, path: &mut Vec<String>, leaves: &mut Leaves) {
    let Place { view, node, telltale } = place;
    let sealed = node.is_some_and(|node| node.origin.source.sealed);
    let (secret, telltale) = (view.is_secret() || sealed, *telltale && !view.has_own_form());
    // Mostly there is one shape; to ask which would take longer than all the rest.
    let varied = view.has_variants() && (value.is_array() || value.is_object());
    let view = if varied { view.narrow(&Node::defaults(value.clone())) } else { view.clone() };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                // A value that is written as one text and read into several has the place of the text.
                let below =
                    node.and_then(|node| if node.as_table().is_some() { node.step(key) } else { Some(node) });
                let Some(view) = view.step(key).or_else(|| Some(View::new(&Value::Null))) else { continue };
                path.push(key.clone());
                let telltale = place.telltale || mask::telltale(key);
                collect(&Place { view, node: below, telltale }, value, path, leaves);
                path.pop();
            }
        }
        _ => {
            let origin = node.map(|node| node.origin.clone());
            let raw = node.filter(|_| secret || value.is_array()).map(raw).unwrap_or_default();
            let leaf = Leaf {
                value: match (secret, telltale) {
                    (true, _) if !blank(value) => MASK.into(),
                    (_, true) => masked(value),
                    _ => shown(value),
                },
                origin,
                live: view.is_live(),
                mark: if raw.is_empty() {
                    value.to_string()
                } else {
                    format!("{value}{}", sha256(raw.as_bytes()))
                },
            };
            leaves.insert(join_key(path.iter().map(String::as_str)), leaf);
        }
    }
}

fn blank(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// A value of which only the shape may be seen. A number or a switch below a telltale key is no secret
/// (`tokens_per_second`), and an empty text hides nothing.
fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => MASK.into(),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), masked(value))).collect(),
        other => other.clone(),
    }
}

/// A value with the passwords in its addresses masked.
fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => mask::address(text).into(),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shown_below(key, value))).collect(),
        other => other.clone(),
    }
}

fn shown_below(key: &str, value: &Value) -> Value {
    if mask::telltale(key) { masked(value) } else { shown(value) }
}

/// A tree as text, to tell whether two differ.
fn raw(node: &Node) -> String {
    match &node.data {
        Data::Scalar(value) => value.to_string(),
        Data::Array(items) => items.iter().map(raw).collect::<Vec<_>>().join(","),
        Data::Table(table) => {
            table.iter().map(|(key, entry)| format!("{key}={};", raw(&entry.value))).collect()
        }
        Data::Unknown => "?".to_owned(),
    }
}

/// The keys whose values differ, and whether each applies without a restart.
pub(crate) fn changes<'l>(before: &'l Leaves, after: &'l Leaves) -> Vec<(&'l str, bool)> {
    let mut changed = Vec::new();
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    // Both are in the order of their keys.
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return changed,
        };
        let (was, is) = (old.next_if(|_| order.is_le()), new.next_if(|_| order.is_ge()));
        if was.map(|(_, leaf)| &leaf.mark) != is.map(|(_, leaf)| &leaf.mark) {
            changed.extend(is.or(was).map(|(key, leaf)| (key.as_str(), leaf.live)));
        }
    }
}
