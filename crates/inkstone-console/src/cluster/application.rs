//! Applications: Deployments that carry the label `app.kubernetes.io/name`, with their pods and files.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, KeyToPath, Pod, Volume};
use kube::api::ListParams;
use kube::core::{Selector, SelectorExt as _};
use kube::{Api, ResourceExt as _};

use super::{Cluster, ClusterError};
use crate::time;

const NAME_LABEL: &str = "app.kubernetes.io/name";

/// The Deployments of one name in one namespace: what people call an application.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) replicas: i32,
    pub(crate) updated_at: Option<String>,
    pub(crate) pods: Vec<PodView>,
    pub(crate) mounts: Vec<FileMount>,
    selectors: Vec<Selector>,
}

/// A pod, as far as the console cares.
#[derive(Debug, Clone)]
pub(crate) struct PodView {
    pub(crate) uid: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) ip: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) phase: String,
    pub(crate) ready: bool,
    pub(crate) terminating: bool,
    pub(crate) restarts: i32,
    pub(crate) started_at: Option<String>,
    pub(crate) governor: Governor,
}

/// Where a pod's governor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Governor {
    /// No container port is named `governor`.
    None,
    /// The pod has no address yet.
    NotYet,
    At(SocketAddr),
}

/// A ConfigMap that the pods see as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileMount {
    pub(crate) config_map: String,
    /// Which keys, under which file names; None for all, under their own.
    items: Option<BTreeMap<String, String>>,
}

impl FileMount {
    /// The name under which the pods see a key; None when they do not see it.
    pub(crate) fn file_name(&self, key: &str) -> Option<String> {
        match &self.items {
            None => Some(key.to_owned()),
            Some(items) => items.get(key).map(|path| base_name(path).to_owned()),
        }
    }
}

/// The last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Cluster {
    /// All applications with their pods.
    pub(crate) async fn applications(&self) -> Result<Vec<Workload>, ClusterError> {
        let deployments = Api::<Deployment>::all(self.client.clone());
        let pods = Api::<Pod>::all(self.client.clone());
        let labelled = ListParams::default().labels(NAME_LABEL);
        let everything = ListParams::default();
        let (deployments, pods) = futures::join!(deployments.list(&labelled), pods.list(&everything));
        let deployments = deployments.map_err(|e| self.error("list the deployments", e))?;
        let pods = pods.map_err(|e| self.error("list the pods", e))?;
        Ok(join(deployments.items, &pods.items))
    }

    /// One application with its pods.
    pub(crate) async fn application(&self, namespace: &str, name: &str) -> Result<Workload, ClusterError> {
        let action = format!("read application {namespace}/{name}");
        if !is_namespace(namespace) {
            // It becomes a part of the request's path, where `/` and `..` have a meaning.
            let reason = format!("{namespace:?} cannot be the name of a namespace");
            return Err(ClusterError::Missing { action, reason });
        }
        let deployments = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        let pods = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let labelled = ListParams::default().labels(NAME_LABEL);
        let everything = ListParams::default();
        let (deployments, pods) = futures::join!(deployments.list(&labelled), pods.list(&everything));
        let deployments = deployments.map_err(|e| self.error(&action, e))?;
        let pods = pods.map_err(|e| self.error(&action, e))?;
        join(deployments.items, &pods.items)
            .into_iter()
            .find(|app| app.namespace == namespace && app.name == name)
            .ok_or_else(|| {
                let reason =
                    format!("namespace {namespace} has no Deployment with the label {NAME_LABEL}={name}");
                ClusterError::Missing { action, reason }
            })
    }
}

/// Whether a namespace may be called so: a label of DNS.
fn is_namespace(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(inside)
}

fn join(deployments: Vec<Deployment>, pods: &[Pod]) -> Vec<Workload> {
    let mut found: BTreeMap<(String, String), Workload> = BTreeMap::new();
    for deployment in deployments {
        let Some(name) = deployment.labels().get(NAME_LABEL).cloned() else { continue };
        let namespace = deployment.namespace().unwrap_or_default();
        let part = workload(&namespace, &name, deployment);
        match found.get_mut(&(namespace.clone(), name.clone())) {
            Some(whole) => whole.merge(part),
            None => _ = found.insert((namespace, name), part),
        }
    }
    let mut workloads: Vec<_> = found.into_values().collect();
    for workload in &mut workloads {
        let mine = pods.iter().filter(|pod| workload.owns(pod));
        workload.pods = mine.map(pod_view).collect();
        workload.pods.sort_by(|a, b| a.name.cmp(&b.name));
    }
    workloads
}

impl Workload {
    fn merge(&mut self, other: Self) {
        self.replicas += other.replicas;
        self.selectors.extend(other.selectors);
        self.updated_at = self.updated_at.take().max(other.updated_at);
        for mount in other.mounts {
            if !self.mounts.contains(&mount) {
                self.mounts.push(mount);
            }
        }
    }

    fn owns(&self, pod: &Pod) -> bool {
        pod.namespace().as_deref() == Some(&self.namespace)
            && self.selectors.iter().any(|selector| selector.matches(pod.labels()))
    }

    /// The pods whose word counts: those that are not on their way out or done.
    pub(crate) fn current_pods(&self) -> impl Iterator<Item = &PodView> {
        let over = |pod: &PodView| pod.terminating || matches!(pod.phase.as_str(), "Succeeded" | "Failed");
        self.pods.iter().filter(move |pod| !over(pod))
    }

    /// The name under which the pods see a key of a ConfigMap; None when they do not mount it.
    pub(crate) fn file_name(&self, config_map: &str, key: &str) -> Option<String> {
        let mut mounts = self.mounts.iter().filter(|mount| mount.config_map == config_map);
        mounts.find_map(|mount| mount.file_name(key))
    }
}

fn workload(namespace: &str, name: &str, deployment: Deployment) -> Workload {
    let updated_at = updated_at(&deployment).map(time::stamp);
    let labels = deployment.labels().clone();
    let spec = deployment.spec.unwrap_or_default();
    let volumes = spec.template.spec.and_then(|pod| pod.volumes).unwrap_or_default();
    let mut mounts: Vec<FileMount> = Vec::new();
    for mount in volumes.iter().flat_map(mounts_of) {
        if !mounts.contains(&mount) {
            mounts.push(mount);
        }
    }
    Workload {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels,
        replicas: spec.replicas.unwrap_or(1),
        updated_at,
        pods: Vec::new(),
        mounts,
        // A selector that cannot be understood selects nothing, rather than everything.
        selectors: Selector::try_from(spec.selector).into_iter().collect(),
    }
}

fn updated_at(deployment: &Deployment) -> Option<Timestamp> {
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
    let updates =
        conditions.into_iter().flatten().filter_map(|condition| condition.last_update_time.as_ref());
    updates.map(|time| time.0).max().or_else(|| deployment.creation_timestamp().map(|time| time.0))
}

fn mounts_of(volume: &Volume) -> Vec<FileMount> {
    let plain = volume.config_map.as_ref().map(|ConfigMapVolumeSource { name, items, .. }| (name, items));
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let projected =
        projected.filter_map(|source| source.config_map.as_ref()).map(|map| (&map.name, &map.items));
    plain.into_iter().chain(projected).map(|(name, items)| mount(name, items.as_deref())).collect()
}

fn mount(name: &str, items: Option<&[KeyToPath]>) -> FileMount {
    let items = items.map(|items| items.iter().map(|item| (item.key.clone(), item.path.clone())).collect());
    FileMount { config_map: name.to_owned(), items }
}

fn pod_view(pod: &Pod) -> PodView {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    PodView {
        uid: pod.uid().unwrap_or_default(),
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        governor: governor_of(pod, status.pod_ip.as_deref()),
        ip: status.pod_ip,
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        phase: status.phase.unwrap_or_else(|| "Unknown".to_owned()),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        restarts: containers.iter().map(|container| container.restart_count).sum(),
        started_at: status.start_time.map(|time| time::stamp(time.0)),
    }
}

fn governor_of(pod: &Pod, ip: Option<&str>) -> Governor {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let port = ports.find(|port| port.name.as_deref() == Some("governor"));
    let Some(port) = port.and_then(|port| u16::try_from(port.container_port).ok()) else {
        return Governor::None;
    };
    let ip = ip.and_then(|ip| ip.parse::<IpAddr>().ok());
    ip.map_or(Governor::NotYet, |ip| Governor::At(SocketAddr::new(ip, port)))
}
