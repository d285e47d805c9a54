//! One layer over another, in the way the type that reads them wants it.

use crate::{
    node::{Data, Entry, Node, Table},
    read,
    schema::View,
};

/// `top` laid over `base`, key by key. Where the two are different variants of an enum, `top` replaces
/// `base` whole.
pub(crate) fn over(view: &View<'_>, base: Node, top: Node) -> Node {
    if view.is_empty_table(&top) && base.as_table().is_some() {
        return base;
    }
    match (base.data, top.data) {
        (Data::Table(below), Data::Table(above)) if same_variant(view, &below, &above) => {
            let data = Data::Table(tables(view, below, above, &top.origin));
            Node { data, origin: top.origin, loose: top.loose }
        }
        (_, data) => Node { data, origin: top.origin, loose: top.loose },
    }
}

fn tables(view: &View<'_>, mut below: Table, above: Table, origin: &crate::Origin) -> Table {
    // The shape is decided by both: the tag may stand in one layer and the rest in another.
    let tags = || below.iter().chain(&above).map(|(key, entry)| (key.clone(), shallow(entry))).collect();
    let view = match view.has_variants() {
        true => view.narrow(&Node::new(Data::Table(tags()), origin.clone())),
        false => view.clone(),
    };
    for (key, entry) in above {
        let value = match (below.remove(&key), view.step(&key)) {
            (Some(base), Some(view)) => over(&view, base.value, entry.value),
            // Nothing is known about the key; tables merge all the same.
            (Some(base), None) => over(&View::new(&serde_json::Value::Bool(true)), base.value, entry.value),
            (None, _) => entry.value,
        };
        below.insert(key, Entry { key: entry.key, value });
    }
    below
}

/// An entry without what is below its value.
fn shallow(entry: &Entry) -> Entry {
    let data = match &entry.value.data {
        Data::Scalar(value) => Data::Scalar(value.clone()),
        Data::Table(_) => Data::Table(Table::new()),
        _ => Data::Unknown,
    };
    Entry { key: entry.key.clone(), value: Node::new(data, entry.value.origin.clone()) }
}

fn same_variant(view: &View<'_>, below: &Table, above: &Table) -> bool {
    match (view.variant_of(below), view.variant_of(above)) {
        (Some(below), Some(above)) => below == above,
        _ => true,
    }
}

/// Gives texts from the environment, flags and references the type that their key expects.
pub(crate) fn settle(view: &View<'_>, node: &mut Node) {
    if node.loose
        && !view.takes_text()
        && let Some(parsed) = node.as_str().and_then(|text| read::scalar(text, &node.origin))
    {
        node.data = parsed.data;
    }
    if view.is_empty_table(node) {
        node.data = Data::Table(Table::new());
    }
    // A text that lists several values where one or several are allowed.
    if node.loose
        && let Some(text) = node.as_str()
        && text.trim_start().starts_with('[')
        && let Some(list) = read::scalar(text, &node.origin)
        && let narrowed = view.narrow(&list)
        && narrowed.step("0").is_some()
    {
        node.data = list.data;
    }
    let view = view.narrow(node);
    match &mut node.data {
        Data::Table(table) => {
            for (key, entry) in table {
                if let Some(view) = view.step(key) {
                    settle(&view, &mut entry.value);
                }
            }
        }
        Data::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                if let Some(view) = view.step(&index.to_string()) {
                    settle(&view, item);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// What the layers are about: tables, a map, a list, and an enum that a key tells apart.
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "size": { "type": "integer" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "guard": { "type": "object", "properties": { "wait": { "type": "string" }, "on": { "type": "boolean" } } },
                "methods": { "type": "object", "additionalProperties": { "type": "object", "properties": { "wait": { "type": "string" } } } },
                "kind": { "oneOf": [
                    { "type": "object", "properties": { "mode": { "const": "one" }, "addr": { "type": "string" }, "wait": { "type": "string" } } },
                    { "type": "object", "properties": { "mode": { "const": "many" }, "addrs": { "type": "string" }, "wait": { "type": "string" } } },
                ] },
            },
        })
    }

    fn some(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
        prop::option::of(value.boxed())
    }

    fn text() -> impl Strategy<Value = Value> {
        "[a-c]{1,2}".prop_map(Value::from)
    }

    fn table(entries: Vec<(&str, Option<Value>)>) -> Value {
        entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// A layer, each key of which may be missing. Where layers change an enum's variant, the last of them replaces what
    /// is below, so only layers of one variant may be grouped at will.
    fn layer(one: bool) -> impl Strategy<Value = Value> {
        let guard = (some(text()), some(any::<bool>().prop_map(Value::from)))
            .prop_map(|(wait, on)| table(vec![("wait", wait), ("on", on)]));
        let method = || some(text()).prop_map(|wait| table(vec![("wait", wait)]));
        let methods = (some(method()), some(method())).prop_map(|(a, b)| table(vec![("a", a), ("b.c", b)]));
        let kind = (some(text()), some(text())).prop_map(move |(addr, wait)| {
            let (mode, key) = if one { ("one", "addr") } else { ("many", "addrs") };
            table(vec![("mode", Some(mode.into())), (key, addr), ("wait", wait)])
        });
        let tags = prop::collection::vec(text(), 0..3).prop_map(Value::from);
        (some((0..9u8).prop_map(Value::from)), some(tags), some(guard), some(methods), some(kind)).prop_map(
            |(size, tags, guard, methods, kind)| {
                table(vec![
                    ("size", size),
                    ("tags", tags),
                    ("guard", guard),
                    ("methods", methods),
                    ("kind", kind),
                ])
            },
        )
    }

    fn plain(node: &Node) -> Value {
        match &node.data {
            Data::Scalar(value) => value.clone(),
            Data::Array(items) => items.iter().map(plain).collect(),
            Data::Table(table) => {
                table.iter().map(|(key, entry)| (key.clone(), plain(&entry.value))).collect()
            }
            Data::Unknown => Value::Null,
        }
    }

    proptest! {
        #[test]
        fn layers_may_be_merged_in_any_grouping(
            [a, b, c] in any::<bool>().prop_flat_map(|one| [layer(one), layer(one), layer(one)])
        ) {
            let schema = schema();
            let view = View::new(&schema);
            let over = |below: Node, above: Node| super::over(&view, below, above);
            let [a, b, c] = [a, b, c].map(Node::defaults);
            let left = over(over(a.clone(), b.clone()), c.clone());
            let right = over(a, over(b, c));
            prop_assert_eq!(plain(&left), plain(&right));
        }

        #[test]
        fn a_layer_over_itself_or_over_nothing_is_itself(a in any::<bool>().prop_flat_map(layer)) {
            let schema = schema();
            let view = View::new(&schema);
            let node = Node::defaults(a.clone());
            let nothing = Node::defaults(json!({}));
            prop_assert_eq!(plain(&over(&view, node.clone(), node.clone())), a.clone());
            prop_assert_eq!(plain(&over(&view, nothing.clone(), node.clone())), a.clone());
            prop_assert_eq!(plain(&over(&view, node, nothing)), a);
        }
    }
}
