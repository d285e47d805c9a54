//! A cluster of its own for a test, and waiting for what it does.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inkstone_cluster::store::{
    self, DeleteOptions, ENDPOINTSLICES, Object, PODS, Part, Resource, Selector, Store, object,
};
use inkstone_cluster::{Cluster, ClusterOptions, RestartDelay};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long anything may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Fixture {
    pub(crate) cluster: Cluster,
    pub(crate) dir: TempDir,
}

pub(crate) fn options(state: &Path) -> ClusterOptions {
    let mut options = ClusterOptions::new(state, [env!("CARGO_BIN_EXE_inkstone-pod")]);
    options.bin_dirs = vec!["/bin".into(), "/usr/bin".into()];
    options.restart_delay =
        RestartDelay { first: Duration::from_millis(50), longest: Duration::from_millis(400) };
    options.shutdown_grace = Duration::from_secs(1);
    options
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(options(&dir.path().join("state"))).await.unwrap();
        Self { cluster, dir }
    }

    pub(crate) fn store(&self) -> &Store {
        self.cluster.store()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn create(&self, resource: &'static Resource, mut object: Value) -> Arc<Object> {
        if resource.namespaced && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = "default".into();
        }
        self.store().create(resource, object).unwrap()
    }

    pub(crate) fn edit(&self, resource: &'static Resource, name: &str, edit: impl Fn(&mut Object)) {
        let edited = self.store().modify(resource, "default", name, Part::Main, |object| {
            edit(object);
            Ok(())
        });
        edited.unwrap();
    }

    pub(crate) fn delete(&self, resource: &'static Resource, name: &str) {
        self.store().delete(resource, "default", name, &DeleteOptions::default()).unwrap();
    }

    pub(crate) fn pods(&self) -> Vec<Arc<Object>> {
        self.store().list(PODS, Some("default"), &Selector::all()).items
    }

    pub(crate) fn pod(&self, name: &str) -> Option<Arc<Object>> {
        self.store().get(PODS, "default", name).ok()
    }

    /// Pods that are ready and stay.
    pub(crate) fn ready(&self) -> Vec<Arc<Object>> {
        self.pods().into_iter().filter(|pod| is_ready(pod) && !object::is_deleting(pod)).collect()
    }

    /// The messages of all events of this reason.
    pub(crate) fn events(&self, reason: &str) -> Vec<String> {
        let events = self.store().list(store::EVENTS, Some("default"), &Selector::all()).items;
        let of_reason = events.iter().filter(|event| event["reason"] == reason);
        of_reason.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The endpoints of a service.
    pub(crate) fn endpoints(&self, service: &str) -> Vec<Value> {
        let mine = Selector::labels([("kubernetes.io/service-name", service)]);
        let slices = self.store().list(ENDPOINTSLICES, Some("default"), &mine).items;
        slices.iter().flat_map(|slice| slice["endpoints"].as_array().unwrap().clone()).collect()
    }

    /// Waits until `check` finds what it looks for.
    pub(crate) async fn until<T>(&self, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = check() {
                return found;
            }
            if Instant::now() > deadline {
                let pods: Vec<_> = self.pods().iter().map(|pod| pod["status"].clone()).collect();
                let events = self.store().list(store::EVENTS, None, &Selector::all()).items;
                let events: Vec<_> =
                    events.iter().map(|e| format!("{} {}", e["reason"], e["message"])).collect();
                panic!("not within {PATIENCE:?}: {what}\npods: {pods:#?}\nevents: {events:#?}");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn until_ready(&self, count: usize) -> Vec<Arc<Object>> {
        self.until(&format!("{count} pods are ready"), || {
            let ready = self.ready();
            (ready.len() == count && self.pods().len() == count).then_some(ready)
        })
        .await
    }

    /// Waits until the first run of the container `main` runs and has printed `text`: a shell sets its traps, and
    /// starts its children, some time after its process is there.
    pub(crate) async fn until_log(&self, pod: &str, text: &str) -> Arc<Object> {
        self.until(&format!("{pod} prints {text}"), || {
            self.pod(pod).filter(|pod| process(pod).is_some() && self.log(pod, "main", 0).contains(text))
        })
        .await
    }

    /// A container's log.
    pub(crate) fn log(&self, pod: &Object, container: &str, run: u32) -> String {
        let path =
            self.state().join("pods").join(object::uid(pod)).join(container).join(format!("{run}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }
}

pub(crate) fn is_ready(pod: &Object) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A pod of one container `main` that runs a shell script.
pub(crate) fn pod(name: &str, script: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [container(script)],
    }})
}

pub(crate) fn container(script: &str) -> Value {
    json!({"name": "main", "image": "inkstone.local/sh", "args": ["-c", script]})
}

/// A deployment of pods that sleep.
pub(crate) fn deployment(name: &str, replicas: u32) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container("exec sleep 600")]},
        },
    }})
}

/// The process of a pod's container `main`, while it runs.
pub(crate) fn process(pod: &Object) -> Option<i32> {
    let status = &pod["status"]["containerStatuses"][0];
    status["state"]["running"].as_object()?;
    let id = status["containerID"].as_str()?.strip_prefix("process://")?;
    id.split('-').next()?.parse().ok()
}

/// Whether a process is there and not only waited for.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
