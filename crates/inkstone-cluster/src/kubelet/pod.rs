//! The life of one pod: an address, volumes, init containers, containers, and the end of them all.
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::atomic;
use super::container::{Runner, Slot, Stop};
use super::fields::Identity;
use super::node::{NODE_NAME, Node};
use super::sources::{Kind, StoreSources};
use super::status::{ContainerState, PodState, RestartPolicy};
use super::volumes::{self, Content};
use crate::store::{self, ApiError, DeleteOptions, LONGEST_GRACE, Object, Part, object};

/// When something that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What the kubelet tells a pod.
#[derive(Debug)]
pub(crate) enum Message {
    /// The pod's object changed.
    Pod(Arc<Object>),
    /// A ConfigMap or Secret that the pod reads was written.
    Source(Kind, Arc<Object>),
}

/// One pod on this node.
#[derive(Debug)]
pub(crate) struct PodRun {
    pub(crate) node: Arc<Node>,
    pub(crate) object: Arc<Object>,
    pub(crate) pod: Pod,
    /// Where its volumes, logs and working directories are.
    pub(crate) dir: PathBuf,
    /// Counts the changes of what the pod reads.
    pub(crate) sources_changed: watch::Sender<u64>,
    ip: OnceLock<Ipv4Addr>,
    state: Mutex<PodState>,
    /// A status could not be written, because the disk is full for example.
    unwritten: Notify,
}

impl PodRun {
    pub(crate) fn new(node: Arc<Node>, object: Arc<Object>, pod: Pod) -> Self {
        let dir = node.pods_dir().join(object::uid(&object));
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let inits = spec.init_containers.unwrap_or_default();
        let waits_for = if inits.is_empty() { "ContainerCreating" } else { "PodInitializing" };
        let states = |all: &[Container], before: Option<Vec<ContainerStatus>>| -> Vec<ContainerState> {
            let before = before.unwrap_or_default();
            let known = |container: &Container| before.iter().find(|status| status.name == container.name);
            all.iter().map(|container| ContainerState::new(container, known(container), waits_for)).collect()
        };
        let state = PodState {
            ip: None,
            host_ip: node.ip().to_owned(),
            since: status.start_time.as_ref().map_or_else(Timestamp::now, |at| at.0),
            restart_policy: RestartPolicy::of(&pod),
            inits: states(&inits, status.init_container_statuses),
            containers: states(&spec.containers, status.container_statuses),
            failure: None,
            generation: pod.metadata.generation,
        };
        let (sources_changed, _) = watch::channel(0);
        Self {
            node,
            object,
            pod,
            dir,
            sources_changed,
            ip: OnceLock::new(),
            state: Mutex::new(state),
            unwritten: Notify::new(),
        }
    }

    /// Runs the pod until it is deleted or the kubelet shuts down.
    pub(crate) async fn run(self, mut inbox: mpsc::UnboundedReceiver<Message>, shutdown: CancellationToken) {
        let (stop, stopping) = watch::channel(None);
        let (changes, changed) = mpsc::unbounded_channel();
        let over = matches!(self.object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let mut deleted = self.note_deletion(&self.object, &stop);
        let mut finished = over;
        let mut leaving = false;
        {
            let mut work = pin!(self.work(stopping, changed));
            let mut rewriting = pin!(self.rewrite_status());
            while !(finished && (deleted || leaving)) {
                tokio::select! {
                    () = &mut work, if !finished => finished = true,
                    never = &mut rewriting => match never {},
                    message = inbox.recv(), if !leaving => match message {
                        Some(Message::Pod(object)) => deleted |= self.note_deletion(&object, &stop),
                        // The receiver lives in `work`, which may be done.
                        Some(Message::Source(kind, object)) => drop(changes.send((kind, object))),
                        // Removed without waiting for us.
                        None => {
                            hasten(&stop, Instant::now());
                            (deleted, leaving) = (true, true);
                        }
                    },
                    () = shutdown.cancelled(), if !leaving => {
                        leaving = true;
                        hasten(&stop, Instant::now() + self.grace().min(self.node.options.shutdown_grace));
                    }
                }
            }
        }
        if deleted {
            self.remove().await;
        }
        if let Some(ip) = self.ip.get() {
            self.node.addresses().release(*ip);
        }
    }

    /// Whether `object` is being deleted; if so, `stop` says until when it may run.
    fn note_deletion(&self, object: &Object, stop: &watch::Sender<Option<Instant>>) -> bool {
        if !object::is_deleting(object) {
            return false;
        }
        let grace = object["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
        hasten(stop, Instant::now() + Duration::from_secs(grace));
        true
    }

    async fn work(&self, stop: Stop, mut changes: mpsc::UnboundedReceiver<(Kind, Arc<Object>)>) {
        if !self.set_up(&stop, &mut changes).await {
            return;
        }
        tokio::select! {
            () = self.run_containers(&stop) => {}
            () = self.follow_sources(&mut changes) => {}
        }
    }

    /// Repeats until the pod has its address and its volumes. False when it must go before that.
    async fn set_up(&self, stop: &Stop, changes: &mut mpsc::UnboundedReceiver<(Kind, Arc<Object>)>) -> bool {
        let mut stop = stop.clone();
        while stop.borrow().is_none() {
            let Err((reason, message)) = self.try_set_up().await else { return true };
            self.node.recorder.warning(&*self.object, reason, &message);
            self.change(|_| {});
            tokio::select! {
                // What is missing may appear in the API, which tells, or be mended on the disk.
                _ = changes.recv() => {}
                () = sleep(self.node.options.restart_delay.first) => {}
                _ = stop.wait_for(Option::is_some) => {}
            }
        }
        false
    }

    async fn try_set_up(&self) -> Result<(), (&'static str, String)> {
        if self.ip.get().is_none() {
            let ip = self.claim_address().map_err(|message| ("FailedCreatePodSandBox", message))?;
            self.ip.get_or_init(|| ip);
            self.change(|state| state.ip = Some(ip.to_string()));
        }
        self.write_kubeconfig().map_err(|message| ("FailedCreatePodSandBox", message))?;
        self.write_volumes(None).await.map_err(|message| ("FailedMount", message))
    }

    fn claim_address(&self) -> Result<Ipv4Addr, String> {
        let spec = self.pod.spec.clone().unwrap_or_default();
        if spec.host_network == Some(true) {
            return Ok(Ipv4Addr::LOCALHOST);
        }
        let ports = spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
        let tcp = ports.filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
        let ports: Vec<u16> = tcp.filter_map(|port| u16::try_from(port.container_port).ok()).collect();
        let before = self.object["status"]["podIP"].as_str().and_then(|ip| ip.parse().ok());
        self.node.addresses().claim(before, &ports)
    }

    /// The cluster's kubeconfig, with the pod's namespace as the one that is meant when none is named.
    fn write_kubeconfig(&self) -> Result<(), String> {
        let from = &self.node.options.kubeconfig;
        let fail = |error: &dyn std::fmt::Display| format!("kubeconfig {}: {error}", from.display());
        let text = fs::read_to_string(from).map_err(|error| fail(&error))?;
        let mut config: Value = serde_saphyr::from_str(&text).map_err(|error| fail(&error))?;
        for context in config["contexts"].as_array_mut().into_iter().flatten() {
            context["context"]["namespace"] = self.namespace().into();
        }
        let write = || -> io::Result<()> {
            fs::create_dir_all(&self.dir)?;
            let path = self.kubeconfig();
            let file =
                fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
            serde_json::to_writer_pretty(file, &config)?;
            Ok(())
        };
        write().map_err(|error| format!("cannot write {}: {error}", self.kubeconfig().display()))
    }

    /// Writes every volume. `changed` is an object as a change has shown it.
    async fn write_volumes(&self, changed: Option<(Kind, &Object)>) -> Result<(), String> {
        let mut contents = BTreeMap::new();
        let identity = self.identity();
        for (name, volume) in volumes::by_name(&self.pod) {
            if changed.is_some() && !volumes::has_files(volume) {
                continue;
            }
            let content = volumes::content(volume, &self.pod, &identity, &self.sources(changed))
                .map_err(|error| format!("MountVolume.SetUp failed for volume \"{name}\" : {error}"))?;
            contents.insert(volumes::place(volume, &self.dir, &self.node.host_dir()), content);
        }
        let written = tokio::task::spawn_blocking(move || {
            for (place, content) in contents {
                write_volume(&place, &content)
                    .map_err(|error| format!("cannot write volume {}: {error}", place.display()))?;
            }
            Ok(())
        });
        written.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Brings each change of a ConfigMap or Secret into the volumes, one after the other.
    async fn follow_sources(&self, changes: &mut mpsc::UnboundedReceiver<(Kind, Arc<Object>)>) {
        let mut failed = false;
        loop {
            let next = if failed { timeout(RETRY, changes.recv()).await } else { Ok(changes.recv().await) };
            let changed = match &next {
                Ok(Some((kind, object))) => Some((*kind, &**object)),
                // The pod keeps the other end as long as this is polled.
                Ok(None) => return std::future::pending().await,
                Err(_) => None,
            };
            let written = self.write_volumes(changed).await;
            failed = written.is_err();
            if let Err(message) = written {
                self.node.recorder.warning(&*self.object, "FailedMount", &message);
            }
            self.sources_changed.send_modify(|count| *count += 1);
        }
    }

    async fn run_containers(&self, stop: &Stop) {
        let policy = RestartPolicy::of(&self.pod);
        let spec = self.pod.spec.as_ref();
        let inits = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
        for (index, container) in inits.iter().enumerate() {
            let runner = Runner {
                run: self,
                spec: container,
                slot: Slot::Init(index),
                policy: policy.for_init(),
                stop: stop.clone(),
            };
            if runner.run().await != Some(0) {
                return;
            }
        }
        let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
        let runners = containers.iter().enumerate().map(|(index, container)| {
            let slot = Slot::Main(index);
            Runner { run: self, spec: container, slot, policy, stop: stop.clone() }.run()
        });
        join_all(runners).await;
    }

    /// The pod has ended: forgets it, in the API and on the disk.
    async fn remove(&self) {
        let options = DeleteOptions { uid: Some(self.uid().to_owned()), ..DeleteOptions::now() };
        // Gone already when it was removed by force.
        let _ = self.node.store.delete(store::PODS, self.namespace(), self.name(), &options);
        let dir = self.dir.clone();
        let _ = tokio::task::spawn_blocking(move || fs::remove_dir_all(dir)).await;
    }

    /// Changes what is known and writes the pod's status if that changes it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut PodState)) {
        let mut state = self.state.lock().expect("no code panics while it holds a pod's state");
        change(&mut state);
        let now = Timestamp::now();
        let written =
            self.node.store.modify(store::PODS, self.namespace(), self.name(), Part::Status, |object| {
                if object::uid(object) != self.uid() {
                    return Err(ApiError::not_found(store::PODS, self.name()));
                }
                object["status"] = state.status(&object["status"], now);
                Ok(())
            });
        match written {
            Ok(_) => {}
            // Removed by force, while its end is still being worked on.
            Err(error) if error.code() == 404 => {}
            Err(error) => {
                tracing::warn!(pod = self.name(), namespace = self.namespace(), %error, "pod status not written");
                self.unwritten.notify_one();
            }
        }
    }

    /// Tries again what could not be written.
    async fn rewrite_status(&self) -> Infallible {
        loop {
            self.unwritten.notified().await;
            sleep(RETRY).await;
            self.change(|_| {});
        }
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&PodState) -> T) -> T {
        read(&self.state.lock().expect("no code panics while it holds a pod's state"))
    }

    pub(crate) fn sources<'a>(&'a self, changed: Option<(Kind, &'a Object)>) -> StoreSources<'a> {
        StoreSources { store: &self.node.store, namespace: self.namespace(), changed }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { node: NODE_NAME.to_owned(), node_ip: self.node.ip().to_owned(), ip: self.ip().to_string() }
    }

    pub(crate) fn ip(&self) -> Ipv4Addr {
        self.ip.get().copied().unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// How long the pod may take to end.
    pub(crate) fn grace(&self) -> Duration {
        let seconds = self.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
        let seconds = seconds.filter(|seconds| *seconds >= 0).unwrap_or(30).min(LONGEST_GRACE);
        Duration::from_secs(seconds.unsigned_abs())
    }

    pub(crate) fn name(&self) -> &str {
        object::name(&self.object)
    }

    pub(crate) fn namespace(&self) -> &str {
        object::namespace(&self.object)
    }

    pub(crate) fn uid(&self) -> &str {
        object::uid(&self.object)
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("_kubeconfig")
    }

    /// Where a container's logs are.
    pub(crate) fn container_dir(&self, container: &str) -> PathBuf {
        self.dir.join(container)
    }
}

fn write_volume(place: &Path, content: &Content) -> io::Result<()> {
    match content {
        Content::Files(payload) => atomic::write(place, payload).map(drop),
        Content::Directory => fs::create_dir_all(place),
    }
}

/// Brings the end nearer, never further away.
fn hasten(stop: &watch::Sender<Option<Instant>>, deadline: Instant) {
    stop.send_if_modified(|known| {
        let nearer = known.is_none_or(|known| deadline < known);
        if nearer {
            *known = Some(deadline);
        }
        nearer
    });
}
