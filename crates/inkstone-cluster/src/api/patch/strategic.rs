//! Strategic merge patch: a merge patch that knows which lists are merged item by item.

use serde_json::{Map, Value};

use super::super::schema::{self, List};
use crate::store::ApiError;

const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// Applies the patch to the object.
pub(super) fn merge(object: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let patch = patch.as_object().expect("a patch is read as a table");
    table(object, patch, &mut Vec::new())
}

fn table<'p>(
    object: &mut Value,
    patch: &'p Map<String, Value>,
    path: &mut Vec<&'p str>,
) -> Result<(), ApiError> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => *object = Value::Object(Map::new()),
        Some("delete") => {
            *object = Value::Object(Map::new());
            return Ok(());
        }
        None | Some("merge") => {}
        Some(other) => return Err(ApiError::bad_request(format!("unknown patch type {other:?} in $patch"))),
    }
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let into = object.as_object_mut().expect("it is a table now");
    if let Some(retained) = patch.get("$retainKeys").and_then(Value::as_array) {
        into.retain(|key, _| retained.iter().any(|r| r == key.as_str()));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix(DELETE) {
            let gone = value.as_array().into_iter().flatten().collect::<Vec<_>>();
            if let Some(Value::Array(values)) = into.get_mut(list) {
                values.retain(|v| !gone.contains(&v));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        path.push(key);
        field(into, key, value, patch, path)?;
        path.pop();
    }
    // An order may come without a change of the list itself.
    for (key, order) in patch {
        let Some(list) = key.strip_prefix(ORDER).filter(|list| !patch.contains_key(*list)) else { continue };
        path.push(list);
        if let Some(Value::Array(items)) = into.get_mut(list) {
            reorder(items, order, schema::list(path));
        }
        path.pop();
    }
    Ok(())
}

fn field<'p>(
    into: &mut Map<String, Value>,
    key: &'p str,
    value: &'p Value,
    patch: &'p Map<String, Value>,
    path: &mut Vec<&'p str>,
) -> Result<(), ApiError> {
    match value {
        Value::Null => {
            into.shift_remove(key);
        }
        Value::Object(inner) if inner.get("$patch").is_some_and(|p| p == "delete") => {
            into.shift_remove(key);
        }
        Value::Object(inner) => table(into.entry(key).or_insert(Value::Null), inner, path)?,
        Value::Array(items) => {
            let slot = into.entry(key).or_insert(Value::Null);
            if !slot.is_array() {
                *slot = Value::Array(Vec::new());
            }
            let list = slot.as_array_mut().expect("it is a list now");
            let kind = schema::list(path);
            merge_list(list, items, kind, path)?;
            if let Some(order) = patch.get(&format!("{ORDER}{key}")) {
                reorder(list, order, kind);
            }
        }
        scalar => {
            into.insert(key.to_owned(), scalar.clone());
        }
    }
    Ok(())
}

fn merge_list<'p>(
    list: &mut Vec<Value>,
    items: &'p [Value],
    kind: List,
    path: &mut Vec<&'p str>,
) -> Result<(), ApiError> {
    let key = match kind {
        List::Atomic => {
            *list = items.to_vec();
            return Ok(());
        }
        List::Set => {
            for item in items {
                if !list.contains(item) {
                    list.push(item.clone());
                }
            }
            return Ok(());
        }
        List::Keyed(keys) => keys.merge,
    };
    let directive = |item: &Value| item.get("$patch").and_then(Value::as_str).map(str::to_owned);
    if items.iter().any(|item| directive(item).as_deref() == Some("replace")) {
        list.clear();
    }
    for item in items {
        let replaces = directive(item).as_deref() == Some("replace");
        if replaces && item.as_object().is_some_and(|i| i.len() == 1) {
            continue; // it only said that the others replace the list
        }
        let Some(wanted) = item.get(key) else {
            let at = path.join(".");
            return Err(ApiError::bad_request(format!(
                "{item} in {at} does not contain declared merge key: {key}"
            )));
        };
        let found = list.iter().position(|i| i.get(key) == Some(wanted));
        match (directive(item).as_deref(), found) {
            (Some("delete"), found) => {
                found.map(|at| list.remove(at));
            }
            (_, found) => {
                let at = found.unwrap_or_else(|| {
                    list.push(Value::Null);
                    list.len() - 1
                });
                let inner = item.as_object().expect("it has a key, so it is a table");
                table(&mut list[at], inner, path)?;
            }
        }
    }
    Ok(())
}

/// Puts the items into the order that the client sees, keeping those it does not know of behind their neighbours.
fn reorder(list: &mut Vec<Value>, order: &Value, kind: List) {
    let order: Vec<_> = order.as_array().into_iter().flatten().collect();
    let rank = |item: &Value| match kind {
        List::Keyed(keys) => order.iter().position(|o| o.get(keys.merge) == item.get(keys.merge)),
        List::Set | List::Atomic => order.iter().position(|o| *o == item),
    };
    let mut groups: Vec<(Option<usize>, Vec<Value>)> = vec![(None, Vec::new())];
    for item in list.drain(..) {
        match rank(&item) {
            Some(rank) => groups.push((Some(rank), vec![item])),
            None => groups.last_mut().expect("there is a first group").1.push(item),
        }
    }
    groups.sort_by_key(|(rank, _)| *rank);
    list.extend(groups.into_iter().flat_map(|(_, items)| items));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mut object: Value, patch: &Value, expected: &Value) {
        merge(&mut object, patch).unwrap();
        assert_eq!(object, *expected, "{patch}");
    }

    #[test]
    fn containers_are_merged_by_name_and_unnamed_ones_are_refused() {
        let object = json!({ "spec": { "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "1" }] } });
        check(
            object.clone(),
            &json!({ "spec": { "containers": [{ "name": "b", "image": "2" }, { "name": "c", "image": "3" }] } }),
            &json!({ "spec": { "containers": [
                { "name": "a", "image": "1" }, { "name": "b", "image": "2" }, { "name": "c", "image": "3" },
            ] } }),
        );
        let error =
            merge(&mut object.clone(), &json!({ "spec": { "containers": [{ "image": "2" }] } })).unwrap_err();
        assert!(error.message().contains("merge key: name"), "{error}");
    }

    #[test]
    fn directives_delete_replace_retain_and_order() {
        check(
            json!({ "spec": { "containers": [{ "name": "a" }, { "name": "b" }] } }),
            &json!({ "spec": { "containers": [{ "name": "a", "$patch": "delete" }] } }),
            &json!({ "spec": { "containers": [{ "name": "b" }] } }),
        );
        check(
            json!({ "spec": { "containers": [{ "name": "a" }, { "name": "b" }] } }),
            &json!({ "spec": { "containers": [{ "$patch": "replace" }, { "name": "c" }] } }),
            &json!({ "spec": { "containers": [{ "name": "c" }] } }),
        );
        check(
            json!({ "spec": { "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1 } } } }),
            &json!({ "spec": { "strategy": { "$retainKeys": ["type"], "type": "Recreate" } } }),
            &json!({ "spec": { "strategy": { "type": "Recreate" } } }),
        );
        check(
            json!({ "spec": { "containers": [{ "name": "a" }, { "name": "x" }, { "name": "b" }] } }),
            &json!({ "spec": { "$setElementOrder/containers": [{ "name": "b" }, { "name": "a" }] } }),
            &json!({ "spec": { "containers": [{ "name": "b" }, { "name": "a" }, { "name": "x" }] } }),
        );
        check(
            json!({ "metadata": { "finalizers": ["a", "b"] } }),
            &json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"] } }),
            &json!({ "metadata": { "finalizers": ["b", "c"] } }),
        );
    }

    #[test]
    fn null_removes_and_other_lists_are_replaced() {
        check(
            json!({ "data": { "a": "1", "b": "2" }, "spec": { "args": ["x"] } }),
            &json!({ "data": { "a": null }, "spec": { "args": ["y", "z"] } }),
            &json!({ "data": { "b": "2" }, "spec": { "args": ["y", "z"] } }),
        );
    }
}
