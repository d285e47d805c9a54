//! How the pods of the applied Deployments become ready, and where they can be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anstream::println;
use inkstone::Result;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::ListParams;
use kube::{Api, Client};

use super::manifests::Manifest;
use super::since;

/// How often the cluster is looked at: what is shown is meant for a person.
const GLANCE: Duration = Duration::from_millis(50);
/// What a container waits for as long as nothing is wrong.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Shows each step until all Deployments are ready, and what is wrong with their pods. It never gives up: a program that is
/// built, a configuration that is mended, may still get there.
pub(crate) async fn watch(client: &Client, manifests: &[Manifest], started: Instant) -> Result {
    let deployments: Vec<&Manifest> =
        manifests.iter().filter(|manifest| manifest.kind() == "Deployment").collect();
    let mut shown: BTreeMap<(&str, &str), (i32, i32)> = BTreeMap::new();
    let mut problems = BTreeSet::new();
    while !deployments.is_empty() {
        let mut waiting = false;
        for deployment in &deployments {
            let (namespace, name) = (deployment.namespace(), deployment.name());
            let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            let Some(found) = api.get_opt(name).await? else { continue };
            let wanted = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = found.status.and_then(|status| status.ready_replicas).unwrap_or(0);
            if shown.insert((namespace, name), (ready, wanted)) != Some((ready, wanted)) {
                println!("{name:<10} {ready}/{wanted} ready   {}", since(started));
            }
            waiting |= ready < wanted;
        }
        if !waiting {
            println!("all pods ready after {}", since(started));
            break;
        }
        complain(client, &deployments, &mut problems).await?;
        tokio::time::sleep(GLANCE).await;
    }
    addresses(client, manifests).await
}

/// Says once of each container why it does not run.
async fn complain(client: &Client, deployments: &[&Manifest], told: &mut BTreeSet<String>) -> Result {
    let namespaces: BTreeSet<&str> = deployments.iter().map(|deployment| deployment.namespace()).collect();
    for namespace in namespaces {
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        for pod in pods.list(&ListParams::default()).await?.items {
            let name = pod.metadata.name.unwrap_or_default();
            let status = pod.status.unwrap_or_default();
            let containers =
                status.init_container_statuses.into_iter().chain(status.container_statuses).flatten();
            for problem in containers.filter_map(|container| problem(&container)) {
                let line = format!("problem    pod {name}, {problem}");
                if told.insert(line.clone()) {
                    println!(
                        "{line}\n           kubectl -n {namespace} describe pod {name}; kubectl -n {namespace} logs {name}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Why a container does not run, if something is wrong.
fn problem(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|reason| !USUAL.contains(reason))?;
    let mut text = format!("container {}: {reason}", container.name);
    if let Some(message) = waiting.message.as_deref().filter(|message| !message.is_empty()) {
        text.push_str(&format!(": {message}"));
    }
    let last = container.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    if let Some(last) = last {
        text.push_str(&format!(" (it ended with status {})", last.exit_code));
    }
    Some(text)
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
