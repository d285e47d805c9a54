//! Applications, their pods, and what each pod made of its configuration.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files::release_of;
use crate::body::{Json, Path};
use crate::cluster::{ClusterError, FileState, Governor, PodView, Workload};
use crate::concurrent::all;
use crate::console::Console;
use crate::governor::{self, BuildInfo, Verdict};
use crate::problem::Problem;
use crate::secret::hash;
use crate::store::FileId;

/// The applications, by namespace and name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Applications {
    items: Vec<ApplicationSummary>,
}

/// An application in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplicationSummary {
    namespace: String,
    name: String,
    pods: PodCount,
    /// Which versions run.
    versions: Vec<String>,
    /// The worst of what its pods made of its files.
    config: FileState,
    updated_at: Option<String>,
}

/// How many pods.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PodCount {
    ready: usize,
    total: usize,
}

/// An application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplicationDetail {
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    /// How many pods there should be.
    replicas: i32,
    versions: Vec<String>,
    config: FileState,
    updated_at: Option<String>,
    pods: Vec<Pod>,
    files: Vec<File>,
}

/// A pod.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Pod {
    uid: String,
    name: String,
    ip: Option<String>,
    node: Option<String>,
    phase: String,
    ready: bool,
    terminating: bool,
    restarts: i32,
    started_at: Option<String>,
    build: Option<BuildInfo>,
    /// `ok`, `none`, or `unreachable: ` and why.
    governor: String,
    /// Keys that have changed and count only after a restart.
    pending_restart: Vec<String>,
    config: Vec<PodFile>,
}

/// What a pod made of a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PodFile {
    configmap: String,
    key: String,
    state: FileState,
    /// Why nothing is known.
    reason: Option<String>,
    written_hash: String,
    loaded_hash: Option<String>,
    loaded_at: Option<String>,
    problems: Vec<governor::Problem>,
}

/// A configuration file of an application.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct File {
    configmap: String,
    key: String,
    hash: String,
    /// The release that wrote it; null when something else did.
    release: Option<String>,
    /// `toml`, `yaml`, `json` or `text`.
    content_type: &'static str,
    #[serde(skip)]
    #[schema(ignore)]
    name: String,
}

/// Which application.
#[derive(Debug, Deserialize)]
pub(crate) struct ApplicationPath {
    namespace: String,
    application: String,
}

pub(crate) async fn list(State(console): State<Console>) -> Result<Json<Applications>, Problem> {
    let workloads = console.cluster.applications().await?;
    let looked = workloads.iter().map(|workload| summary(&console, workload)).collect();
    let items = all(looked).await.into_iter().collect::<Result<_, _>>()?;
    Ok(Json(Applications { items }))
}

async fn summary(console: &Console, workload: &Workload) -> Result<ApplicationSummary, ClusterError> {
    let files = files(console, workload).await?;
    let pods = pods(console, workload, &files).await;
    let current: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating).collect();
    Ok(ApplicationSummary {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        pods: PodCount { ready: current.iter().filter(|pod| pod.ready).count(), total: current.len() },
        versions: versions(&pods),
        config: worst(&files, &pods),
        updated_at: workload.updated_at.clone(),
    })
}

pub(crate) async fn show(
    State(console): State<Console>,
    Path(path): Path<ApplicationPath>,
) -> Result<Json<ApplicationDetail>, Problem> {
    let workload = console.cluster.application(&path.namespace, &path.application).await?;
    let mut files = files(&console, &workload).await?;
    for file in &mut files {
        let id = FileId {
            cluster: console.cluster.name().to_owned(),
            namespace: workload.namespace.clone(),
            config_map: file.configmap.clone(),
            key: file.key.clone(),
        };
        file.release = release_of(&console.store.releases(&id, 20).await?, &file.hash);
    }
    let pods = pods(&console, &workload, &files).await;
    Ok(Json(ApplicationDetail {
        versions: versions(&pods),
        config: worst(&files, &pods),
        namespace: workload.namespace,
        name: workload.name,
        labels: workload.labels,
        replicas: workload.replicas,
        updated_at: workload.updated_at,
        pods,
        files,
    }))
}

/// The files that the application's pods see, as the ConfigMaps have them now.
async fn files(console: &Console, workload: &Workload) -> Result<Vec<File>, ClusterError> {
    let mut files = Vec::new();
    let maps: BTreeSet<&str> = workload.mounts.iter().map(|mount| mount.config_map.as_str()).collect();
    for map in maps {
        let keys = console.cluster.config_map(&workload.namespace, map).await?.unwrap_or_default();
        for (key, content) in keys {
            let Some(name) = workload.file_name(map, &key) else { continue };
            files.push(File {
                configmap: map.to_owned(),
                hash: hash(content),
                release: None,
                content_type: content_type(&key),
                key,
                name,
            });
        }
    }
    Ok(files)
}

async fn pods(console: &Console, workload: &Workload, files: &[File]) -> Vec<Pod> {
    all(workload.pods.iter().map(|pod| look(console, pod, files)).collect()).await
}

async fn look(console: &Console, pod: &PodView, files: &[File]) -> Pod {
    let (build, report) = futures::join!(console.governors.build(pod), console.governors.config(pod));
    let config = files.iter().map(|file| {
        let verdict = match &report {
            Ok(report) => report.verdict(&file.name, &file.hash),
            Err(why) => Verdict::unknown(why.clone()),
        };
        PodFile {
            configmap: file.configmap.clone(),
            key: file.key.clone(),
            state: verdict.state,
            reason: verdict.reason,
            written_hash: file.hash.clone(),
            loaded_hash: verdict.loaded_hash,
            loaded_at: verdict.loaded_at,
            problems: verdict.problems,
        }
    });
    let governor = match (&pod.governor, &report) {
        (Governor::None, _) => "none".to_owned(),
        (_, Ok(_)) => "ok".to_owned(),
        (_, Err(why)) => format!("unreachable: {why}"),
    };
    Pod {
        uid: pod.uid.clone(),
        name: pod.name.clone(),
        ip: pod.ip.clone(),
        node: pod.node.clone(),
        phase: pod.phase.clone(),
        ready: pod.ready,
        terminating: pod.terminating,
        restarts: pod.restarts,
        started_at: pod.started_at.clone(),
        build: build.ok(),
        governor,
        config: config.collect(),
        pending_restart: report.map(|report| report.pending_restart).unwrap_or_default(),
    }
}

fn versions(pods: &[Pod]) -> Vec<String> {
    let found: BTreeSet<&str> =
        pods.iter().filter_map(|pod| Some(pod.build.as_ref()?.version.as_str())).collect();
    found.into_iter().map(str::to_owned).collect()
}

/// A refusal outweighs a wait, a wait outweighs not knowing.
fn worst(files: &[File], pods: &[Pod]) -> FileState {
    let current = pods.iter().filter(|pod| !pod.terminating);
    let states: Vec<FileState> = current.flat_map(|pod| pod.config.iter().map(|file| file.state)).collect();
    let has = |state| states.contains(&state);
    if files.is_empty() {
        FileState::None
    } else if has(FileState::Refused) {
        FileState::Refused
    } else if has(FileState::Written) {
        FileState::Written
    } else if states.is_empty() || has(FileState::Unknown) {
        FileState::Unknown
    } else {
        FileState::Loaded
    }
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, extension)| extension) {
        Some("toml") => "toml",
        Some("yaml" | "yml") => "yaml",
        Some("json") => "json",
        _ => "text",
    }
}
