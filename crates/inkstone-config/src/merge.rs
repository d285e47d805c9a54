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
    let tags = below.iter().chain(&above).map(|(key, entry)| (key.clone(), shallow(entry))).collect();
    let view = view.narrow(&Node::new(Data::Table(tags), origin.clone()));
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
