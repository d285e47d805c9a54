//! How the pods of the applied Deployments become ready, and where they can be looked at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anstream::println;
use inkstone::Result;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use kube::{Api, Client};

use super::manifests::Manifest;

/// A pod that is not ready after so long has a problem that its user should read about.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shows each step until all Deployments are ready. It never gives up: a mended manifest may still get there.
pub(crate) async fn watch(client: &Client, manifests: &[Manifest], started: Instant) -> Result {
    let deployments: Vec<&Manifest> =
        manifests.iter().filter(|manifest| manifest.kind() == "Deployment").collect();
    let mut shown: BTreeMap<&str, (i32, i32)> = BTreeMap::new();
    let mut patient = true;
    while !deployments.is_empty() {
        let mut waiting = false;
        for deployment in &deployments {
            let api: Api<Deployment> = Api::namespaced(client.clone(), deployment.namespace());
            let Some(found) = api.get_opt(deployment.name()).await? else { continue };
            let wanted = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = found.status.and_then(|status| status.ready_replicas).unwrap_or(0);
            if shown.insert(deployment.name(), (ready, wanted)) != Some((ready, wanted)) {
                println!(
                    "{:<10} {ready}/{wanted} ready   {:.1} s",
                    deployment.name(),
                    started.elapsed().as_secs_f64()
                );
            }
            waiting |= ready < wanted;
        }
        if !waiting {
            println!("all pods ready after {:.1} s", started.elapsed().as_secs_f64());
            break;
        }
        if patient && started.elapsed() > PATIENCE {
            patient = false;
            complain(client, &deployments).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    addresses(client, manifests).await
}

/// What the cluster has said about pods that are not ready.
async fn complain(client: &Client, deployments: &[&Manifest]) -> Result {
    let Some(first) = deployments.first() else { return Ok(()) };
    println!(
        "some pods are not ready; kubectl -n {} get pods, describe and logs tell more:",
        first.namespace()
    );
    let events: Api<Event> = Api::namespaced(client.clone(), first.namespace());
    for event in events.list(&ListParams::default()).await?.items {
        if event.type_.as_deref() == Some("Warning") {
            let name = event.involved_object.name.unwrap_or_default();
            println!("  {name}: {} {}", event.reason.unwrap_or_default(), event.message.unwrap_or_default());
        }
    }
    Ok(())
}

/// Where a browser finds what speaks HTTP.
async fn addresses(client: &Client, manifests: &[Manifest]) -> Result {
    for manifest in manifests.iter().filter(|manifest| manifest.kind() == "Deployment") {
        let pods: Api<Pod> = Api::namespaced(client.clone(), manifest.namespace());
        let labels = manifest.object["spec"]["selector"]["matchLabels"].as_object();
        let labels: Vec<String> = labels
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        let Some(pod) =
            pods.list(&ListParams::default().labels(&labels.join(","))).await?.items.into_iter().next()
        else {
            continue;
        };
        let ip = pod.status.and_then(|status| status.pod_ip).unwrap_or_default();
        let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
        for port in containers.iter().flat_map(|container| container.ports.iter().flatten()) {
            if port.name.as_deref() == Some("http") {
                println!("{:<10} http://{ip}:{}", manifest.name(), port.container_port);
            }
        }
    }
    Ok(())
}
