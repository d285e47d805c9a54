//! What breaks, and what is said and kept then.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};

use super::start::gone;
use super::{Args, SOON};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Child;

use super::releases::with_notice;
use super::shop::place;
use crate::console::{CATALOG, Console, is_final};
use crate::dev::send;
use crate::memory::family;
use crate::program::{free_port, run as run_program, start};
use crate::report::Report;
use crate::wait::until;
use crate::world::World;

/// Ends with another world: the first is killed on the way.
pub(crate) async fn run(mut world: World, args: &Args, report: &mut Report) -> anyhow::Result<World> {
    report.see("a taken port names key and port", SOON, taken_port(&world)).await;
    report.see("a configuration file that is missing is named", SOON, missing_file(&world)).await;
    report
        .see("a kubeconfig that does not answer degrades and is named", SOON, dead_kubeconfig(&world))
        .await;
    report.see("a pod killed by the system is restarted", Duration::from_secs(60), killed_pod(&world)).await;
    killed_console(&mut world, Moment::Recorded, report).await;
    killed_console(&mut world, Moment::Written, report).await;
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
    Ok(said(&ran, "server.http"))
}

async fn missing_file(world: &World) -> anyhow::Result<String> {
    let ran =
        run_program(&world.program("storefront"), &world.state, &["--config=nowhere/storefront.toml"], &[])
            .await?;
    ran.refused(&["nowhere/storefront.toml"])?;
    Ok(said(&ran, "nowhere"))
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
    let (http, governor) = (free_port()?, free_port()?);
    let config = format!("--config={}", world.shop.join("storefront/config/local.toml").display());
    let ports = [format!("--set=server.http.port={http}"), format!("--set=server.governor.port={governor}")];
    let args = [&config, &ports[0], &ports[1], "--set=grpc.catalog.addr=k8s:///catalog.shop:grpc"];
    let _storefront = start(&world.program("storefront"), &args, &[("KUBECONFIG", &file.to_string_lossy())])?;
    // The service starts: a cluster that is away must not keep it down. But it says what is missing, wherever asked.
    let reason = until(Duration::from_secs(10), "the governor to say so", || async {
        let answer =
            world.http.get(format!("http://127.0.0.1:{governor}/ready")).send().await?.text().await?;
        ensure!(answer.contains(&closed.to_string()) && answer.contains("grpc.catalog"), "{answer}");
        Ok(answer)
    })
    .await?;
    ensure!(reason.contains(&file.display().to_string()), "the kubeconfig is not named: {reason}");
    let answer = world.http.get(format!("http://127.0.0.1:{http}/api/products")).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == 503 && text.contains(&closed.to_string()), "{status}: {text}");
    Ok("degraded on /ready, 503 to callers, both name it".to_owned())
}

async fn killed_pod(world: &World) -> anyhow::Result<String> {
    let pods = family(world.dev.pid());
    let orders = pods.iter().find(|process| process.program == "orders").context("the process of orders")?;
    send(orders.pid, Signal::KILL)?;
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

/// When the console is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The release has just been recorded; the ConfigMap may or may not have been written.
    Recorded,
    /// The ConfigMap has been written; hardly a pod has had the time to load it.
    Written,
}

/// Kill -9 of the console in the middle of a publish, and what is there after its next start.
async fn killed_console(world: &mut World, moment: Moment, report: &mut Report) {
    let title = match moment {
        Moment::Recorded => "console killed as a release was recorded: complete or visibly not",
        Moment::Written => "console killed as the ConfigMap was written: complete or visibly not",
    };
    report
        .see(title, Duration::from_secs(60), async {
            let content = world.cluster.file("catalog", "catalog.toml").await?;
            let published = with_notice(&content, &format!("Killed when {moment:?}."));
            let number = begin(world, &content, &published, moment).await?;
            send(world.console_pid().context("the console runs")?, Signal::KILL)?;
            world.shop("/api/products").await.context("without a console")?;
            let live = world.cluster.file("catalog", "catalog.toml").await?;
            ensure!(live == content || live == published, "the ConfigMap is half written: {live}");
            world.console_process = Some(start_console(world)?);
            until(Duration::from_secs(30), "the release to end", || async {
                let file = world.console()?.file(CATALOG).await?;
                let release = newest(&file).context("no release")?;
                ensure!(release["number"] == number && is_final(release), "{release}");
                let complete = release["state"] == "complete";
                ensure!(
                    !complete || release["hash"] == file["live"]["hash"],
                    "complete, but live is {}",
                    file["live"]
                );
                Ok(format!(
                    "{}, live is the {}",
                    release["state"],
                    if live == content { "old" } else { "new" }
                ))
            })
            .await
        })
        .await;
}

/// The same console again: its folder, its port, its cluster.
fn start_console(world: &World) -> anyhow::Result<Child> {
    let state = world.state.join("console");
    let port = world.dev.console().rsplit(':').next().unwrap_or_default().trim_end_matches('/').to_owned();
    let port = format!("--set=server.http.port={port}");
    let kubeconfig = format!("--set=console.kubeconfig={}", world.dev.at.kubeconfig.display());
    let args = ["console", "--state-dir", &state.to_string_lossy(), "--", &port, &kubeconfig];
    start(&world.program("inkstone"), &args, &[])
}

/// Kill -9 of `inkstone dev`, and what is there after its next start.
async fn killed_dev(world: World, args: &Args, report: &mut Report) -> anyhow::Result<World> {
    let before = tokio::time::timeout(SOON, orders_to_keep(&world)).await;
    let before = before.unwrap_or_else(|_| Err(anyhow!("no answer within {SOON:?}")));
    let (family, state, http) = (family(world.dev.pid()), world.state.clone(), world.http.clone());
    drop(world.console_process);
    world.dev.kill().await?;
    report
        .see("inkstone dev killed by kill -9 leaves no process", SOON, async {
            gone(&family).await?;
            Ok(format!("{} processes ended", family.len()))
        })
        .await;

    let mut again = World::start(args, &state).await?;
    again.console = Console::log_in(&http, again.dev.console()).await.ok();
    report
        .see("started again, it has its orders, accounts and releases", Duration::from_secs(60), async {
            for (app, count) in [("catalog", 2), ("orders", 1), ("storefront", 1)] {
                again.cluster.ready(app, count, Duration::from_secs(50)).await?;
            }
            let before = before.context("the orders before the kill")?;
            let after = again.shop("/api/orders").await?;
            ensure!(before == after, "orders were {before} and are {after}");
            let releases = again.console()?.file(CATALOG).await?["releases"].as_array().map_or(0, Vec::len);
            Ok(format!("{releases} releases"))
        })
        .await;
    Ok(again)
}

/// The orders, after one more: there must be something that a kill can lose.
async fn orders_to_keep(world: &World) -> anyhow::Result<Value> {
    let (status, order) = place(world, &json!({ "product_id": 1, "quantity": 1 })).await?;
    ensure!(status == StatusCode::CREATED, "{status}: {order}");
    let orders = world.shop("/api/orders").await?;
    let kept = orders["orders"].as_array().is_some_and(|all| all.contains(&order));
    ensure!(kept, "{order} is not among {orders}");
    Ok(orders)
}

/// Begins to publish and returns the release's number at the moment wanted.
async fn begin(world: &World, content: &str, published: &str, moment: Moment) -> anyhow::Result<Value> {
    let console = world.console()?.clone();
    let last = newest(&console.file(CATALOG).await?).map_or(Value::Null, |release| release["number"].clone());
    let revision = console.save(CATALOG, published, "while killed").await?;
    let publisher = console.clone();
    // Its answer may never come.
    let publishing = tokio::spawn(async move { publisher.publish(CATALOG, &revision).await.is_ok() });
    let number = until(SOON, "the release to begin", || async {
        let file = console.file(CATALOG).await?;
        let number = newest(&file).map_or(Value::Null, |release| release["number"].clone());
        ensure!(number != last, "the newest is still {last}");
        let written = file["live"]["content"] != content;
        ensure!(written || matches!(moment, Moment::Recorded), "the ConfigMap is not written");
        Ok(number)
    })
    .await;
    publishing.abort();
    number
}

fn newest(file: &Value) -> Option<&Value> {
    file["releases"].as_array().into_iter().flatten().max_by_key(|release| release["number"].as_i64())
}

/// The problem among those reported that has this word.
fn said(ran: &crate::program::Ran, word: &str) -> String {
    let problems = ran.problems();
    let problem = problems.iter().find(|problem| problem.to_string().contains(word));
    problem.map_or_else(String::new, |problem| {
        let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", text("code"), text("target"), text("message"))
    })
}
