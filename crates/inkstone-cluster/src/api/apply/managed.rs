//! `metadata.managedFields`: read, compared, changed and written.

use serde_json::{Value, json};

use super::{
    OWN,
    fields::Fields,
    merge::{Difference, difference},
    same_content,
};
use crate::store::{ApiError, Object, object};

/// Who writes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    pub(crate) subresource: Option<String>,
}

/// Whether fields are owned by applying them or by having written them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

/// Who owns what of one object.
#[derive(Debug, Default)]
pub(super) struct Managed(Vec<Entry>);

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: Manager,
    time: String,
    fields: Fields,
}

/// Notes what a write other than server-side apply changed: those fields become the writer's.
pub(crate) fn track(old: Option<&Object>, new: &mut Object, manager: &Manager) {
    let given = new["metadata"]["managedFields"].as_array().cloned();
    if given
        .as_ref()
        .is_some_and(|list| list.iter().all(|e| e.as_object().is_some_and(serde_json::Map::is_empty)))
    {
        object::metadata_mut(new).shift_remove("managedFields");
        return; // an empty list asks to forget who owns what
    }
    if let (None, Some(old)) = (&given, old) {
        // A writer that leaves the list out does not mean to clear it.
        if let Some(kept) = old["metadata"].get("managedFields").filter(|v| !v.is_null()) {
            object::metadata_mut(new).insert("managedFields".into(), kept.clone());
        }
    }
    let Ok(mut managed) = Managed::of(new) else { return };
    let nothing = json!({});
    let found = difference(&ownable(old.unwrap_or(&nothing)), &ownable(new), &mut Vec::new());
    managed.update(manager, &found);
    managed.write(new);
}

/// The part of an object that can be owned.
fn ownable(object: &Object) -> Object {
    let mut own = object.clone();
    if let Some(table) = own.as_object_mut() {
        table.shift_remove("apiVersion");
        table.shift_remove("kind");
    }
    object::metadata_mut(&mut own).retain(|key, _| !OWN.contains(&key.as_str()));
    own
}

impl Managed {
    pub(super) fn of(object: &Object) -> Result<Self, ApiError> {
        let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        entries.map(Entry::parse).collect::<Option<Vec<_>>>().map(Self).ok_or_else(|| {
            ApiError::bad_request("metadata.managedFields has an entry that is not in the FieldsV1 format")
        })
    }

    pub(super) fn write(&mut self, object: &mut Object) {
        self.0.retain(|e| !e.fields.is_empty());
        self.0.sort_by(|a, b| {
            (a.manager.operation, &a.time, &a.manager.name).cmp(&(
                b.manager.operation,
                &b.time,
                &b.manager.name,
            ))
        });
        let list: Vec<_> = self.0.iter().map(Entry::write).collect();
        if list.is_empty() {
            object::metadata_mut(object).shift_remove("managedFields");
        } else {
            object::metadata_mut(object).insert("managedFields".into(), list.into());
        }
    }

    /// Fields that others own with another value: who, and which. They lose them to `manager` when it insists.
    pub(super) fn conflicts(
        &mut self,
        manager: &Manager,
        set: &Fields,
        live: &Value,
        applied: &Value,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in self.0.iter_mut().filter(|e| e.manager != *manager) {
            let mut paths = Vec::new();
            let lost = disagreement(set, &entry.fields, Some(live), Some(applied), "", &mut paths);
            entry.fields = entry.fields.without(&lost);
            found.extend(paths.into_iter().map(|path| (entry.manager.name.clone(), path)));
        }
        found
    }

    /// Makes `set` what the manager owns; returns what it owned before.
    pub(super) fn swap(&mut self, manager: &Manager, set: &Fields) -> Fields {
        match self.0.iter_mut().find(|e| e.manager == *manager) {
            Some(entry) => std::mem::replace(&mut entry.fields, set.clone()),
            None => {
                let entry = Entry { manager: manager.clone(), time: String::new(), fields: set.clone() };
                self.0.push(entry);
                Fields::default()
            }
        }
    }

    /// What anyone owns.
    pub(super) fn all(&self) -> Fields {
        self.0.iter().fold(Fields::default(), |all, entry| all.with(&entry.fields))
    }

    /// Sets the manager's time, unless nothing has changed.
    pub(super) fn stamp(&mut self, manager: &Manager, before: &Object, after: &Object) {
        let was = Self::of(before).unwrap_or_default();
        let owned = was.0.iter().find(|e| e.manager == *manager).map(|e| e.fields.clone());
        let same = same_content(before, after);
        if let Some(entry) = self.0.iter_mut().find(|e| e.manager == *manager)
            && (!same || owned.as_ref() != Some(&entry.fields))
        {
            entry.time = object::now();
        }
    }

    fn update(&mut self, manager: &Manager, found: &Difference) {
        if found.changed.is_empty() && found.removed.is_empty() {
            return;
        }
        for entry in &mut self.0 {
            entry.fields = entry.fields.without(&found.removed);
            if entry.manager != *manager {
                entry.fields = entry.fields.without(&found.changed);
            }
        }
        let time = object::now();
        match self.0.iter_mut().find(|e| e.manager == *manager) {
            Some(entry) => {
                entry.fields = std::mem::take(&mut entry.fields).with(&found.changed);
                entry.time = time;
            }
            None if found.changed.is_empty() => {}
            None => self.0.push(Entry { manager: manager.clone(), time, fields: found.changed.clone() }),
        }
    }
}

/// The leaves of both sets where the live value is not what is applied.
fn disagreement(
    set: &Fields,
    other: &Fields,
    live: Option<&Value>,
    applied: Option<&Value>,
    path: &str,
    paths: &mut Vec<String>,
) -> Fields {
    let mut lost = Fields::default();
    if set.own && set.below.is_empty() && other.own && live != applied {
        paths.push(path.to_owned());
        lost.own = true;
        lost.below.clone_from(&other.below);
    }
    for (step, inner) in &set.below {
        let Some(theirs) = other.below.get(step) else { continue };
        let (live, applied) = (live.and_then(|v| step.find(v)), applied.and_then(|v| step.find(v)));
        let below = disagreement(inner, theirs, live, applied, &step.describe(path), paths);
        if !below.is_empty() {
            lost.below.insert(step.clone(), below);
        }
    }
    lost
}

impl Entry {
    fn parse(json: &Value) -> Option<Self> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let operation = match json.get("operation")?.as_str()? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        let subresource = Some(text("subresource")).filter(|s| !s.is_empty());
        let manager =
            Manager { name: text("manager"), operation, api_version: text("apiVersion"), subresource };
        Some(Self {
            manager,
            time: text("time"),
            fields: Fields::parse(json.get("fieldsV1").unwrap_or(&json!({})))?,
        })
    }

    fn write(&self) -> Value {
        let manager = &self.manager;
        let mut entry = json!({
            "manager": manager.name,
            "operation": match manager.operation { Operation::Apply => "Apply", Operation::Update => "Update" },
            "apiVersion": manager.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.write(),
        });
        if let Some(subresource) = &manager.subresource {
            entry["subresource"] = subresource.as_str().into();
        }
        entry
    }
}
