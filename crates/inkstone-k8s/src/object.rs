//! What the address of a configuration source names: one key of a ConfigMap or Secret, or all of them.

use std::collections::BTreeMap;
use std::fmt;

use inkstone_config::{Fault, RemoteAddress, RemoteDocument, Trouble};

const EXPECTED: &str = "write `k8s://namespace/name/key` for a ConfigMap and `k8s://namespace/secret/name/key` for a \
    Secret; a slash in place of the key means all of them, no namespace means the pod's own";

/// The endings of keys that are read when no key is named.
const ENDINGS: &[&str] = &[".toml", ".yaml", ".yml", ".json"];

/// An object, and which of its keys is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// `None`: every key that is a document.
    key: Option<String>,
    /// The address, which documents are named after.
    shown: String,
    /// The address says which format every key has.
    any_ending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    /// As a Role names it.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        })
    }
}

impl Object {
    pub(crate) fn of(address: &RemoteAddress) -> Result<Self, Fault> {
        let malformed = |message: String| address.malformed(message).hint(EXPECTED);
        let path: Vec<_> = address.path().trim_start_matches('/').split('/').collect();
        let (kind, name, key) = match path[..] {
            ["configmap", name, key] => (Kind::ConfigMap, name, key),
            ["secret", name, key] => (Kind::Secret, name, key),
            [name, key] => (Kind::ConfigMap, name, key),
            _ => return Err(malformed("it does not name an object and a key".to_owned())),
        };
        for (what, text) in [("namespace", address.authority()), ("object", name)] {
            let optional = what == "namespace" && text.is_empty();
            if !optional && !is_name(text) {
                return Err(malformed(format!("`{text}` is not the name of a {kind}'s {what}")));
            }
        }
        if !key.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
            return Err(malformed(format!("`{key}` is not a key that a {kind} may have")));
        }
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(Self {
            kind,
            namespace: given(address.authority()),
            name: name.to_owned(),
            key: given(key),
            shown: address.to_string(),
            any_ending: address.parameter("format").is_some(),
        })
    }

    /// The documents among the keys of the object, in the order of their names.
    pub(crate) fn documents(
        &self,
        mut keys: BTreeMap<String, Vec<u8>>,
        namespace: &str,
    ) -> Result<Vec<RemoteDocument>, Trouble> {
        let Self { kind, name, .. } = self;
        let has = match keys.is_empty() {
            true => "no key at all".to_owned(),
            false => format!("`{}`", keys.keys().cloned().collect::<Vec<_>>().join("`, `")),
        };
        let document = |shown: String, bytes: Vec<u8>| match kind {
            Kind::ConfigMap => RemoteDocument::new(shown, bytes),
            Kind::Secret => RemoteDocument::new(shown, bytes).sealed(),
        };
        let Some(key) = &self.key else {
            keys.retain(|key, _| self.any_ending || ENDINGS.iter().any(|ending| key.ends_with(ending)));
            if keys.is_empty() {
                let message = format!(
                    "no key of {kind} {namespace}/{name} ends in {}; it has {has}",
                    ENDINGS.join(", ")
                );
                return Err(
                    Trouble::new(message).hint("name the key in the address, with `?format=toml` behind it")
                );
            }
            return Ok(keys
                .into_iter()
                .map(|(key, bytes)| document(format!("{}{key}", self.shown), bytes))
                .collect());
        };
        match keys.remove(key) {
            Some(bytes) => Ok(vec![document(self.shown.clone(), bytes)]),
            None => Err(Trouble::new(format!("{kind} {namespace}/{name} has no key `{key}`; it has {has}"))
                .hint("add the key, or correct the address")),
        }
    }
}

/// What Kubernetes calls a DNS subdomain name.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Result<Object, Fault> {
        Object::of(&RemoteAddress::parse(text).unwrap())
    }

    #[test]
    fn an_address_names_kind_namespace_object_and_key() {
        let check = |text: &str, kind, namespace: Option<&str>, name: &str, key: Option<&str>| {
            let found = object(text).unwrap();
            let parts = (found.kind, found.namespace.as_deref(), &*found.name, found.key.as_deref());
            assert_eq!(parts, (kind, namespace, name, key), "{text}");
        };
        check("k8s://shop/catalog/a.toml", Kind::ConfigMap, Some("shop"), "catalog", Some("a.toml"));
        check("k8s:///catalog/a.toml", Kind::ConfigMap, None, "catalog", Some("a.toml"));
        check(
            "k8s://shop/configmap/catalog/a.toml",
            Kind::ConfigMap,
            Some("shop"),
            "catalog",
            Some("a.toml"),
        );
        check("k8s://shop/secret/catalog/a.toml", Kind::Secret, Some("shop"), "catalog", Some("a.toml"));
        check("k8s://shop/catalog/", Kind::ConfigMap, Some("shop"), "catalog", None);
        check("k8s://shop/secret/catalog/", Kind::Secret, Some("shop"), "catalog", None);
    }

    #[test]
    fn what_names_no_object_says_how_to_write_it() {
        for text in [
            "k8s://shop",
            "k8s://shop/catalog",
            "k8s://shop/pod/a/b",
            "k8s://Shop/a/b",
            "k8s://s/a/b c",
            "k8s://s//k",
        ] {
            let fault = object(text).unwrap_err();
            assert!(
                fault.hint.as_deref().is_some_and(|hint| hint.contains("k8s://namespace/name/key")),
                "{text}: {fault}"
            );
        }
    }

    #[test]
    fn a_whole_object_has_the_documents_among_its_keys_in_order() {
        let keys =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), b"a = 1".to_vec())).collect();
        let whole = object("k8s://shop/catalog/").unwrap();
        let documents = whole.documents(keys(&["b.toml", "nginx.conf", "a.yaml"]), "shop").unwrap();
        let expected = ["k8s://shop/catalog/a.yaml", "k8s://shop/catalog/b.toml"];
        assert_eq!(documents, expected.map(|name| RemoteDocument::new(name, "a = 1")));
        assert!(whole.documents(keys(&["nginx.conf"]), "shop").is_err());
    }
}
