//! The volumes of a pod: where each lives, and what its files hold.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Pod, Volume};

use super::atomic::{FileContent, Payload};
use super::fields::{Identity, field};
use super::mounts::below;
use super::sources::{Kind, Sources};

/// Mode of a file when the volume names none, as in Kubernetes.
const DEFAULT_MODE: i32 = 0o644;

/// Where a pod's own volumes live; no container can have this name.
const VOLUMES: &str = "_volumes";

/// What is behind a volume.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Files written by the kubelet, kept up to date.
    Files(Payload),
    /// A directory that belongs to the pods.
    Directory,
}

/// The real directory of a volume: below `host` for a hostPath, below the pod's own directory otherwise.
pub(crate) fn place(volume: &Volume, pod_dir: &Path, host: &Path) -> PathBuf {
    match &volume.host_path {
        Some(source) => below(host, &source.path),
        None => pod_dir.join(VOLUMES).join(&volume.name),
    }
}

/// Whether `volume` is made of files that the kubelet keeps up to date.
pub(crate) fn has_files(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some()
}

/// What `volume` holds now. The error says what is missing.
pub(crate) fn content(
    volume: &Volume,
    pod: &Pod,
    identity: &Identity,
    sources: &dyn Sources,
) -> Result<Content, String> {
    let mut files = Files { pod, identity, sources, payload: Payload::new(), mode: DEFAULT_MODE };
    if let Some(map) = &volume.config_map {
        files.mode = map.default_mode.unwrap_or(DEFAULT_MODE);
        files.object(Kind::ConfigMap, &map.name, map.items.as_deref(), map.optional)?;
    } else if let Some(secret) = &volume.secret {
        files.mode = secret.default_mode.unwrap_or(DEFAULT_MODE);
        let name = secret.secret_name.as_deref().unwrap_or_default();
        files.object(Kind::Secret, name, secret.items.as_deref(), secret.optional)?;
    } else if let Some(downward) = &volume.downward_api {
        files.mode = downward.default_mode.unwrap_or(DEFAULT_MODE);
        files.downward(downward.items.as_deref())?;
    } else if let Some(projected) = &volume.projected {
        files.mode = projected.default_mode.unwrap_or(DEFAULT_MODE);
        for part in projected.sources.iter().flatten() {
            if let Some(map) = &part.config_map {
                files.object(Kind::ConfigMap, &map.name, map.items.as_deref(), map.optional)?;
            } else if let Some(secret) = &part.secret {
                files.object(Kind::Secret, &secret.name, secret.items.as_deref(), secret.optional)?;
            } else if let Some(downward) = &part.downward_api {
                files.downward(downward.items.as_deref())?;
            } else {
                return Err(
                    "a projected volume of the local cluster takes configMap, secret and downwardAPI \
                            sources; for the API, use the file named in KUBECONFIG"
                        .to_owned(),
                );
            }
        }
    } else if volume.empty_dir.is_some() || volume.host_path.is_some() || volume.ephemeral.is_some() {
        return Ok(Content::Directory);
    } else {
        return Err(format!(
            "volume \"{}\" is of a kind that the local cluster has not; it has configMap, secret, projected, \
             downwardAPI, emptyDir and hostPath",
            volume.name
        ));
    }
    Ok(Content::Files(files.payload))
}

struct Files<'a> {
    pod: &'a Pod,
    identity: &'a Identity,
    sources: &'a dyn Sources,
    payload: Payload,
    mode: i32,
}

impl Files<'_> {
    fn object(
        &mut self,
        kind: Kind,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), String> {
        let optional = optional.unwrap_or(false);
        let Some(mut entries) = self.sources.entries(kind, name) else {
            return if optional { Ok(()) } else { Err(format!("{} \"{name}\" not found", kind.name())) };
        };
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            for (key, bytes) in entries {
                self.add(&key, bytes, None)?;
            }
            return Ok(());
        };
        for item in items {
            match entries.remove(&item.key) {
                Some(bytes) => self.add(&item.path, bytes, item.mode)?,
                None if optional => {}
                None => return Err(format!("{} \"{name}\" has no key \"{}\"", kind.name(), item.key)),
            }
        }
        Ok(())
    }

    fn downward(&mut self, items: Option<&[DownwardAPIVolumeFile]>) -> Result<(), String> {
        for item in items.unwrap_or_default() {
            let Some(reference) = &item.field_ref else {
                return Err(format!(
                    "downwardAPI file \"{}\": the local cluster has fieldRef only, it limits no resources",
                    item.path
                ));
            };
            let value = field(self.pod, self.identity, &reference.field_path)?;
            self.add(&item.path, value.into_bytes(), item.mode)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, bytes: Vec<u8>, mode: Option<i32>) -> Result<(), String> {
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part.starts_with("..")) {
            return Err(format!(
                "file path \"{path}\" must be relative, and no part of it may begin with \"..\""
            ));
        }
        let mode = u32::try_from(mode.unwrap_or(self.mode)).unwrap_or(0o644) & 0o777;
        self.payload.insert(path.to_owned(), FileContent { bytes, mode });
        Ok(())
    }
}

/// Volumes of a pod by name.
pub(crate) fn by_name(pod: &Pod) -> BTreeMap<&str, &Volume> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.map(|volume| (volume.name.as_str(), volume)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    struct Fixed;

    impl Sources for Fixed {
        fn entries(&self, kind: Kind, name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
            match (kind, name) {
                (Kind::ConfigMap, "app") => {
                    Some([("a.toml".to_owned(), b"A".to_vec()), ("b.toml".to_owned(), b"B".to_vec())].into())
                }
                (Kind::Secret, "keys") => Some([("token".to_owned(), b"T".to_vec())].into()),
                _ => None,
            }
        }
    }

    fn check(volume: Value) -> Result<Vec<(String, String, u32)>, String> {
        let volume: Volume = serde_json::from_value(volume).unwrap();
        let identity = Identity { node: "n".into(), node_ip: "127.0.0.1".into(), ip: "127.70.0.1".into() };
        let pod = Pod::default();
        match content(&volume, &pod, &identity, &Fixed)? {
            Content::Directory => Ok(Vec::new()),
            Content::Files(files) => Ok(files
                .into_iter()
                .map(|(path, file)| (path, String::from_utf8(file.bytes).unwrap(), file.mode))
                .collect()),
        }
    }

    #[test]
    fn volumes_hold_what_their_sources_hold() {
        let row = |path: &str, text: &str, mode| (path.to_owned(), text.to_owned(), mode);
        let all = check(json!({"name": "v", "configMap": {"name": "app"}})).unwrap();
        assert_eq!(all, [row("a.toml", "A", 0o644), row("b.toml", "B", 0o644)]);
        let some = check(json!({"name": "v", "configMap": {"name": "app", "defaultMode": 0o600,
            "items": [{"key": "b.toml", "path": "conf/x.toml"}]}}));
        assert_eq!(some.unwrap(), [row("conf/x.toml", "B", 0o600)]);
        let projected = check(json!({"name": "v", "projected": {"sources": [
            {"configMap": {"name": "app", "items": [{"key": "a.toml", "path": "a.toml"}]}},
            {"secret": {"name": "keys"}},
            {"downwardAPI": {"items": [{"path": "ip", "fieldRef": {"fieldPath": "status.podIP"}}]}}]}}));
        assert_eq!(
            projected.unwrap(),
            [row("a.toml", "A", 0o644), row("ip", "127.70.0.1", 0o644), row("token", "T", 0o644)]
        );
        assert_eq!(
            check(json!({"name": "v", "secret": {"secretName": "none", "optional": true}})).unwrap(),
            []
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (json!({"name": "v", "configMap": {"name": "none"}}), "configmap \"none\" not found"),
            (
                json!({"name": "v", "configMap": {"name": "app", "items": [{"key": "c", "path": "c"}]}}),
                "configmap \"app\" has no key \"c\"",
            ),
            (
                json!({"name": "v", "nfs": {"server": "s", "path": "/"}}),
                "of a kind that the local cluster has not",
            ),
            (
                json!({"name": "v", "configMap": {"name": "app", "items": [{"key": "a.toml", "path": "../c"}]}}),
                "must be relative",
            ),
        ];
        for (volume, expected) in cases {
            let error = check(volume).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
