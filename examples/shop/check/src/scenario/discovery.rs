//! Point 3: the storefront follows the pods of catalog.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio_util::sync::CancellationToken;

use super::start::rounded;
use crate::cluster::{is_ready, name};
use crate::load::{self, ask};
use crate::report::Report;
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);
/// As many as a service has in a busy month; a loss that is rare shows.
const ROLLS: u32 = 20;

pub(crate) async fn run(world: &World, report: &mut Report) {
    report.see("the storefront balances over both pods of catalog", LIMIT, balanced(world, 2)).await;
    let mut after = None;
    report
        .see("scaled to three, the new pod is used once ready, not before", LIMIT, async {
            let waited = scaled(world).await?;
            after = Some(waited);
            Ok(format!("first call {:.0} ms after ready", waited.as_secs_f64() * 1000.0))
        })
        .await;
    if let Some(after) = after {
        report.number("ready to first call of a new pod, s", rounded(after));
    }
    report.see("a catalog pod deleted under 200 requests/s loses none", LIMIT, deleted(world)).await;
    report
        .see("20 rolling restarts in a row under 200 requests/s lose none", ROLLS * LIMIT, restarted(world))
        .await;
    report
        .see("scaled back to two", LIMIT, async {
            world.cluster.kubectl(&["scale", "deployment/catalog", "--replicas=2"]).await?;
            world.cluster.ready("catalog", 2, LIMIT).await?;
            balanced(world, 2).await
        })
        .await;
}

/// The pods that answer, out of plenty of requests.
async fn balanced(world: &World, count: usize) -> anyhow::Result<String> {
    let mut answered = BTreeSet::new();
    for _ in 0..40 {
        answered
            .insert(world.shop("/api/products").await?["served_by"].as_str().unwrap_or_default().to_owned());
    }
    let pods: BTreeSet<String> =
        world.cluster.pods("catalog").await?.iter().map(|pod| name(pod).to_owned()).collect();
    ensure!(answered == pods && pods.len() == count, "pods {pods:?}, answered by {answered:?}");
    Ok(format!("{count} of {count} pods answer"))
}

/// How long after its readiness the new pod gets its first call.
async fn scaled(world: &World) -> anyhow::Result<Duration> {
    let before: BTreeSet<String> =
        world.cluster.pods("catalog").await?.iter().map(|pod| name(pod).to_owned()).collect();
    let url = world.cluster.url("storefront", "http").await? + "/api/products";
    world.cluster.kubectl(&["scale", "deployment/catalog", "--replicas=3"]).await?;
    let mut ready_at = None;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        ensure!(Instant::now() < deadline, "no call reached the new pod; ready: {}", ready_at.is_some());
        let served_by =
            ask(world.http.clone(), url.clone()).await?["served_by"].as_str().unwrap_or_default().to_owned();
        let served_at = Instant::now();
        if !before.contains(&served_by) {
            // Asked after the call: a pod that was called before it was ready is still not ready now.
            let pod = world.cluster.pod(&served_by).await.context("who answered")?;
            ensure!(is_ready(&pod), "{served_by} was called before it was ready");
            let waited = ready_at.map_or(Duration::ZERO, |ready_at| served_at - ready_at);
            ensure!(waited <= Duration::from_secs(1), "{served_by} waited {waited:?} for its first call");
            return Ok(waited);
        }
        if ready_at.is_none() {
            let pods = world.cluster.pods("catalog").await?;
            ready_at = (pods.iter().filter(|pod| is_ready(pod)).count() == 3).then(Instant::now);
        }
    }
}

/// Load of six seconds; one second into it something happens to catalog.
async fn under_load<F, Fut>(world: &World, event: F) -> anyhow::Result<String>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let url = world.cluster.url("storefront", "http").await? + "/api/products";
    let load = load::start(world.http.clone(), url, 200, Duration::from_secs(6));
    tokio::time::sleep(Duration::from_secs(1)).await; // load before, during and after
    event().await?;
    let outcome = load.await?;
    let complete = outcome.complete()?;
    world.cluster.ready("catalog", 3, Duration::from_secs(30)).await?;
    Ok(complete)
}

async fn deleted(world: &World) -> anyhow::Result<String> {
    let pods = world.cluster.ready("catalog", 3, Duration::from_secs(30)).await?;
    let victim = name(&pods[0]).to_owned();
    under_load(world, || async { world.cluster.kubectl(&["delete", "pod", &victim]).await.map(drop) }).await
}

/// Rolling restarts, one after the other, under a load that never pauses.
async fn restarted(world: &World) -> anyhow::Result<String> {
    let url = world.cluster.url("storefront", "http").await? + "/api/products";
    let over = CancellationToken::new();
    let load = load::until(world.http.clone(), url, 200, over.clone());
    let rolled = rolled(world).await;
    over.cancel();
    let outcome = load.await?;
    rolled?;
    outcome.complete()
}

async fn rolled(world: &World) -> anyhow::Result<()> {
    for _ in 0..ROLLS {
        let before: BTreeSet<_> =
            world.cluster.pods("catalog").await?.iter().map(|pod| name(pod).to_owned()).collect();
        world.cluster.kubectl(&["rollout", "restart", "deployment/catalog"]).await?;
        world.cluster.kubectl(&["rollout", "status", "deployment/catalog", "--timeout=15s"]).await?;
        let after = world.cluster.ready("catalog", 3, Duration::from_secs(30)).await?;
        ensure!(after.iter().all(|pod| !before.contains(name(pod))), "some pods are still the old ones");
    }
    Ok(())
}
