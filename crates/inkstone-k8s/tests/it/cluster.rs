//! Over the local cluster.

use std::net::SocketAddr;
use std::path::Path;

use inkstone_cluster::{Cluster, ClusterOptions};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::{expect, follow, until};

/// A service without a selector, so that its slices are the test's to write.
struct Shop {
    cluster: Cluster,
    slices: Api<EndpointSlice>,
}

pub(crate) async fn start(state: &Path, listen: Option<SocketAddr>) -> Cluster {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = ClusterOptions::new(state, [std::env::current_exe().unwrap()]);
    Cluster::start(ClusterOptions { listen: listen.unwrap_or(options.listen), ..options }).await.unwrap()
}

pub(crate) async fn client(kubeconfig: &Path) -> Client {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap())
        .unwrap()
}

pub(crate) async fn apply<K>(api: &Api<K>, name: &str, object: &Value)
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap();
}

impl Shop {
    async fn open(state: &Path) -> Self {
        let cluster = start(state, None).await;
        let client = client(cluster.kubeconfig()).await;
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
        apply(&Api::<Namespace>::all(client.clone()), "shop", &namespace).await;
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "catalog", "namespace": "shop" },
            "spec": { "ports": [{ "name": "grpc", "port": 9002 }] },
        });
        apply(&Api::<Service>::namespaced(client.clone(), "shop"), "catalog", &service).await;
        Self { cluster, slices: Api::namespaced(client, "shop") }
    }

    /// Writes the slice `name` with these addresses, each with whether it is ready.
    async fn write(&self, name: &str, addresses: &[(&str, bool)]) {
        let endpoints = addresses
            .iter()
            .map(|(address, ready)| json!({ "addresses": [address], "conditions": { "ready": ready } }));
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": name, "namespace": "shop", "labels": { "kubernetes.io/service-name": "catalog" } },
            "ports": [{ "name": "grpc", "port": 9002, "protocol": "TCP" }],
            "endpoints": endpoints.collect::<Vec<_>>(),
        });
        apply(&self.slices, name, &slice).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_follows_every_change_of_every_slice() {
    let state = tempfile::tempdir().unwrap();
    let shop = Shop::open(state.path()).await;
    let mut catalog = follow(shop.cluster.kubeconfig(), "k8s:///catalog.shop:grpc");
    expect(&mut catalog, &[]).await;
    shop.write("catalog-a", &[("127.1.0.1", true), ("127.1.0.2", false)]).await;
    expect(&mut catalog, &["127.1.0.1:9002"]).await;
    shop.write("catalog-a", &[("127.1.0.1", true), ("127.1.0.2", true)]).await;
    expect(&mut catalog, &["127.1.0.1:9002", "127.1.0.2:9002"]).await;
    shop.write("catalog-b", &[("127.1.0.3", true)]).await;
    expect(&mut catalog, &["127.1.0.1:9002", "127.1.0.2:9002", "127.1.0.3:9002"]).await;
    shop.slices.delete("catalog-a", &DeleteParams::default()).await.unwrap();
    expect(&mut catalog, &["127.1.0.3:9002"]).await;
    // Without a namespace the pod's own is meant; the port may be a number.
    let mut own = follow(shop.cluster.kubeconfig(), "k8s:///catalog:9002");
    expect(&mut own, &["127.1.0.3:9002"]).await;
    shop.cluster.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_is_down_the_last_good_set_stays_and_what_changed_is_seen_after() {
    let state = tempfile::tempdir().unwrap();
    let shop = Shop::open(state.path()).await;
    shop.write("catalog-a", &[("127.1.0.1", true)]).await;
    let kubeconfig = shop.cluster.kubeconfig().to_owned();
    let url = shop.cluster.url();
    let mut catalog = follow(&kubeconfig, "k8s:///catalog.shop:grpc");
    expect(&mut catalog, &["127.1.0.1:9002"]).await;
    shop.cluster.stop().await.unwrap();

    let down = until(&mut catalog, "an error", |now| now.error().is_some()).await;
    let error = down.error().unwrap();
    for part in [url.as_str(), kubeconfig.to_str().unwrap(), "does not answer"] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert_eq!(crate::addresses(&down), ["127.1.0.1:9002"]);

    let listen = url.trim_start_matches("https://").parse().unwrap();
    let cluster = start(state.path(), Some(listen)).await;
    let slices = Api::namespaced(client(cluster.kubeconfig()).await, "shop");
    let shop = Shop { cluster, slices };
    expect(&mut catalog, &["127.1.0.1:9002"]).await;
    shop.write("catalog-a", &[("127.1.0.9", true)]).await;
    expect(&mut catalog, &["127.1.0.9:9002"]).await;
    shop.cluster.stop().await.unwrap();
}
