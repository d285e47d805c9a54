//! As much of a cluster as the console sees: a Kubernetes API with one application, and its pods' governors.
//! Faults can be asked for: a write that never answers, an answer that is lost, a key that somebody else changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use inkstone_console::hash;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "governor-token";
pub(crate) const FILE: &str = "applications/shop/catalog/files/catalog/catalog.toml";
pub(crate) const FIRST: &str = "[log]\nlevel = \"info\"\n";

/// What the next write of the ConfigMap meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// It is never looked at.
    Hang,
    /// It is done, and the answer never comes.
    Mute,
    /// Another key is changed just before.
    OtherKey,
    /// The same key is changed just before.
    SameKey,
    /// The API says no.
    Forbid,
    /// It is done, and the API says that it failed, as when its own database answers too late.
    Broken,
    /// Another console takes the release for interrupted just before.
    Fence,
}

/// What a pod does with a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pod {
    /// Loads it, unless it contains the word `wrong`: that it refuses.
    Follows,
    /// Stays with what it had.
    Stuck,
    /// Its governor does not answer.
    Gone,
}

#[derive(Debug)]
struct Shared {
    version: u64,
    data: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    fault: Fault,
    writes: usize,
    looks: usize,
    pods: Vec<Running>,
}

#[derive(Debug, Clone)]
struct Running {
    name: String,
    port: u16,
    behaviour: Pod,
    loaded: Option<String>,
    rejected: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    shared: Arc<Mutex<Shared>>,
    pub(crate) kubeconfig: PathBuf,
    _dir: Arc<tempfile::TempDir>,
}

impl Cluster {
    pub(crate) async fn start(pods: &[Pod]) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            version: 1,
            data: BTreeMap::from([
                ("catalog.toml".to_owned(), FIRST.to_owned()),
                ("other.toml".to_owned(), "# mine\n".to_owned()),
            ]),
            annotations: BTreeMap::new(),
            fault: Fault::None,
            writes: 0,
            looks: 0,
            pods: Vec::new(),
        }));
        for (at, behaviour) in pods.iter().enumerate() {
            start_pod(&shared, at, *behaviour).await;
        }
        let api = Router::new()
            .route("/apis/apps/v1/deployments", get(deployments))
            .route("/apis/apps/v1/namespaces/{namespace}/deployments", get(deployments))
            .route("/api/v1/pods", get(list_pods))
            .route("/api/v1/namespaces/{namespace}/pods", get(list_pods))
            .route("/api/v1/namespaces/{namespace}/configmaps/{name}", get(config_map).patch(write))
            .route("/api/v1/namespaces/{namespace}/secrets/{name}", get(secret))
            .with_state(Arc::clone(&shared));
        let address = serve(api).await;
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = dir.path().join("kubeconfig");
        std::fs::write(&kubeconfig, kubeconfig_for(&format!("http://{address}"))).unwrap();
        Self { shared, kubeconfig, _dir: Arc::new(dir) }
    }

    pub(crate) fn content(&self, key: &str) -> Option<String> {
        self.shared.lock().unwrap().data.get(key).cloned()
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<String> {
        self.shared.lock().unwrap().annotations.get(name).cloned()
    }

    /// Changes a key as somebody with kubectl would.
    pub(crate) fn edit(&self, key: &str, content: &str) {
        let mut shared = self.shared.lock().unwrap();
        shared.version += 1;
        shared.data.insert(key.to_owned(), content.to_owned());
    }

    pub(crate) fn next_write(&self, fault: Fault) {
        self.shared.lock().unwrap().fault = fault;
    }

    /// How many writes have arrived.
    pub(crate) fn writes(&self) -> usize {
        self.shared.lock().unwrap().writes
    }

    /// How often the pods were listed.
    pub(crate) fn looks(&self) -> usize {
        self.shared.lock().unwrap().looks
    }

    pub(crate) async fn add_pod(&self, behaviour: Pod) {
        let at = self.shared.lock().unwrap().pods.len();
        start_pod(&self.shared, at, behaviour).await;
    }

    pub(crate) fn behave(&self, pod: usize, behaviour: Pod) {
        self.shared.lock().unwrap().pods[pod].behaviour = behaviour;
    }
}

pub(crate) fn kubeconfig_for(url: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {"token": "t"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    })
    .to_string()
}

async fn serve(router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

type Api = State<Arc<Mutex<Shared>>>;

async fn deployments(State(_): Api) -> Json<Value> {
    let deployment = json!({
        "metadata": {
            "name": "catalog", "namespace": "shop", "labels": {"app.kubernetes.io/name": "catalog"},
            "creationTimestamp": "2026-11-22T10:00:00Z",
        },
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "catalog"}},
            "template": {
                "metadata": {"labels": {"app": "catalog"}},
                "spec": {"containers": [], "volumes": [{"name": "config", "configMap": {"name": "catalog"}}]},
            },
        },
    });
    Json(json!({"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {}, "items": [deployment]}))
}

async fn list_pods(State(shared): Api) -> Json<Value> {
    let mut shared = shared.lock().unwrap();
    shared.looks += 1;
    let pods: Vec<Value> = shared.pods.iter().map(pod_object).collect();
    Json(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": pods}))
}

fn pod_object(pod: &Running) -> Value {
    json!({
        "metadata": {"name": pod.name, "namespace": "shop", "uid": pod.name, "labels": {"app": "catalog"}},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "main", "ports": [{"name": "governor", "containerPort": pod.port}]}],
        },
        "status": {
            "phase": "Running", "podIP": "127.0.0.1", "startTime": "2026-11-22T10:00:01Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses":
                [{"name": "main", "image": "i", "imageID": "", "ready": true, "restartCount": 1}],
        },
    })
}

async fn secret(Path((_, name)): Path<(String, String)>) -> Response {
    if name != "inkstone-governor" {
        return status(404, &format!("secrets \"{name}\" not found"));
    }
    let token = "Z292ZXJub3ItdG9rZW4=";
    Json(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"token": token}}))
        .into_response()
}

async fn config_map(State(shared): Api, Path((_, name)): Path<(String, String)>) -> Response {
    if name != "catalog" {
        return status(404, &format!("configmaps \"{name}\" not found"));
    }
    Json(map_object(&shared.lock().unwrap())).into_response()
}

fn map_object(shared: &Shared) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "catalog", "namespace": "shop", "resourceVersion": shared.version.to_string(),
            "annotations": shared.annotations,
        },
        "data": shared.data,
    })
}

async fn write(
    State(shared): Api,
    Path((_, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Response {
    assert_eq!(name, "catalog");
    assert_eq!(headers["content-type"], "application/merge-patch+json");
    let patch: Value = serde_json::from_str(&body).unwrap();
    let fault = {
        let mut shared = shared.lock().unwrap();
        shared.writes += 1;
        std::mem::take(&mut shared.fault)
    };
    match fault {
        Fault::None => {}
        Fault::Hang => std::future::pending::<()>().await,
        Fault::Mute => {
            apply(&shared, &patch);
            std::future::pending::<()>().await;
        }
        Fault::OtherKey => touch(&shared, "other.toml"),
        Fault::SameKey => touch(&shared, "catalog.toml"),
        Fault::Broken => {
            apply(&shared, &patch);
            return status(500, "etcdserver: request timed out");
        }
        Fault::Fence => {
            let release = patch["metadata"]["annotations"]["inkstone.dev/release"].as_str().unwrap();
            let mut shared = shared.lock().unwrap();
            shared.version += 1;
            shared.annotations.insert("inkstone.dev/interrupted.catalog.toml".to_owned(), release.to_owned());
        }
        Fault::Forbid => return status(403, "configmaps \"catalog\" is forbidden: no permission"),
    }
    apply(&shared, &patch)
}

fn touch(shared: &Mutex<Shared>, key: &str) {
    let mut shared = shared.lock().unwrap();
    shared.version += 1;
    shared.data.insert(key.to_owned(), "# changed meanwhile\n".to_owned());
}

fn apply(shared: &Mutex<Shared>, patch: &Value) -> Response {
    let mut shared = shared.lock().unwrap();
    if patch["metadata"]["resourceVersion"] != json!(shared.version.to_string()) {
        return status(409, "the object has been modified; please apply your changes to the latest version");
    }
    shared.version += 1;
    for (name, value) in patch["metadata"]["annotations"].as_object().into_iter().flatten() {
        shared.annotations.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    for (key, value) in patch["data"].as_object().into_iter().flatten() {
        shared.data.insert(key.clone(), value.as_str().unwrap().to_owned());
    }
    Json(map_object(&shared)).into_response()
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": message, "reason": "", "code": code,
    });
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}

async fn start_pod(shared: &Arc<Mutex<Shared>>, at: usize, behaviour: Pod) {
    let governor = Router::new()
        .route("/config", get(governor_config))
        .route("/build", get(governor_build))
        .with_state((Arc::clone(shared), at));
    let port = serve(governor).await.port();
    let name = format!("catalog-{at}");
    let pod = Running { name, port, behaviour, loaded: Some(FIRST.to_owned()), rejected: None };
    shared.lock().unwrap().pods.push(pod);
}

type Governor = State<(Arc<Mutex<Shared>>, usize)>;

async fn governor_config(State((shared, at)): Governor, headers: HeaderMap) -> Response {
    if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut shared = shared.lock().unwrap();
    let current = shared.data.get("catalog.toml").cloned();
    let pod = &mut shared.pods[at];
    if pod.behaviour == Pod::Gone {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let (Pod::Follows, Some(content)) = (pod.behaviour, current) {
        if content.contains("wrong") {
            pod.rejected = Some(content);
        } else {
            (pod.loaded, pod.rejected) = (Some(content), None);
        }
    }
    let source = |content: &String| {
        let name = "/etc/inkstone/catalog.toml";
        json!({"name": name, "hash": hash(content), "loaded_at": "2026-11-22T10:00:02.000Z"})
    };
    let problem = json!({
        "code": "INK1002", "key": "log.level", "message": "expected a level, found a number",
        "file": "/etc/inkstone/catalog.toml", "line": 2, "column": 9, "hint": "write it in quotes",
    });
    let rejected = pod.rejected.as_ref().map(|content| {
        json!({"at": "2026-11-22T10:00:03.000Z", "sources": [source(content)], "problems": [problem]})
    });
    Json(json!({
        "sources": pod.loaded.iter().map(source).collect::<Vec<_>>(), "rejected": rejected,
        "pending_restart": [], "effective": [],
    }))
    .into_response()
}

async fn governor_build() -> Json<Value> {
    Json(json!({
        "name": "catalog", "version": "0.1.0", "commit": "abc", "dirty": false, "host": "h", "user": "u",
        "time": "2026-11-22T09:00:00Z", "rustc": "1.95.0", "inkstone": "0.1.0", "target": "t", "profile": "dev",
    }))
}
