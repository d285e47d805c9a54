//! Point 1: `inkstone dev` starts everything; and in the end it stops everything.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::SOON;
use crate::Args;
use crate::console::Console;
use crate::memory::family;
use crate::report::Report;
use crate::wait::until;
use crate::world::World;

/// Starts the demo and waits until every pod is ready.
pub(crate) async fn start(args: &Args, state: &Path, report: &mut Report) -> Option<World> {
    let started = Instant::now();
    let mut world = None;
    report
        .see("inkstone dev starts the cluster and the console", Duration::from_secs(60), async {
            let started = world.insert(World::start(args, state).await?);
            Ok(format!(
                "kubeconfig {}, console {}",
                started.dev.at.kubeconfig.display(),
                started.dev.console()
            ))
        })
        .await;
    let started_world = world.as_ref()?;
    report
        .see("catalog 2, orders 1, storefront 1: all pods ready", Duration::from_secs(60), async {
            for (app, count) in [("catalog", 2), ("orders", 1), ("storefront", 1)] {
                started_world.cluster.ready(app, count, Duration::from_secs(50)).await?;
            }
            Ok(format!("{:.2} s after `inkstone dev`", started.elapsed().as_secs_f64()))
        })
        .await;
    report.number("dev to all pods ready, s", rounded(started.elapsed()));
    world
}

/// Looks at what has started, and makes the console's first account.
pub(crate) async fn look(world: &mut World, report: &mut Report) {
    report
        .see("kubectl lists the pods and the deployments", SOON, async {
            let pods = world.cluster.kubectl(&["get", "pods"]).await?;
            ensure!(pods.matches("1/1").count() == 4 && pods.matches("Running").count() == 4, "{pods}");
            let deployments = world.cluster.kubectl(&["get", "deployments"]).await?;
            ensure!(deployments.contains("2/2"), "{deployments}");
            Ok("4 pods 1/1 Running, catalog 2/2".to_owned())
        })
        .await;
    report
        .see("kubectl waits for a deployment and reads its log", SOON, async {
            world
                .cluster
                .kubectl(&["wait", "--for=condition=Available", "deployment/catalog", "--timeout=20s"])
                .await?;
            let log = world.cluster.kubectl(&["logs", "deployment/catalog"]).await?;
            ensure!(log.contains("\"message\":\"ready\""), "{log}");
            Ok(format!("{} lines", log.lines().count()))
        })
        .await;
    report
        .see("the manifests apply again without a change", SOON, async {
            let manifests = world.shop.join("kubernetes");
            let output = world
                .cluster
                .kubectl(&["apply", "--validate=false", "-f", &manifests.to_string_lossy()])
                .await?;
            Ok(format!("{} objects", output.lines().count()))
        })
        .await;
    report
        .see("the cluster's API refuses who has no token", SOON, async {
            let kubeconfig = std::fs::read_to_string(&world.dev.at.kubeconfig)?;
            let server = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("server: "));
            let server = server.unwrap_or_default().trim_matches('"').to_owned();
            let trusting =
                reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
            let answer = trusting.get(format!("{server}/api/v1/pods")).send().await?;
            ensure!(answer.status() == 401, "{server} answers {}", answer.status());
            Ok(format!("401 from {server}"))
        })
        .await;
    let mut console = None;
    report
        .see("the one-time link makes the console's first account", SOON, async {
            let link = world.dev.at.setup.as_deref().unwrap_or_default();
            console = Some(Console::set_up(&world.http, world.dev.console(), link).await?);
            let again = Console::set_up(&world.http, world.dev.console(), link).await;
            ensure!(again.is_err(), "the link worked twice");
            Ok("and works only once".to_owned())
        })
        .await;
    world.console = console;
}

/// Stops the demo and looks for what it left running.
pub(crate) async fn stop(world: World, report: &mut Report) {
    report
        .see("inkstone dev stops on Ctrl-C and leaves no process", Duration::from_secs(40), async move {
            let family = family(world.dev.pid());
            let status = world.dev.stop().await?;
            ensure!(status.success(), "inkstone dev ended with {status}");
            gone(&family).await?;
            Ok(format!("{} processes ended", family.len()))
        })
        .await;
}

/// Waits until none of these processes runs any more.
pub(crate) async fn gone(processes: &[crate::memory::Process]) -> anyhow::Result<()> {
    until(Duration::from_secs(10), "every process to end", || async {
        for process in processes {
            let still = crate::memory::read(process.pid).is_some_and(|now| now.program == process.program);
            ensure!(!still, "{} ({}) still runs", process.program, process.pid);
        }
        Ok(())
    })
    .await
}

pub(crate) fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
