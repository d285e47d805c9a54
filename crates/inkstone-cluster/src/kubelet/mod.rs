//! The stand-in for a kubelet: runs pods as local processes.
//!
//! What differs from a real node, because nothing here needs root:
//! - An image is a program: `inkstone.local/NAME` is the file `NAME` in one of [`Options::bin_dirs`].
//! - Nothing is mounted. A volume lives in the state directory, and each command, argument and environment value
//!   that begins with a mount path is rewritten to the real directory. The content of files is not.
//! - All containers of a pod, and of all pods, see the same files, processes and network. Each pod has an address
//!   of its own in 127.64.0.0/11: a program that binds `$POD_IP` meets no other.
//! - No limits, no users, no capabilities; `resources` and `securityContext` are ignored.
//! - Startup and readiness probes are tried at once and every few milliseconds until they first succeed.
//! - No sidecar init containers, no `postStart`, no `subPathExpr`, no HTTPS probes: each is named by an event.
mod address;
mod atomic;
mod backoff;
mod check;
mod container;
mod env;
mod exec;
mod expand;
mod fields;
mod launch;
mod leftovers;
mod mounts;
mod node;
mod pod;
mod probe;
mod process;
mod program;
mod sources;
mod status;
mod volumes;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{PathBuf, absolute};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::backoff::RestartDelay;
pub use self::exec::exec_pod;
pub use self::node::NODE_NAME;
use self::node::Node;
use self::pod::{Message, PodRun};
use self::process::Spawner;
use self::sources::Kind;
use crate::controllers::feed::{Change, Feed};
use crate::store::{self, DeleteOptions, Event, Object, Part, Resource, Selector, Store, object};

/// How pods are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where volumes, logs and records are kept.
    pub state_dir: PathBuf,
    /// Directories in which the programs of images are looked up, in order.
    pub bin_dirs: Vec<PathBuf>,
    /// The program, and its first arguments, that calls [`exec_pod`]: `["inkstone", "pod-shim"]`.
    pub shim: Vec<OsString>,
    /// The kubeconfig that pods get a copy of.
    pub kubeconfig: PathBuf,
    /// Where the API listens.
    pub api: SocketAddr,
    /// Pauses between restarts of a container; `first` is also how often missing programs are looked for.
    pub restart_delay: RestartDelay,
    /// The longest that a container may take to end when the whole cluster stops.
    pub shutdown_grace: Duration,
}

impl Options {
    /// Containers run in directories of their own, where a relative path would mean something else.
    fn absolute(mut self) -> io::Result<Self> {
        self.state_dir = absolute(self.state_dir)?;
        self.bin_dirs = self.bin_dirs.into_iter().map(absolute).collect::<io::Result<_>>()?;
        self.kubeconfig = absolute(self.kubeconfig)?;
        // A bare name is looked up in PATH.
        if let Some(program) =
            self.shim.first_mut().filter(|program| program.as_encoded_bytes().contains(&b'/'))
        {
            *program = absolute(PathBuf::from(&*program))?.into_os_string();
        }
        Ok(self)
    }
}

/// Runs the pods of the store until `stop`, and then ends every process before it returns.
///
/// # Errors
/// When the shim cannot be started or the state directory cannot be used.
pub async fn run(store: Store, options: Options, stop: CancellationToken) -> io::Result<()> {
    let options = options.absolute()?;
    let pods_dir = options.state_dir.join("pods");
    clean(&store, &pods_dir)?;
    let spawner = Spawner::start(options.shim.clone())?;
    let node = Arc::new(Node::new(store.clone(), options, spawner));
    node.register().map_err(io::Error::other)?;
    let mut kubelet =
        Kubelet { node: node.clone(), stop: stop.clone(), pods: HashMap::new(), tasks: JoinSet::new() };
    let mut feed = Feed::new(&store, &[store::PODS, store::CONFIGMAPS, store::SECRETS]);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            change = feed.next() => match change {
                Some(change) => kubelet.handle(change),
                None => break,
            },
            Some(ended) = kubelet.tasks.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "the task of a pod failed; its processes were ended");
            },
        }
    }
    // When the store closed first, the pods must still be told.
    stop.cancel();
    while kubelet.tasks.join_next().await.is_some() {}
    drop(kubelet);
    if let Some(node) = Arc::into_inner(node) {
        node.spawner.close().await;
    }
    Ok(())
}

/// Ends what an earlier cluster left behind, and removes the directories of pods that are no more.
fn clean(store: &Store, pods_dir: &PathBuf) -> io::Result<()> {
    let explain = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot use the state directory {}: {error}", pods_dir.display()),
        )
    };
    fs::create_dir_all(pods_dir).map_err(explain)?;
    let ended = leftovers::end_all(pods_dir);
    if ended > 0 {
        tracing::warn!(ended, "ended containers that an earlier cluster had left running");
    }
    let pods = store.list(store::PODS, None, &Selector::all()).items;
    let known: BTreeSet<&str> = pods.iter().map(|pod| object::uid(pod)).collect();
    for entry in fs::read_dir(pods_dir).map_err(explain)? {
        let entry = entry.map_err(explain)?;
        if !known.contains(entry.file_name().to_string_lossy().as_ref()) {
            fs::remove_dir_all(entry.path()).map_err(explain)?;
        }
    }
    Ok(())
}

struct Kubelet {
    node: Arc<Node>,
    stop: CancellationToken,
    /// Running pods by uid.
    pods: HashMap<String, Handle>,
    tasks: JoinSet<()>,
}

struct Handle {
    inbox: mpsc::UnboundedSender<Message>,
    namespace: String,
    name: String,
    reads: BTreeSet<(Kind, String)>,
}

impl Kubelet {
    fn handle(&mut self, change: Change) {
        match change {
            Change::Event(resource, Event::Deleted(object)) if resource == store::PODS => {
                self.pods.remove(object::uid(&object));
            }
            Change::Event(resource, Event::Added(object) | Event::Modified(object)) => {
                if resource == store::PODS {
                    self.pod(object);
                } else {
                    self.source(resource, &object);
                }
            }
            Change::Reset(resource) if resource == store::PODS => self.forget_missing(),
            // A deleted ConfigMap stays in the volumes that have it, as in Kubernetes.
            _ => {}
        }
    }

    fn pod(&mut self, object: Arc<Object>) {
        if let Some(handle) = self.pods.get(object::uid(&object)) {
            // A pod that has just ended listens no more.
            let _ = handle.inbox.send(Message::Pod(object));
            return;
        }
        match object["spec"]["nodeName"].as_str().unwrap_or_default() {
            "" if object::is_deleting(&object) => {}
            "" => self.bind(&object),
            NODE_NAME => self.start(object),
            _ => {}
        }
    }

    /// There is only one node to choose.
    fn bind(&self, object: &Object) {
        let (namespace, name) = (object::namespace(object), object::name(object));
        let bound = self.node.store.modify(store::PODS, namespace, name, Part::Main, |pod| {
            pod["spec"]["nodeName"] = NODE_NAME.into();
            Ok(())
        });
        match bound {
            Ok(_) => self.node.recorder.normal(
                object,
                "Scheduled",
                &format!("Successfully assigned {namespace}/{name} to {NODE_NAME}"),
            ),
            // Deleted in between.
            Err(error) => tracing::debug!(namespace, name, %error, "pod not bound"),
        }
    }

    fn start(&mut self, object: Arc<Object>) {
        let pod: Pod = match serde_json::from_value((*object).clone()) {
            Ok(pod) => pod,
            Err(error) => return self.reject(&object, &error),
        };
        for feature in unsupported(&pod) {
            self.node.recorder.warning(
                &*object,
                "Unsupported",
                &format!("the local cluster ignores {feature}"),
            );
        }
        let (inbox, messages) = mpsc::unbounded_channel();
        let handle = Handle {
            inbox,
            namespace: object::namespace(&object).to_owned(),
            name: object::name(&object).to_owned(),
            reads: sources::read_by(&pod),
        };
        self.pods.insert(object::uid(&object).to_owned(), handle);
        let run = PodRun::new(self.node.clone(), object, pod);
        self.tasks.spawn(run.run(messages, self.stop.clone()));
    }

    /// A manifest that is not a pod: nothing can run, and the reason must be seen.
    fn reject(&self, object: &Object, error: &serde_json::Error) {
        let (namespace, name) = (object::namespace(object), object::name(object));
        if object::is_deleting(object) {
            let options = DeleteOptions { uid: Some(object::uid(object).to_owned()), ..DeleteOptions::now() };
            // Gone already is what is wanted.
            let _ = self.node.store.delete(store::PODS, namespace, name, &options);
            return;
        }
        let message = format!("the manifest cannot be read as a Pod: {error}");
        if object["status"]["message"] == message {
            return;
        }
        self.node.recorder.warning(object, "InvalidPod", &message);
        let marked = self.node.store.modify(store::PODS, namespace, name, Part::Status, |pod| {
            // Not "Failed": a replica set would make the next one, and the next.
            pod["status"] = json!({"phase": "Pending", "reason": "InvalidPod", "message": message});
            Ok(())
        });
        if let Err(error) = marked {
            tracing::debug!(namespace, name, %error, "pod not marked as invalid");
        }
    }

    fn source(&self, resource: &'static Resource, object: &Arc<Object>) {
        let kind = if resource == store::SECRETS { Kind::Secret } else { Kind::ConfigMap };
        let key = (kind, object::name(object).to_owned());
        let namespace = object::namespace(object);
        for handle in self.pods.values().filter(|pod| pod.namespace == namespace && pod.reads.contains(&key))
        {
            let _ = handle.inbox.send(Message::Source(kind, object.clone()));
        }
    }

    fn forget_missing(&mut self) {
        let store = self.node.store.clone();
        self.pods.retain(|uid, pod| {
            store.get(store::PODS, &pod.namespace, &pod.name).is_ok_and(|object| object::uid(&object) == uid)
        });
    }
}

/// What the pod asks for and does not get.
fn unsupported(pod: &Pod) -> Vec<String> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let mut found = Vec::new();
    for container in spec.init_containers.iter().flatten() {
        if container.restart_policy.is_some() {
            found.push(format!(
                "restartPolicy of init container {}: it runs to its end first",
                container.name
            ));
        }
    }
    for container in &spec.containers {
        if container.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.post_start.is_some()) {
            found.push(format!("postStart of container {}", container.name));
        }
    }
    if spec.active_deadline_seconds.is_some() {
        found.push("activeDeadlineSeconds".to_owned());
    }
    if spec.readiness_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
        found.push("readinessGates".to_owned());
    }
    found
}
