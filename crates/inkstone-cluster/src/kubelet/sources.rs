//! The ConfigMaps and Secrets that a pod names.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};

use crate::store::{self, Object, Store};

/// The two kinds of object that pods read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    /// As messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }
}

/// Where the contents come from.
pub(crate) trait Sources {
    /// The entries of one object; `None` when there is no such object.
    fn entries(&self, kind: Kind, name: &str) -> Option<BTreeMap<String, Vec<u8>>>;
}

/// The sources of one namespace in the store. A changed object is taken as the change showed it, so that each of
/// several quick updates reaches the volume with its own content.
#[derive(Debug)]
pub(crate) struct StoreSources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) namespace: &'a str,
    pub(crate) changed: Option<(Kind, &'a Object)>,
}

impl Sources for StoreSources<'_> {
    fn entries(&self, kind: Kind, name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        match self.changed {
            Some((changed, object)) if changed == kind && object["metadata"]["name"] == name => {
                entries(kind, object)
            }
            _ => {
                let resource = match kind {
                    Kind::ConfigMap => store::CONFIGMAPS,
                    Kind::Secret => store::SECRETS,
                };
                let object: Arc<Object> = self.store.get(resource, self.namespace, name).ok()?;
                entries(kind, &object)
            }
        }
    }
}

fn entries(kind: Kind, object: &Object) -> Option<BTreeMap<String, Vec<u8>>> {
    match kind {
        Kind::ConfigMap => {
            let map: ConfigMap = serde_json::from_value(object.clone()).ok()?;
            let text = map.data.into_iter().flatten().map(|(key, text)| (key, text.into_bytes()));
            Some(
                text.chain(map.binary_data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0)))
                    .collect(),
            )
        }
        Kind::Secret => {
            let secret: Secret = serde_json::from_value(object.clone()).ok()?;
            Some(secret.data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0)).collect())
        }
    }
}

/// Every ConfigMap and Secret that `pod` reads, in volumes or in the environment.
pub(crate) fn read_by(pod: &Pod) -> BTreeSet<(Kind, String)> {
    let Some(spec) = &pod.spec else { return BTreeSet::new() };
    let mut names = BTreeSet::new();
    let mut add = |kind, name: Option<&String>| {
        if let Some(name) = name {
            names.insert((kind, name.clone()));
        }
    };
    for volume in spec.volumes.iter().flatten() {
        add(Kind::ConfigMap, volume.config_map.as_ref().map(|map| &map.name));
        add(Kind::Secret, volume.secret.as_ref().and_then(|secret| secret.secret_name.as_ref()));
        for part in volume.projected.iter().flat_map(|all| all.sources.iter().flatten()) {
            add(Kind::ConfigMap, part.config_map.as_ref().map(|map| &map.name));
            add(Kind::Secret, part.secret.as_ref().map(|secret| &secret.name));
        }
    }
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        for from in container.env_from.iter().flatten() {
            add(Kind::ConfigMap, from.config_map_ref.as_ref().map(|map| &map.name));
            add(Kind::Secret, from.secret_ref.as_ref().map(|secret| &secret.name));
        }
        for from in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            add(Kind::ConfigMap, from.config_map_key_ref.as_ref().map(|map| &map.name));
            add(Kind::Secret, from.secret_key_ref.as_ref().map(|secret| &secret.name));
        }
    }
    names
}
