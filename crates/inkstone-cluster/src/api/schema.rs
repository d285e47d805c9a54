//! How the lists and tables of the built-in kinds are merged: whole, as sets, or item by item.

use serde_json::Value;

/// How a list is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// As one value.
    Atomic,
    /// As a set of values.
    Set,
    /// Item by item.
    Keyed(Keys),
}

/// What tells the items of a list apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// For strategic merge patches: one field.
    pub(super) merge: &'static str,
    /// For server-side apply: all these fields, with what a missing one stands for.
    pub(super) apply: &'static [(&'static str, Option<&'static str>)],
}

impl Keys {
    /// The values of the keys, as field sets write them: `{"name":"a"}`. None when one is missing.
    pub(super) fn of(self, item: &Value) -> Option<String> {
        let mut named = serde_json::Map::new();
        for (key, default) in self.apply {
            let value =
                item.get(key).filter(|v| !v.is_null()).cloned().or_else(|| default.map(Value::from))?;
            named.insert((*key).to_owned(), value);
        }
        Some(Value::Object(named).to_string())
    }
}

/// How the list at `path` (names of fields only) is merged.
pub(super) fn list(path: &[&str]) -> List {
    let (Some(last), parent) = (path.last(), path.iter().rev().nth(1).copied().unwrap_or_default()) else {
        return List::Atomic;
    };
    match (*last, parent) {
        ("containers" | "initContainers" | "ephemeralContainers" | "volumes", "spec") => keyed("name", NAME),
        ("env", _) => keyed("name", NAME),
        ("volumeMounts", _) => keyed("mountPath", &[("mountPath", None)]),
        ("volumeDevices", _) => keyed("devicePath", &[("devicePath", None)]),
        ("imagePullSecrets" | "schedulingGates" | "resourceClaims", "spec") => keyed("name", NAME),
        ("hostAliases", "spec") => keyed("ip", IP),
        ("podIPs" | "hostIPs", "status") => keyed("ip", IP),
        ("topologySpreadConstraints", "spec") => {
            keyed("topologyKey", &[("topologyKey", None), ("whenUnsatisfiable", None)])
        }
        ("ports", "containers" | "initContainers") => {
            keyed("containerPort", &[("containerPort", None), ("protocol", Some("TCP"))])
        }
        ("ports", "spec") => keyed("port", &[("port", None), ("protocol", Some("TCP"))]),
        ("conditions" | "addresses", "status") => keyed("type", &[("type", None)]),
        ("ownerReferences", "metadata") => keyed("uid", &[("uid", None)]),
        ("secrets", _) if path.len() == 1 => keyed("name", NAME),
        ("finalizers", "metadata") => List::Set,
        _ => List::Atomic,
    }
}

/// Whether the table at `path` is owned as one value in server-side apply.
pub(super) fn is_atomic_table(path: &[&str]) -> bool {
    matches!(
        path.last(),
        Some(
            &("selector"
                | "labelSelector"
                | "nodeSelector"
                | "fieldRef"
                | "resourceFieldRef"
                | "configMapKeyRef"
                | "secretKeyRef"
                | "involvedObject"
                | "targetRef")
        )
    )
}

const NAME: &[(&str, Option<&str>)] = &[("name", None)];
const IP: &[(&str, Option<&str>)] = &[("ip", None)];

fn keyed(merge: &'static str, apply: &'static [(&'static str, Option<&'static str>)]) -> List {
    List::Keyed(Keys { merge, apply })
}
