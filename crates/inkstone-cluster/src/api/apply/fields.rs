//! Sets of fields, as `metadata.managedFields` writes them (`FieldsV1`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::schema::{self, List};

/// Some of the fields of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Whether the field itself is in the set, besides what is below it.
    pub(super) own: bool,
    pub(super) below: BTreeMap<Step, Self>,
}

/// One step of a path: a field's name, a list item's keys or a set's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Field(String),
    /// The keys as compact JSON.
    Item(String),
    /// The value as compact JSON.
    Value(String),
    Index(usize),
}

impl Fields {
    /// Every field of a value, down to what is owned as one: scalars, atomic lists and tables.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Object(_) => Self { own: false, ..Self::within(value, &mut Vec::new()) },
            _ => Self::default(),
        }
    }

    pub(super) fn within<'v>(value: &'v Value, path: &mut Vec<&'v str>) -> Self {
        let mut below = BTreeMap::new();
        match value {
            Value::Object(table) if !table.is_empty() && !schema::is_atomic_table(path) => {
                for (key, inner) in table {
                    path.push(key);
                    below.insert(Step::Field(key.clone()), Self::within(inner, path));
                    path.pop();
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (step, item) in steps(items, schema::list(path)) {
                    let mut fields = match step {
                        Step::Item(_) => Self::within(item, path),
                        _ => Self::default(),
                    };
                    fields.own = true;
                    below.insert(step, fields);
                }
            }
            _ => {}
        }
        Self { own: below.is_empty(), below }
    }

    pub(super) fn parse(json: &Value) -> Option<Self> {
        let mut fields = Self::default();
        for (key, inner) in json.as_object()? {
            if key == "." {
                fields.own = true;
                continue;
            }
            let mut inner = Self::parse(inner)?;
            inner.own |= inner.below.is_empty();
            fields.below.insert(Step::parse(key)?, inner);
        }
        Some(fields)
    }

    pub(super) fn write(&self) -> Value {
        let mut json = Map::new();
        if self.own && !self.below.is_empty() {
            json.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, inner) in &self.below {
            json.insert(step.write(), inner.write());
        }
        Value::Object(json)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.own && self.below.is_empty()
    }

    pub(super) fn with(mut self, other: &Self) -> Self {
        self.own |= other.own;
        for (step, inner) in &other.below {
            let mine = self.below.remove(step).unwrap_or_default();
            self.below.insert(step.clone(), mine.with(inner));
        }
        self
    }

    /// What is not in the other set.
    pub(super) fn without(&self, other: &Self) -> Self {
        self.less(other, false)
    }

    /// What the other set has no part in: a list item of which it has anything is not taken whole.
    pub(super) fn unclaimed_by(&self, other: &Self) -> Self {
        self.less(other, true)
    }

    fn less(&self, other: &Self, whole: bool) -> Self {
        let mut rest = Self { own: self.own && !other.own, below: BTreeMap::new() };
        for (step, inner) in &self.below {
            let left = match other.below.get(step) {
                None => inner.clone(),
                Some(taken) => {
                    let mut left = inner.less(taken, whole);
                    left.own &= !whole || taken.below.is_empty();
                    left
                }
            };
            if !left.is_empty() {
                rest.below.insert(step.clone(), left);
            }
        }
        rest
    }
}

impl Step {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let canonical = |json: &str| serde_json::from_str::<Value>(json).ok().map(|v| v.to_string());
        Some(match kind {
            "f" => Self::Field(rest.to_owned()),
            "k" => Self::Item(canonical(rest)?),
            "v" => Self::Value(canonical(rest)?),
            "i" => Self::Index(rest.parse().ok()?),
            _ => return None,
        })
    }

    fn write(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Item(keys) => format!("k:{keys}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(at) => format!("i:{at}"),
        }
    }

    /// What a conflict calls it, after what leads there.
    pub(super) fn describe(&self, path: &str) -> String {
        match self {
            Self::Field(name) => format!("{path}.{name}"),
            Self::Item(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let each: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{path}[{}]", each.join(","))
            }
            Self::Value(value) => format!("{path}[={value}]"),
            Self::Index(at) => format!("{path}[{at}]"),
        }
    }

    /// Where the step leads in a list or table.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Field(name) => value.get(name),
            Self::Index(at) => value.get(at),
            _ => value.as_array()?.iter().find(|item| self.is(item)),
        }
    }

    /// Whether the step leads to this list item.
    pub(super) fn is(&self, item: &Value) -> bool {
        match self {
            Self::Item(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                // A key that the item leaves out has its default: TCP is the only one there is.
                keys.iter().all(|(key, value)| item.get(key).map_or(value == "TCP", |found| found == value))
            }
            Self::Value(value) => serde_json::from_str::<Value>(value).is_ok_and(|v| v == *item),
            Self::Field(_) | Self::Index(_) => false,
        }
    }
}

/// The items of a list that is merged, each with the step that leads to it. An atomic list has none.
pub(super) fn steps(items: &[Value], kind: List) -> Vec<(Step, &Value)> {
    let step = |item: &Value| match kind {
        List::Atomic => None,
        List::Set => Some(Step::Value(item.to_string())),
        List::Keyed(keys) => keys.of(item).map(Step::Item),
    };
    items.iter().filter_map(|item| Some((step(item)?, item))).collect()
}
