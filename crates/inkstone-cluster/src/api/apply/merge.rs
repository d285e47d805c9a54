//! Laying an applied configuration over an object, taking fields away, and seeing what a write changed.

use serde_json::{Map, Value};

use super::{
    super::schema::{self, List},
    fields::{Fields, Step, steps},
};

/// Lays `top` over `base`: tables and keyed lists are merged, everything else is replaced.
pub(super) fn lay_over(base: &mut Value, top: Value, path: &mut Vec<String>) {
    let names: Vec<_> = path.iter().map(String::as_str).collect();
    match (base, top) {
        (Value::Object(base), Value::Object(top)) if !schema::is_atomic_table(&names) => {
            for (key, value) in top {
                path.push(key.clone());
                match base.get_mut(&key) {
                    Some(slot) => lay_over(slot, value, path),
                    None => {
                        base.insert(key, value);
                    }
                }
                path.pop();
            }
        }
        (Value::Array(base), Value::Array(top)) => match schema::list(&names) {
            List::Atomic => *base = top,
            List::Set => {
                for item in top {
                    if !base.contains(&item) {
                        base.push(item);
                    }
                }
            }
            List::Keyed(keys) => {
                for item in top {
                    let found =
                        keys.of(&item).and_then(|k| base.iter_mut().find(|b| Step::Item(k.clone()).is(b)));
                    match found {
                        Some(slot) => lay_over(slot, item, path),
                        None => base.push(item),
                    }
                }
            }
        },
        (base, top) => *base = top,
    }
}

/// Takes the fields away; a table that is empty after that goes too.
pub(super) fn remove(value: &mut Value, gone: &Fields) {
    for (step, inner) in &gone.below {
        match (step, &mut *value) {
            (Step::Field(name), Value::Object(table)) => {
                if inner.below.is_empty() {
                    table.shift_remove(name);
                } else if let Some(slot) = table.get_mut(name) {
                    remove(slot, inner);
                    let empty =
                        slot.as_object().is_some_and(Map::is_empty) || *slot == Value::Array(Vec::new());
                    if empty {
                        table.shift_remove(name);
                    }
                }
            }
            (Step::Item(_) | Step::Value(_), Value::Array(items)) => {
                let Some(at) = items.iter().position(|item| step.is(item)) else { continue };
                if inner.own {
                    items.remove(at);
                } else {
                    remove(&mut items[at], inner);
                }
            }
            _ => {}
        }
    }
}

/// What a write did to the fields of an object.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// New, or with another value.
    pub(super) changed: Fields,
    pub(super) removed: Fields,
}

pub(super) fn difference<'v>(old: &'v Value, new: &'v Value, path: &mut Vec<&'v str>) -> Difference {
    let mut found = Difference::default();
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if !schema::is_atomic_table(path) => {
            for (key, inner) in new {
                path.push(key);
                let step = Step::Field(key.clone());
                match old.get(key) {
                    Some(before) => found.add(step, difference(before, inner, path)),
                    None => found.add(
                        step,
                        Difference { changed: Fields::within(inner, path), ..Difference::default() },
                    ),
                }
                path.pop();
            }
            for (key, inner) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
                path.push(key);
                let removed = Fields::within(inner, path);
                found.add(Step::Field(key.clone()), Difference { removed, ..Difference::default() });
                path.pop();
            }
        }
        (Value::Array(old), Value::Array(new)) if schema::list(path) != List::Atomic => {
            let kind = schema::list(path);
            let (before, after) = (steps(old, kind), steps(new, kind));
            for (step, item) in &after {
                match before.iter().find(|(s, _)| s == step) {
                    Some((_, was)) => found.add(step.clone(), difference(was, item, path)),
                    None => {
                        let changed = Fields { own: true, ..Fields::within(item, path) };
                        found.add(step.clone(), Difference { changed, ..Difference::default() });
                    }
                }
            }
            for (step, item) in before.iter().filter(|(s, _)| !after.iter().any(|(t, _)| s == t)) {
                let removed = Fields { own: true, ..Fields::within(item, path) };
                found.add(step.clone(), Difference { removed, ..Difference::default() });
            }
        }
        (old, new) if old == new => {}
        (old, new) => {
            found.removed = Fields::within(old, path).without(&Fields::within(new, path));
            found.changed = Fields::within(new, path);
        }
    }
    found
}

impl Difference {
    fn add(&mut self, step: Step, inner: Self) {
        if !inner.changed.is_empty() {
            self.changed.below.insert(step.clone(), inner.changed);
        }
        if !inner.removed.is_empty() {
            self.removed.below.insert(step, inner.removed);
        }
    }
}
