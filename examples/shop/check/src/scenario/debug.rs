//! Point 7: the six-tuple of each call.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::cluster::name;
use crate::report::Report;
use crate::wait::until;
use crate::world::World;

pub(crate) async fn run(world: &World, report: &mut Report) {
    let limit = Duration::from_secs(60);
    report
        .see("INKSTONE_DEBUG=1 shows name, target, request, response, cost, line", limit, async {
            set_debug(world, "1").await?;
            let line = six_tuple(world).await;
            set_debug(world, "0").await?;
            line
        })
        .await;
}

/// Changes the storefront's environment and waits for its new pod.
async fn set_debug(world: &World, value: &str) -> anyhow::Result<()> {
    let container = json!({ "name": "storefront", "env": [{ "name": "INKSTONE_DEBUG", "value": value }] });
    let patch = json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
    let before = world.cluster.pods("storefront").await?;
    world.cluster.patch_deployment("storefront", &patch).await?;
    until(Duration::from_secs(30), "a new storefront", || async {
        let pods = world.cluster.ready("storefront", 1, Duration::ZERO).await?;
        ensure!(before.iter().all(|old| name(old) != name(&pods[0])), "the old one still serves");
        Ok(())
    })
    .await
}

async fn six_tuple(world: &World) -> anyhow::Result<String> {
    world.shop("/api/products").await?;
    let pods = world.cluster.pods("storefront").await?;
    let pod = name(pods.first().context("a pod of storefront")?);
    until(Duration::from_secs(5), "a six-tuple in the log", || async {
        let log = world.cluster.logs(pod).await?;
        let line = log.lines().find(|line| line.contains("grpc.catalog") && line.contains("storefront/src/"));
        let line = line.with_context(|| log.lines().last().unwrap_or_default().to_owned())?;
        for part in ["main.rs:", "ListProductsRequest", "=> ", "ListProductsResponse", "ms]"] {
            ensure!(line.contains(part), "`{part}` is not in: {line}");
        }
        Ok(line.chars().take(220).collect())
    })
    .await
}
