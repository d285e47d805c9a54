//! Kubernetes manifests: read from a folder, applied through the API.

use std::fs;
use std::path::{Path, PathBuf};

use anstream::println;
use inkstone::Result;
use inkstone::config::{Code, Fault};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};
use serde_json::Value;

use super::fault;

/// One object of a file.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) object: Value,
    file: PathBuf,
}

impl Manifest {
    pub(crate) fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.object["metadata"]["namespace"].as_str().unwrap_or("default")
    }

    /// The cluster could not be asked for the manifest's kind, or it has none of that name.
    fn unknown(&self, error: &kube::Error) -> Fault {
        let (kind, version) = (self.kind(), self.object["apiVersion"].as_str().unwrap_or_default());
        let missing = match error {
            kube::Error::Api(status) => status.code == 404,
            kube::Error::Discovery(_) => true,
            _ => false,
        };
        let fault = |message: String| fault(Code::BuildFailed, message, self.file.display());
        if !missing {
            return fault(format!("{kind} {} cannot be applied: {}", self.name(), said(error)));
        }
        fault(format!(
            "{kind} {} cannot be applied: the cluster has no kind {kind} in {version:?}",
            self.name()
        ))
        .hint("`kubectl api-resources` lists the kinds; the local cluster has those that services need")
    }

    fn version(&self) -> GroupVersionKind {
        let version = self.object["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        GroupVersionKind::gvk(group, version, self.kind())
    }
}

/// Reads every `*.yaml` of `folder/kubernetes`, or of the folder itself, in the order of their names.
pub(crate) fn read(folder: &Path) -> Result<Vec<Manifest>, Fault> {
    let inner = folder.join("kubernetes");
    let folder = if inner.is_dir() { inner } else { folder.to_owned() };
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        fault(Code::UnreadableFile, format_args!("manifests cannot be read: {error}"), path.display())
    };
    let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_yaml(path)).collect();
    files.sort();
    let mut manifests = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(&text).map_err(|error| unreadable(&file, &error))?;
        for object in objects.into_iter().filter(|object| !object.is_null()) {
            let manifest = Manifest { object, file: file.clone() };
            if manifest.kind().is_empty() || manifest.name().is_empty() {
                return Err(unreadable(&file, &"an object has no `kind` or no `metadata.name`"));
            }
            manifests.push(manifest);
        }
    }
    if manifests.is_empty() {
        return Err(unreadable(&folder, &"there is no *.yaml with an object in it")
            .hint("name a folder with manifests in `kubernetes/*.yaml`"));
    }
    Ok(manifests)
}

fn is_yaml(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Applies every manifest, server-side. What somebody else has changed meanwhile, such as a configuration that the
/// console published, is theirs and stays.
pub(crate) async fn apply(client: &Client, manifests: &[Manifest]) -> Result {
    for manifest in manifests {
        let what = format!("{} {}/{}", manifest.kind(), manifest.namespace(), manifest.name());
        let failed = |error: &kube::Error| {
            fault(
                Code::BuildFailed,
                format_args!("{what} cannot be applied: {}", said(error)),
                manifest.file.display(),
            )
        };
        let (resource, capabilities) =
            pinned_kind(client, &manifest.version()).await.map_err(|error| manifest.unknown(&error))?;
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(client.clone(), &resource),
            Scope::Namespaced => Api::namespaced_with(client.clone(), manifest.namespace(), &resource),
        };
        let applied = api
            .patch(manifest.name(), &PatchParams::apply("inkstone-dev"), &Patch::Apply(&manifest.object))
            .await;
        match applied {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => {
                println!("kept       {what}: changed since by somebody else ({})", status.message);
            }
            Err(error) => return Err(failed(&error).into()),
        }
    }
    Ok(())
}

/// What the API said of itself; the error's own text repeats all of it in Rust's words.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}
