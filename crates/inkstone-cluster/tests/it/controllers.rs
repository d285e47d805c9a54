//! Deployments, replica sets, services, namespaces and owners, with real processes behind them.
use std::collections::BTreeSet;

use inkstone_cluster::store::{
    CONFIGMAPS, DEPLOYMENTS, DeleteOptions, ENDPOINTSLICES, NAMESPACES, PODS, Propagation, REPLICASETS,
    SECRETS, SERVICEACCOUNTS, SERVICES, Selector, object,
};
use serde_json::json;

use crate::fixture::{Fixture, container, deployment, is_ready, pod};

#[tokio::test]
async fn a_deployment_scales_up_and_down() {
    let f = Fixture::start().await;
    f.create(DEPLOYMENTS, deployment("web", 2));
    let pods = f.until_ready(2).await;
    let addresses: BTreeSet<_> = pods.iter().map(|pod| pod["status"]["podIP"].to_string()).collect();
    assert_eq!(addresses.len(), 2, "each pod has an address of its own: {addresses:?}");
    f.edit(DEPLOYMENTS, "web", |web| web["spec"]["replicas"] = 4.into());
    f.until_ready(4).await;
    f.edit(DEPLOYMENTS, "web", |web| web["spec"]["replicas"] = 1.into());
    f.until_ready(1).await;
    let status = f
        .until("the deployment says so", || {
            let web = f.store().get(DEPLOYMENTS, "default", "web").unwrap();
            (web["status"]["replicas"] == 1).then(|| web["status"].clone())
        })
        .await;
    assert_eq!(status["availableReplicas"], 1);
    assert_eq!(status["observedGeneration"], 3);
    f.cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_rolling_update_never_has_too_few_pods_nor_too_many() {
    let f = Fixture::start().await;
    let mut web = deployment("web", 3);
    web["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    f.create(DEPLOYMENTS, web);
    let old: BTreeSet<_> = f.until_ready(3).await.iter().map(|pod| object::uid(pod).to_owned()).collect();
    f.edit(DEPLOYMENTS, "web", |web| {
        web["spec"]["template"]["spec"]["containers"][0] = container("echo second; exec sleep 600");
    });
    f.until("the update is complete", || {
        let staying: Vec<_> = f.pods().into_iter().filter(|pod| !object::is_deleting(pod)).collect();
        assert!(staying.len() <= 4, "3 and a surge of 1, not {}", staying.len());
        assert!(f.ready().len() >= 3, "none may be missing");
        let web = f.store().get(DEPLOYMENTS, "default", "web").unwrap();
        let done = web["status"]["observedGeneration"] == web["metadata"]["generation"]
            && web["status"]["updatedReplicas"] == 3
            && web["status"]["replicas"] == 3
            && web["status"]["availableReplicas"] == 3;
        done.then_some(())
    })
    .await;
    assert!(f.ready().iter().all(|pod| !old.contains(object::uid(pod))), "no old pod is left");
    let sets = f.store().list(REPLICASETS, Some("default"), &Selector::all()).items;
    let mut revisions: Vec<_> = sets
        .iter()
        .map(|set| object::annotation(set, "deployment.kubernetes.io/revision").unwrap().to_owned())
        .collect();
    revisions.sort();
    assert_eq!(revisions, ["1", "2"]);
    let progressing =
        f.store().get(DEPLOYMENTS, "default", "web").unwrap()["status"]["conditions"][1].clone();
    assert_eq!(progressing["reason"], "NewReplicaSetAvailable");
}

#[tokio::test]
async fn a_rollback_brings_the_old_replica_set_back_as_the_newest_revision() {
    let f = Fixture::start().await;
    f.create(DEPLOYMENTS, deployment("web", 1));
    f.until_ready(1).await;
    let revision = |number: &str| {
        let web = f.store().get(DEPLOYMENTS, "default", "web").unwrap();
        let here = object::annotation(&web, "deployment.kubernetes.io/revision") == Some(number);
        let done = here && web["status"]["updatedReplicas"] == 1 && web["status"]["replicas"] == 1;
        (done && f.ready().len() == 1).then_some(())
    };
    let run = |script: &'static str| {
        f.edit(DEPLOYMENTS, "web", |web| {
            web["spec"]["template"]["spec"]["containers"][0] = container(script)
        });
    };
    run("echo 2; exec sleep 600");
    f.until("revision 2", || revision("2")).await;
    run("exec sleep 600");
    f.until("revision 3", || revision("3")).await;
    assert_eq!(f.store().list(REPLICASETS, Some("default"), &Selector::all()).items.len(), 2);
}

#[tokio::test]
async fn recreate_starts_the_new_version_after_the_old_is_gone() {
    let f = Fixture::start().await;
    let mut web = deployment("web", 2);
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    f.create(DEPLOYMENTS, web);
    let old: BTreeSet<_> = f.until_ready(2).await.iter().map(|pod| object::uid(pod).to_owned()).collect();
    f.edit(DEPLOYMENTS, "web", |web| {
        web["spec"]["template"]["spec"]["containers"][0] = container("echo second; exec sleep 600");
    });
    f.until("only new pods", || {
        let (before, after): (Vec<_>, Vec<_>) =
            f.pods().into_iter().partition(|pod| old.contains(object::uid(pod)));
        assert!(before.is_empty() || after.is_empty(), "never both at once");
        (after.len() == 2 && after.iter().all(|pod| is_ready(pod))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deleted_pod_is_replaced() {
    let f = Fixture::start().await;
    f.create(DEPLOYMENTS, deployment("web", 1));
    let first = f.until_ready(1).await.remove(0);
    f.delete(PODS, object::name(&first));
    f.until("another pod", || f.ready().into_iter().find(|pod| object::uid(pod) != object::uid(&first)))
        .await;
}

#[tokio::test]
async fn endpoints_follow_readiness_and_deletion() {
    let f = Fixture::start().await;
    let flag = f.dir.path().join("ready");
    f.create(
        SERVICES,
        json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": "main"}]}}),
    );
    f.until("an empty slice", || {
        let mine = Selector::labels([("kubernetes.io/service-name", "web")]);
        (f.store().list(ENDPOINTSLICES, Some("default"), &mine).items.len() == 1).then_some(())
    })
    .await;
    let mut web = pod("web", "trap 'sleep 0.3; exit 0' TERM; echo up; while :; do sleep 0.05; done");
    web["spec"]["terminationGracePeriodSeconds"] = 10.into();
    web["spec"]["containers"][0]["ports"] = json!([{"name": "main", "containerPort": 8080}]);
    web["spec"]["containers"][0]["readinessProbe"] = json!({"exec": {"command": ["test", "-f", flag.to_str().unwrap()]}, "periodSeconds": 1, "failureThreshold": 1});
    f.create(PODS, web);
    let conditions = |ready: bool, terminating: bool| {
        let endpoints = f.endpoints("web");
        let found = endpoints.first()?;
        (found["conditions"]["ready"] == ready && found["conditions"]["terminating"] == terminating)
            .then_some(())
    };
    f.until("an endpoint that is not ready", || conditions(false, false)).await;
    f.until_log("web", "up").await;
    std::fs::write(&flag, "").unwrap();
    f.until("ready", || conditions(true, false)).await;
    std::fs::remove_file(&flag).unwrap();
    f.until("not ready again", || conditions(false, false)).await;
    std::fs::write(&flag, "").unwrap();
    f.until("and ready again", || conditions(true, false)).await;
    f.delete(PODS, "web");
    f.until("not ready while it ends", || conditions(false, true)).await;
    assert!(f.pod("web").is_some(), "it is still there");
    f.until("gone", || f.endpoints("web").is_empty().then_some(())).await;
    let slices = f.store().list(ENDPOINTSLICES, Some("default"), &Selector::all()).items;
    assert_eq!(slices.len(), 1);
    f.delete(SERVICES, "web");
    f.until("the slice goes with its service", || {
        f.store().list(ENDPOINTSLICES, Some("default"), &Selector::all()).items.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn deleting_a_deployment_takes_its_pods_along_unless_they_are_orphaned() {
    let f = Fixture::start().await;
    f.create(DEPLOYMENTS, deployment("web", 2));
    f.until_ready(2).await;
    let orphan = DeleteOptions { propagation: Propagation::Orphan, ..DeleteOptions::default() };
    f.store().delete(DEPLOYMENTS, "default", "web", &orphan).unwrap();
    f.until("the deployment is gone", || f.store().get(DEPLOYMENTS, "default", "web").err()).await;
    assert_eq!(f.ready().len(), 2);
    let sets = || f.store().list(REPLICASETS, Some("default"), &Selector::all()).items;
    assert!(sets()[0]["metadata"]["ownerReferences"].is_null());
    // The next deployment of that name takes them over.
    f.create(DEPLOYMENTS, deployment("web", 2));
    f.until("adopted", || {
        (sets()[0]["metadata"]["ownerReferences"][0]["kind"] == "Deployment").then_some(())
    })
    .await;
    assert_eq!((sets().len(), f.pods().len()), (1, 2));
    let foreground = DeleteOptions { propagation: Propagation::Foreground, ..DeleteOptions::default() };
    f.store().delete(DEPLOYMENTS, "default", "web", &foreground).unwrap();
    f.until("everything is gone", || {
        let gone = f.store().get(DEPLOYMENTS, "default", "web").is_err();
        assert!(!gone || f.pods().is_empty(), "the owner waits for its pods");
        (gone && sets().is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deleted_namespace_is_emptied_first() {
    let f = Fixture::start().await;
    f.create(NAMESPACES, json!({"metadata": {"name": "shop"}}));
    f.until("its account", || f.store().get(SERVICEACCOUNTS, "shop", "default").ok()).await;
    let mut web = deployment("web", 1);
    web["metadata"]["namespace"] = "shop".into();
    f.create(DEPLOYMENTS, web);
    f.create(SECRETS, json!({"metadata": {"name": "keys", "namespace": "shop"}}));
    f.create(CONFIGMAPS, json!({"metadata": {"name": "app", "namespace": "shop"}}));
    f.until("a running pod", || {
        let pods = f.store().list(PODS, Some("shop"), &Selector::all()).items;
        pods.first().filter(|pod| is_ready(pod)).cloned()
    })
    .await;
    f.store().delete(NAMESPACES, "", "shop", &DeleteOptions::default()).unwrap();
    f.until("the namespace is gone", || f.store().get(NAMESPACES, "", "shop").err()).await;
    for kind in [PODS, DEPLOYMENTS, REPLICASETS, SECRETS, CONFIGMAPS, SERVICEACCOUNTS] {
        assert!(f.store().list(kind, Some("shop"), &Selector::all()).items.is_empty(), "{}", kind.plural);
    }
}
