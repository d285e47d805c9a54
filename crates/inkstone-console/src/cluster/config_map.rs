//! Reading a configuration file from its ConfigMap, and writing it there, whole or not at all.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Cluster, ClusterError};
use crate::secret::hash;
use crate::store::FileId;

const FIELD_MANAGER: &str = "inkstone-console";
/// Other keys of the ConfigMap may change while we write ours; so often we look again.
const ATTEMPTS: usize = 8;
/// The name part of an annotation has at most 63 characters.
const LONGEST_ANNOTATION: usize = 63;

/// A ConfigMap, and what of one key of it is live.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) resource_version: String,
    pub(crate) content: Option<String>,
    pub(crate) hash: Option<String>,
    annotations: BTreeMap<String, String>,
}

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    pub(crate) content: &'a str,
    pub(crate) release: &'a str,
    /// What the author compared with.
    pub(crate) expected: Option<&'a str>,
}

impl Cluster {
    /// A ConfigMap's text keys; None when there is no such ConfigMap.
    pub(crate) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, ClusterError> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let map = maps.get_opt(name).await;
        let map = map.map_err(|e| self.error(&format!("read ConfigMap {namespace}/{name}"), e))?;
        Ok(map.map(|map| map.data.unwrap_or_default()))
    }

    /// The live state of a file.
    pub(crate) async fn live(&self, file: &FileId) -> Result<Live, ClusterError> {
        let action = format!("read ConfigMap {}/{}", file.namespace, file.config_map);
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &file.namespace);
        let map = maps.get(&file.config_map).await.map_err(|e| self.error(&action, e))?;
        let content = map.data.unwrap_or_default().remove(&file.key);
        Ok(Live {
            resource_version: map.metadata.resource_version.unwrap_or_default(),
            hash: content.as_ref().map(hash),
            content,
            annotations: map.metadata.annotations.unwrap_or_default(),
        })
    }

    /// Writes a file, with the release that did it, in one request that fails when the ConfigMap is not the one
    /// that was looked at. Other keys stay as they are.
    pub(crate) async fn write(&self, file: &FileId, write: Write<'_>) -> Result<(), ClusterError> {
        let action = format!("write {file}");
        for _ in 0..ATTEMPTS {
            let live = self.live(file).await?;
            if live.hash.as_deref() != write.expected {
                let reason = "its content is not the one that was compared with".to_owned();
                return Err(ClusterError::Conflict { action, reason });
            }
            if live
                .annotations
                .get(&annotation("interrupted", &file.key))
                .is_some_and(|id| id == write.release)
            {
                let reason = "another console took it for interrupted and has closed it".to_owned();
                return Err(ClusterError::Conflict { action, reason });
            }
            let patch = json!({
                "metadata": {
                    "resourceVersion": live.resource_version,
                    "annotations": {
                        "inkstone.dev/release": write.release,
                        (annotation("release", &file.key)): write.release,
                        (annotation("hash", &file.key)): hash(write.content),
                    },
                },
                "data": { (file.key.as_str()): write.content },
            });
            match self.patch(file, &action, &patch).await {
                Err(ClusterError::Conflict { .. }) => {}
                done => return done,
            }
        }
        let reason = format!("other keys of the ConfigMap changed {ATTEMPTS} times while writing");
        Err(ClusterError::Conflict { action, reason })
    }

    /// Makes sure that a write of which nobody knows whether it took effect cannot take effect any more: any
    /// change of the ConfigMap makes a late request's `resourceVersion` stale.
    pub(crate) async fn fence(&self, file: &FileId, live: &Live, release: &str) -> Result<(), ClusterError> {
        let patch = json!({
            "metadata": {
                "resourceVersion": live.resource_version,
                "annotations": { (annotation("interrupted", &file.key)): release },
            },
        });
        self.patch(file, &format!("close the interrupted release of {file}"), &patch).await
    }

    async fn patch(
        &self,
        file: &FileId,
        action: &str,
        patch: &serde_json::Value,
    ) -> Result<(), ClusterError> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &file.namespace);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        maps.patch(&file.config_map, &params, &Patch::Merge(patch))
            .await
            .map_err(|e| self.error(action, e))?;
        Ok(())
    }
}

/// Whether a release's write took effect. Its mark says so even when somebody has changed the content since.
pub(crate) fn took_effect(live: &Live, key: &str, release: &str) -> bool {
    live.annotations.get(&annotation("release", key)).is_some_and(|id| id == release)
}

/// `inkstone.dev/hash.catalog.toml`; a long key is cut and told apart by its hash.
fn annotation(what: &str, key: &str) -> String {
    let mut name = format!("{what}.{key}");
    if name.len() > LONGEST_ANNOTATION {
        let digest = &hash(key)[..16];
        name.truncate(LONGEST_ANNOTATION - digest.len() - 1);
        name = format!("{name}.{digest}");
    }
    format!("inkstone.dev/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_fits_however_long_the_key_is() {
        assert_eq!(annotation("hash", "catalog.toml"), "inkstone.dev/hash.catalog.toml");
        let long = |end: &str| annotation("hash", &format!("{}{end}", "k".repeat(200)));
        assert_eq!(long("a").len(), "inkstone.dev/".len() + LONGEST_ANNOTATION);
        assert_ne!(long("a"), long("b"));
    }
}
