//! Configuration from ConfigMaps and Secrets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use inkstone_cluster::Cluster;
use inkstone_config::conformance::{self, Subject};
use inkstone_config::{Config, Settings, Sources};
use inkstone_k8s::config_source;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::Api;
use kube::api::DeleteParams;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::SOON;
use crate::cluster::{apply, client, start};
use crate::faults::{Fake, status};

/// A ConfigMap or Secret of a cluster of its own.
struct Held {
    state: tempfile::TempDir,
    listen: SocketAddr,
    kubeconfig: PathBuf,
    kind: &'static str,
    cluster: Option<Cluster>,
}

impl Held {
    async fn new(kind: &'static str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let cluster = start(state.path(), None).await;
        let kubeconfig = cluster.kubeconfig().to_owned();
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
        apply(&Api::<Namespace>::all(client(&kubeconfig).await), "shop", &namespace).await;
        let listen = cluster.url().trim_start_matches("https://").parse().unwrap();
        Self { state, listen, kubeconfig, kind, cluster: Some(cluster) }
    }

    fn at(&self, location: &str) -> Sources {
        Sources::new().remote(config_source().kubeconfig(&self.kubeconfig)).location(location)
    }

    async fn put(&self, keys: &[(&str, &str)]) {
        let keys: BTreeMap<_, _> = keys.iter().copied().collect();
        let client = client(&self.kubeconfig).await;
        let meta = json!({ "name": "catalog", "namespace": "shop" });
        if self.kind == "secret" {
            let object =
                json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys });
            apply(&Api::<Secret>::namespaced(client, "shop"), "catalog", &object).await;
        } else {
            let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": keys });
            apply(&Api::<ConfigMap>::namespaced(client, "shop"), "catalog", &object).await;
        }
    }
}

impl Subject for Held {
    fn sources(&self) -> Sources {
        self.at(&format!("k8s://shop/{}/catalog/app.toml", self.kind))
    }

    fn absent(&self) -> Sources {
        self.at(&format!("k8s://shop/{}/other/app.toml", self.kind))
    }

    async fn write(&mut self, text: &str) {
        self.put(&[("app.toml", text)]).await;
    }

    async fn delete(&mut self) {
        let client = client(&self.kubeconfig).await;
        let params = DeleteParams::default();
        if self.kind == "secret" {
            Api::<Secret>::namespaced(client, "shop").delete("catalog", &params).await.unwrap();
        } else {
            Api::<ConfigMap>::namespaced(client, "shop").delete("catalog", &params).await.unwrap();
        }
    }

    async fn lose(&mut self) {
        self.cluster.take().unwrap().stop().await.unwrap();
    }

    async fn restore(&mut self) {
        self.cluster = Some(start(self.state.path(), Some(self.listen)).await);
    }

    fn credentials(&self) -> Vec<String> {
        let config = kube::config::Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let file = std::fs::read_to_string(&self.kubeconfig).unwrap();
        let users = config.auth_infos.len();
        let secret = |line: &str| {
            ["token: ", "client-key-data: "].iter().find_map(|key| Some(line.split_once(key)?.1.to_owned()))
        };
        let found: Vec<_> = file.lines().filter_map(secret).collect();
        assert!(users == 0 || !found.is_empty(), "the kubeconfig has no credentials to look for");
        found.iter().map(|text| text.trim_matches('"').to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configmap_does_what_every_source_must() {
    conformance::check(Held::new("configmap").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_does_what_every_source_must() {
    conformance::check(Held::new("secret").await).await;
}

/// A shelf of the shop.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Shelf {
    /// How many goods fit.
    #[schemars(extend("x-live" = true))]
    goods: u32,
}

impl Config for Shelf {}

fn text(goods: u32) -> String {
    format!("[shelf]\ngoods = {goods}\n")
}

/// Asserts that every write arrives, and prints how soon: docs/performance.md has the figures.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_writes_each_are_applied() {
    let held = Held::new("configmap").await;
    held.put(&[("app.toml", &text(0))]).await;
    let sources = held.at("k8s://shop/catalog/app.toml");
    sources.fetch().await;
    let settings = Settings::open(sources);
    let shelf = settings.load::<Shelf>("shelf", "shelf");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    let _watching = settings.watch();
    let maps = Api::<ConfigMap>::namespaced(client(&held.kubeconfig).await, "shop");
    let mut took = Vec::new();
    for goods in 1..=50 {
        let mut changes = shelf.changes();
        let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "catalog", "namespace": "shop" },
            "data": { "app.toml": text(goods) } });
        let before = Instant::now();
        apply(&maps, "catalog", &object).await;
        let arrived = tokio::time::timeout(SOON, async {
            while shelf.get().goods != goods {
                changes.changed().await;
            }
        });
        arrived.await.unwrap_or_else(|_| panic!("write {goods} does not arrive; {:?}", settings.status()));
        took.push(before.elapsed());
    }
    took.sort();
    println!("ConfigMap from before the write to applied, 50 writes: p50 {:?}, p99 {:?}", took[24], took[49]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_documents_of_an_object_are_merged_and_removed_keys_disappear() {
    let held = Held::new("configmap").await;
    held.put(&[("a.toml", &text(1)), ("b.yaml", "shelf:\n  goods: 2\n"), ("nginx.conf", "server {}")]).await;
    let sources = held.at("k8s://shop/catalog/");
    sources.fetch().await;
    let settings = Settings::open(sources);
    let shelf = settings.load::<Shelf>("shelf", "shelf");
    assert!(settings.problems().is_empty(), "{}", settings.problems());
    assert_eq!(shelf.get().goods, 2);
    assert_eq!(settings.effective()[0].origin, "k8s://shop/catalog/b.yaml:2:10");
    let mut changes = shelf.changes();
    let _watching = settings.watch();
    held.put(&[("a.toml", &text(1)), ("nginx.conf", "server {}")]).await;
    tokio::time::timeout(SOON, changes.changed()).await.expect("the removal of a key arrives");
    assert_eq!(shelf.get().goods, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_there_names_those_that_are() {
    let held = Held::new("configmap").await;
    held.put(&[("a.toml", &text(1))]).await;
    let report = problems(held.at("k8s://shop/catalog/b.toml")).await;
    for part in
        ["INK1014", "k8s://shop/catalog/b.toml: ", "shop/catalog has no key `b.toml`; it has `a.toml`"]
    {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

async fn problems(sources: Sources) -> String {
    sources.fetch().await;
    Settings::open(sources).problems().to_string()
}

async fn fake_problems(fake: Fake, dir: &Path, location: &str) -> String {
    let kubeconfig = fake.serve(dir).await;
    problems(Sources::new().remote(config_source().kubeconfig(kubeconfig)).location(location)).await
}

#[tokio::test]
async fn an_account_without_the_right_is_told_the_role_it_needs() {
    let fake = Fake::new(|_| (StatusCode::FORBIDDEN, status(403, "configmaps is forbidden")), |_| Vec::new());
    let dir = tempfile::tempdir().unwrap();
    let report = fake_problems(fake, dir.path(), "k8s://shop/catalog/a.toml?timeout=1h").await;
    for part in
        ["INK1014", "configmaps is forbidden", "--verb=get,list,watch", "--resource-name=catalog", "-n shop"]
    {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

#[tokio::test]
async fn an_api_that_is_not_there_is_named_after_the_time_of_the_address() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = crate::faults::kubeconfig(dir.path(), &server);
    let location = format!("k8s://shop/catalog/a.toml?timeout=300ms&kubeconfig={}", kubeconfig.display());
    let report = problems(Sources::new().remote(config_source()).location(location)).await;
    for part in [server.as_str(), "does not answer", "(tried for 300ms)"] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

fn map(version: usize, goods: u32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "catalog", "namespace": "shop", "resourceVersion": version.to_string() },
        "data": { "a.toml": text(goods) },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_past_is_forgotten_the_object_is_listed_again() {
    let fake = Fake::new(
        |number| {
            let items = [map(number * 10, u32::try_from(number).unwrap())];
            let meta = json!({ "resourceVersion": (number * 10).to_string() });
            (
                StatusCode::OK,
                json!({ "apiVersion": "v1", "kind": "ConfigMapList", "metadata": meta, "items": items }),
            )
        },
        |number| match number {
            1 => vec![
                json!({ "type": "BOOKMARK", "object": { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "resourceVersion": "15" } } }),
                json!({ "type": "ERROR", "object": status(410, "too old resource version") }),
            ],
            _ => vec![json!({ "type": "MODIFIED", "object": map(21, 9) })],
        },
    );
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = fake.serve(dir.path()).await;
    let sources =
        Sources::new().remote(config_source().kubeconfig(kubeconfig)).location("k8s://shop/catalog/a.toml");
    sources.fetch().await;
    let settings = Settings::open(sources);
    let shelf = settings.load::<Shelf>("shelf", "shelf");
    let _watching = settings.watch();
    let start = Instant::now();
    while shelf.get().goods != 9 {
        assert!(start.elapsed() < SOON, "{:?}", settings.status());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
