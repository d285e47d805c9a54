//! Leases in the API of the local cluster.

use std::path::Path;
use std::time::Duration;

use inkstone_core::{Claim, Leases, Tenure, Token};
use inkstone_k8s::KubernetesLeases;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::SOON;
use crate::cluster::{client, start};

fn leases(kubeconfig: &Path) -> Leases {
    Leases::new(KubernetesLeases::new().kubeconfig(kubeconfig).namespace("default"))
}

fn claim(holder: &str) -> Claim {
    Claim::new("shop-sweep", holder, Duration::from_secs(1), Duration::from_millis(100))
}

async fn held(tenure: &mut Tenure) -> Token {
    let wait = async {
        while tenure.token().is_none() {
            tenure.changed().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("the lease is taken");
    tenure.token().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_turns_and_each_turn_has_a_greater_token() {
    let state = tempfile::tempdir().unwrap();
    let cluster = start(state.path(), None).await;
    let kept = Api::<Lease>::namespaced(client(cluster.kubeconfig()).await, "default");
    let holder = || async { kept.get("shop-sweep").await.unwrap().spec.unwrap().holder_identity };

    let mut one = leases(cluster.kubeconfig()).compete(claim("one"));
    let first = held(&mut one).await;
    assert_eq!(holder().await.as_deref(), Some("one"));
    let mut two = leases(cluster.kubeconfig()).compete(claim("two"));
    // Longer than it holds when it is not renewed.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!((one.token(), two.token()), (Some(first), None));

    // Let go of: the other has it without waiting for its end.
    one.release().await.unwrap();
    let second = held(&mut two).await;
    assert!(second > first, "{second} after {first}");
    assert_eq!(holder().await.as_deref(), Some("two"));

    // Gone without letting go: the next has it when it has run out.
    drop(two);
    let mut three = leases(cluster.kubeconfig()).compete(claim("three"));
    let third = held(&mut three).await;
    assert!(third > second, "{third} after {second}");
    assert_eq!(holder().await.as_deref(), Some("three"));

    // Taken away by somebody: lost, and not fought over.
    let mut lease = kept.get("shop-sweep").await.unwrap();
    lease.spec.as_mut().unwrap().holder_identity = Some("operator".to_owned());
    lease.spec.as_mut().unwrap().lease_duration_seconds = Some(600);
    while kept.replace("shop-sweep", &kube::api::PostParams::default(), &lease).await.is_err() {
        lease.metadata.resource_version = kept.get("shop-sweep").await.unwrap().metadata.resource_version;
    }
    let lost = async {
        while three.token().is_some() {
            three.changed().await;
        }
    };
    tokio::time::timeout(SOON, lost).await.expect("it is lost");
    three.release().await.unwrap();
    assert_eq!(holder().await.as_deref(), Some("operator"));
    cluster.stop().await.unwrap();
}
