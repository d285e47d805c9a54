//! The one node: its object, and what all its pods share.
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use serde_json::json;

use super::Options;
use super::address::Addresses;
use super::process::Spawner;
use super::program::Programs;
use crate::controllers::events::Recorder;
use crate::store::{self, ApiError, Object, Part, Store, object};

/// The name of the node that this machine is.
pub const NODE_NAME: &str = "inkstone-local";

const NODE_IP: &str = "127.0.0.1";

/// What the pods of this node share.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) options: Options,
    pub(crate) programs: Programs,
    pub(crate) spawner: Spawner,
    pub(crate) recorder: Recorder,
    addresses: Mutex<Addresses>,
}

impl Node {
    pub(crate) fn new(store: Store, options: Options, spawner: Spawner) -> Self {
        Self {
            programs: Programs { dirs: options.bin_dirs.clone() },
            recorder: Recorder::new(store.clone(), "kubelet", Some(NODE_NAME)),
            addresses: Mutex::default(),
            store,
            options,
            spawner,
        }
    }

    pub(crate) fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().expect("no code panics while it holds the addresses")
    }

    pub(crate) fn ip(&self) -> &'static str {
        NODE_IP
    }

    pub(crate) fn pods_dir(&self) -> PathBuf {
        self.options.state_dir.join("pods")
    }

    /// Where the hostPath volumes of all pods are.
    pub(crate) fn host_dir(&self) -> PathBuf {
        self.options.state_dir.join("host")
    }

    /// `PATH` of the containers: the programs' directories, then the cluster's own.
    pub(crate) fn search_path(&self) -> String {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let all = self.options.bin_dirs.iter().cloned().chain(std::env::split_paths(&own));
        // A directory with a colon in its name cannot be on any PATH.
        let joined: OsString = std::env::join_paths(all).unwrap_or(own);
        joined.to_string_lossy().into_owned()
    }

    /// Creates the node's object, or brings it up to date.
    pub(crate) fn register(&self) -> Result<(), ApiError> {
        let status = self.status();
        if self.store.get(store::NODES, "", NODE_NAME).is_err() {
            let labels = json!({
                "kubernetes.io/hostname": NODE_NAME,
                "kubernetes.io/os": std::env::consts::OS,
                "kubernetes.io/arch": architecture(),
            });
            self.store.create(
                store::NODES,
                json!({"metadata": {"name": NODE_NAME, "labels": labels}, "spec": {}}),
            )?;
        }
        self.store.modify(store::NODES, "", NODE_NAME, Part::Status, |node| {
            node["status"] = status.clone();
            Ok(())
        })?;
        Ok(())
    }

    fn status(&self) -> Object {
        let now = object::now();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let capacity = json!({"cpu": cores.to_string(), "memory": memory(), "pods": "500"});
        json!({
            "addresses": [
                {"type": "InternalIP", "address": NODE_IP},
                {"type": "Hostname", "address": NODE_NAME},
            ],
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "programs run as local processes",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }],
            "nodeInfo": {
                "kubeletVersion": concat!("v1.33.0-inkstone.", env!("CARGO_PKG_VERSION")),
                "kubeProxyVersion": "",
                "containerRuntimeVersion": concat!("process://", env!("CARGO_PKG_VERSION")),
                "operatingSystem": std::env::consts::OS,
                "architecture": architecture(),
                "osImage": "local processes",
                "kernelVersion": read("/proc/sys/kernel/osrelease"),
                "machineID": "",
                "systemUUID": "",
                "bootID": read("/proc/sys/kernel/random/boot_id"),
            },
        })
    }
}

/// The name that Kubernetes has for this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn memory() -> String {
    let info = read("/proc/meminfo");
    let kib = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    format!("{}Ki", kib.unwrap_or("0"))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
