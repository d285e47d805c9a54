//! The cluster as the `kube` client sees it.
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use inkstone_cluster::Cluster;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{from_value, json};
use tokio::time::timeout;

use super::{
    client::{config_map, start, start_with_history},
    fixture::pod,
};

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

async fn config_maps(cluster: &Cluster) -> Api<ConfigMap> {
    Api::namespaced(connect(cluster).await, "default")
}

#[tokio::test]
async fn kube_creates_patches_lists_and_deletes() {
    let (fixture, _client) = start().await;
    let api = config_maps(&fixture.cluster).await;
    let object: ConfigMap = from_value(config_map("a", "1")).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
    let patch = Patch::Apply(config_map("a", "2"));
    let applied = api.patch("a", &PatchParams::apply("test").force(), &patch).await.unwrap();
    assert_eq!(applied.data.unwrap()["a"], "2");
    let mut stale = api.get("a").await.unwrap();
    api.patch("a", &PatchParams::default(), &Patch::Merge(json!({ "data": { "a": "3" } }))).await.unwrap();
    stale.data = None;
    let conflict = api.replace("a", &PostParams::default(), &stale).await.unwrap_err();
    assert!(matches!(&conflict, kube::Error::Api(status) if status.code == 409), "{conflict}");
    let listed = api.list(&ListParams::default().fields("metadata.name=a")).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert!(listed.metadata.resource_version.is_some_and(|v| !v.is_empty()));
    api.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(api.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_kube_watcher_sees_every_change_with_and_without_streaming_lists() {
    for streaming in [false, true] {
        let (fixture, client) = start().await;
        let api = config_maps(&fixture.cluster).await;
        let mut config = watcher::Config::default().labels("mine");
        if streaming {
            config = config.streaming_lists();
        }
        let mut events = watcher(api, config).boxed();
        for expected in ["Init", "InitDone"] {
            let event = timeout(PATIENCE, events.try_next()).await.unwrap().unwrap().unwrap();
            assert!(format!("{event:?}").starts_with(expected), "{event:?}");
        }
        for n in 0..5 {
            let mut object = config_map(&format!("a{n}"), "1");
            object["metadata"]["labels"] = json!({ "mine": "yes" });
            client.post(super::client::CONFIGMAPS, &object).await.expect(201);
            match timeout(PATIENCE, events.try_next()).await.unwrap().unwrap().unwrap() {
                watcher::Event::Apply(seen) => assert_eq!(seen.name_any(), format!("a{n}")),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_kube_watcher_recovers_from_an_expired_version() {
    // So short a history that a watcher which lists and then watches is sometimes too late.
    let (fixture, client) = start_with_history(1).await;
    let api = config_maps(&fixture.cluster).await;
    let events = watcher(api, watcher::Config::default().labels("mine")).default_backoff().applied_objects();
    let mut events = events.boxed();
    for n in 0..30 {
        let mut object = config_map("a", &n.to_string());
        object["metadata"]["labels"] = json!({ "mine": "yes" });
        if n == 0 {
            client.post(super::client::CONFIGMAPS, &object).await.expect(201);
        } else {
            client.put(&format!("{}/a", super::client::CONFIGMAPS), &object).await.expect(200);
        }
    }
    let last = async {
        loop {
            match events.next().await.expect("a watcher never ends") {
                Ok(seen) if seen.data.as_ref().is_some_and(|d| d["a"] == "29") => return,
                _ => {} // an earlier state, or an expired version that it recovers from
            }
        }
    };
    timeout(PATIENCE, last).await.unwrap();
}

#[tokio::test]
async fn kube_runs_a_pod_and_reads_its_log() {
    let (fixture, _client) = start().await;
    let api: Api<Pod> = Api::namespaced(connect(&fixture.cluster).await, "default");
    let mut wanted = pod("p", "echo hello; exec sleep 600");
    wanted["apiVersion"] = "v1".into();
    wanted["kind"] = "Pod".into();
    api.create(&PostParams::default(), &from_value(wanted).unwrap()).await.unwrap();
    let running =
        kube::runtime::wait::await_condition(api.clone(), "p", kube::runtime::conditions::is_pod_running());
    timeout(PATIENCE, running).await.unwrap().unwrap();
    fixture
        .until("it has said something", || fixture.pod("p").filter(|p| !fixture.log(p, "main", 0).is_empty()))
        .await;
    assert_eq!(api.logs("p", &LogParams::default()).await.unwrap(), "hello\n");
    api.delete("p", &DeleteParams::default().grace_period(0)).await.unwrap();
}
