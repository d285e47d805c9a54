//! The console with the local cluster: the same Kubernetes API that services meet.

use inkstone_cluster::{Cluster, ClusterOptions};
use inkstone_console::{Cluster as Connection, Console, hash};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::sqlite::SqlitePoolOptions;

use crate::kubernetes::{FILE, FIRST};
use crate::releases::{live_hash, publish, save};
use crate::site::{Browser, PASSWORD, database, problem, quick};

struct Local {
    cluster: Cluster,
    client: Client,
    dir: tempfile::TempDir,
}

fn object<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

impl Local {
    /// A cluster with an application of no pods.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // No container is started, so nothing needs the program that would start it.
        let options = ClusterOptions::new(dir.path().join("cluster"), ["true"]);
        let cluster = Cluster::start(options).await.unwrap();
        let file = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let made = PostParams::default();
        let shop: Namespace = object(json!({"metadata": {"name": "shop"}}));
        Api::all(client.clone()).create(&made, &shop).await.unwrap();
        let map: ConfigMap = object(json!({
            "metadata": {"name": "catalog"}, "data": {"catalog.toml": FIRST, "other.toml": "# mine\n"},
        }));
        Api::namespaced(client.clone(), "shop").create(&made, &map).await.unwrap();
        let deployment: Deployment = object(json!({
            "metadata": {"name": "catalog", "labels": {"app.kubernetes.io/name": "catalog"}},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": "catalog"}},
                "template": {
                    "metadata": {"labels": {"app": "catalog"}},
                    "spec": {
                        "containers": [{"name": "catalog", "image": "inkstone.local/catalog"}],
                        "volumes": [{"name": "config", "configMap": {"name": "catalog"}}],
                    },
                },
            },
        }));
        Api::namespaced(client.clone(), "shop").create(&made, &deployment).await.unwrap();
        Self { cluster, client, dir }
    }

    async fn admin(&self) -> Browser {
        let pool = SqlitePoolOptions::new().connect_with(database(self.dir.path())).await.unwrap();
        let connection = Connection::connect("local", Some(self.cluster.kubeconfig())).await.unwrap();
        let console = Console::open(pool, connection, quick()).await.unwrap();
        let token = console.setup_token().await.unwrap().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut admin = Browser::at(&format!("http://{}/", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, console.router()).await });
        let body = json!({"token": token, "name": "root", "password": PASSWORD});
        let reply = admin.post("setup", &body).await;
        admin.remember(reply).await;
        admin
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), "shop")
    }
}

#[tokio::test]
async fn a_publish_changes_one_key_and_says_who_did_it() {
    let local = Local::start().await;
    let admin = local.admin().await;
    assert_eq!(admin.read("applications").await["items"][0]["name"], "catalog");
    let release = publish(&admin, "a = 1\n").await;
    let map = local.maps().get("catalog").await.unwrap();
    let data = map.data.unwrap();
    assert_eq!((data["catalog.toml"].as_str(), data["other.toml"].as_str()), ("a = 1\n", "# mine\n"));
    let annotations = map.metadata.annotations.unwrap();
    assert_eq!(annotations["inkstone.dev/release"], release["id"].as_str().unwrap());
    assert_eq!(annotations["inkstone.dev/hash.catalog.toml"], hash("a = 1\n"));
    let done = admin.final_release(release["id"].as_str().unwrap()).await;
    assert_eq!(done["state"], "complete", "no pod has anything to load: {done}");
}

#[tokio::test]
async fn a_change_by_kubectl_is_seen_and_not_overwritten() {
    let local = Local::start().await;
    let admin = local.admin().await;
    let revision = save(&admin, "a = 1\n").await;
    let compared = live_hash(&admin).await;
    let patch = Patch::Merge(json!({"data": {"catalog.toml": "by = \"kubectl\"\n"}}));
    local.maps().patch("catalog", &PatchParams::default(), &patch).await.unwrap();
    let body = json!({"revision": revision, "expected_live_hash": compared});
    let (_, code, _) = problem(admin.post(&format!("{FILE}/releases"), &body).await).await;
    assert_eq!(code, "live_changed");
    assert_eq!(admin.read(FILE).await["live"]["content"], "by = \"kubectl\"\n");
}

#[tokio::test]
async fn a_cluster_that_has_stopped_is_named() {
    let local = Local::start().await;
    let admin = local.admin().await;
    let url = local.cluster.url();
    local.cluster.stop().await.unwrap();
    let (status, code, answer) = problem(admin.get("applications").await).await;
    assert_eq!((status, code.as_str()), (503, "cluster_unreachable"));
    assert!(answer["detail"].as_str().unwrap().contains(&url), "{answer}");
}
