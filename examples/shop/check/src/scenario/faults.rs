//! What breaks, and what is said and kept then.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::start::gone;
use super::{Args, SOON};
use crate::console::Console;
use crate::memory::family;
use crate::program::run as run_program;
use crate::report::Report;
use crate::wait::until;
use crate::world::World;

/// Ends with another world: the first is killed on the way.
pub(crate) async fn run(world: World, args: &Args, report: &mut Report) -> anyhow::Result<World> {
    report.see("a taken port names key and port", SOON, taken_port(&world)).await;
    report.see("a configuration file that is missing is named", SOON, missing_file(&world)).await;
    report.see("a kubeconfig that does not answer is named", SOON, dead_kubeconfig(&world)).await;
    report.see("a pod killed by the system is restarted", Duration::from_secs(60), killed_pod(&world)).await;
    killed_dev(world, args, report).await
}

/// The storefront's own settings, with one change.
async fn storefront(
    world: &World,
    args: &[&str],
    env: &[(&str, &str)],
) -> anyhow::Result<crate::program::Ran> {
    let config = format!("--config={}", world.shop.join("storefront/config/local.toml").display());
    let free = ["--set=server.http.port=0", "--set=server.governor.port=0"];
    let all: Vec<&str> = [config.as_str()].into_iter().chain(free).chain(args.iter().copied()).collect();
    run_program(&world.program("storefront"), Path::new("."), &all, env).await
}

async fn taken_port(world: &World) -> anyhow::Result<String> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let ran = storefront(world, &[&format!("--set=server.http.port={port}")], &[]).await?;
    ran.refused(&["server.http", &port.to_string()])?;
    Ok(said(&ran.stderr))
}

async fn missing_file(world: &World) -> anyhow::Result<String> {
    let ran =
        run_program(&world.program("storefront"), &world.state, &["--config=nowhere/storefront.toml"], &[])
            .await?;
    ran.refused(&["nowhere/storefront.toml"])?;
    Ok(said(&ran.stderr))
}

async fn dead_kubeconfig(world: &World) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("kubeconfig");
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let live = fs::read_to_string(&world.dev.at.kubeconfig)?;
    let lines = live.lines().map(|line| match line.split_once("server: ") {
        Some((before, _)) => format!("{before}server: https://{closed}\n"),
        None => format!("{line}\n"),
    });
    fs::write(&file, lines.collect::<String>())?;
    let ran = storefront(
        world,
        &["--set=grpc.catalog.addr=k8s:///catalog.shop:grpc"],
        &[("KUBECONFIG", &file.to_string_lossy())],
    )
    .await?;
    ran.refused(&["grpc.catalog", &closed.to_string()])?;
    Ok(said(&ran.stderr))
}

async fn killed_pod(world: &World) -> anyhow::Result<String> {
    let pods = family(world.dev.pid());
    let orders = pods.iter().find(|process| process.program == "orders").context("the process of orders")?;
    let pid = rustix::process::Pid::from_raw(i32::try_from(orders.pid)?).context("a process has a number")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
    until(Duration::from_secs(40), "orders to be restarted", || async {
        let pods = world.cluster.ready("orders", 1, Duration::ZERO).await?;
        let status = pods[0].status.as_ref().and_then(|status| status.container_statuses.as_ref());
        let restarts = status.and_then(|all| all.first()).map_or(0, |container| container.restart_count);
        ensure!(restarts >= 1, "{restarts} restarts");
        let orders = world.shop("/api/orders").await?;
        Ok(format!("{restarts} restart, {} orders kept", orders["orders"].as_array().map_or(0, Vec::len)))
    })
    .await
}

/// Kill -9 of `inkstone dev`, console and all, in the middle of a publish.
async fn killed_dev(world: World, args: &Args, report: &mut Report) -> anyhow::Result<World> {
    let before = world.shop("/api/orders").await.ok();
    let content = world.cluster.file("catalog", "catalog.toml").await.unwrap_or_default();
    let published = super::releases::with_notice(&content, "Published while killed.");
    let publishing = {
        let (console, published) = (world.console()?.clone(), published.clone());
        let revision = console.save(crate::console::CATALOG, &published, "while killed").await;
        tokio::spawn(async move {
            // The answer never comes, or comes just in time: either is fine here.
            match revision {
                Ok(revision) => console.publish(crate::console::CATALOG, &revision).await.is_ok(),
                Err(_) => false,
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(5)).await; // somewhere in the middle
    let (family, state, http) = (family(world.dev.pid()), world.state.clone(), world.http.clone());
    world.dev.kill().await?;
    let _answered = publishing.await;
    report
        .see("inkstone dev killed by kill -9 leaves no process", SOON, async {
            gone(&family).await?;
            Ok(format!("{} processes ended", family.len()))
        })
        .await;

    let mut again = World::start(args, &state).await?;
    again.console = Console::log_in(&http, &again.dev.at.console).await.ok();
    report
        .see("started again, it has its orders, accounts and releases", Duration::from_secs(60), async {
            for (app, count) in [("catalog", 2), ("orders", 1), ("storefront", 1)] {
                again.cluster.ready(app, count, Duration::from_secs(50)).await?;
            }
            let after = again.shop("/api/orders").await?;
            ensure!(
                before.as_ref().is_none_or(|before| *before == after),
                "orders were {before:?} and are {after}"
            );
            let releases = again.console()?.file(crate::console::CATALOG).await?["releases"]
                .as_array()
                .map_or(0, Vec::len);
            Ok(format!("{releases} releases"))
        })
        .await;
    report
        .see("the publish it was killed in is complete or visibly not", SOON, async {
            let live = again.cluster.file("catalog", "catalog.toml").await?;
            ensure!(live == content || live == published, "the ConfigMap is half written: {live}");
            until(Duration::from_secs(20), "the release to end", || async {
                let file = again.console()?.file(crate::console::CATALOG).await?;
                let newest = file["releases"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .max_by_key(|release| release["number"].as_i64());
                let newest = newest.context("no release")?;
                ensure!(crate::console::is_final(newest), "{newest}");
                if newest["state"] == "complete" {
                    let content = &file["live"]["hash"];
                    ensure!(newest["hash"] == *content, "complete, but the ConfigMap has {content}");
                }
                Ok(format!(
                    "{}, live is {}",
                    newest["state"],
                    if live == content { "the old" } else { "the new" }
                ))
            })
            .await
        })
        .await;
    Ok(again)
}

/// The first line of what a program said.
fn said(stderr: &str) -> String {
    let line = stderr.lines().rfind(|line| line.contains("INK")).or_else(|| stderr.lines().next());
    line.unwrap_or_default().chars().take(150).collect()
}
