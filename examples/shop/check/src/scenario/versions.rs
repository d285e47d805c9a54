//! Point 5: who built what from which commit.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::SOON;
use crate::program::run as run_program;
use crate::report::Report;
use crate::world::World;

const FIELDS: [&str; 8] = ["name", "version", "commit", "host", "user", "time", "rustc", "inkstone"];

pub(crate) async fn run(world: &World, report: &mut Report) {
    report.see("--version of each service", SOON, flags(world)).await;
    report.see("the console's page of versions", SOON, page(world)).await;
    report.see("inkstone_build_info on /metrics", SOON, metric(world)).await;
}

fn complete(build: &Value) -> anyhow::Result<()> {
    for field in FIELDS {
        ensure!(build[field].as_str().is_some_and(|value| !value.is_empty()), "{field} is missing: {build}");
    }
    ensure!(build["dirty"].is_boolean(), "dirty is missing: {build}");
    Ok(())
}

async fn flags(world: &World) -> anyhow::Result<String> {
    let mut seen = Vec::new();
    for program in ["catalog", "orders", "storefront"] {
        let ran = run_program(&world.program(program), Path::new("."), &["--version", "--json"], &[]).await?;
        let build: Value = serde_json::from_str(&ran.succeeded()?.stdout)?;
        complete(&build).with_context(|| program.to_owned())?;
        let text = run_program(&world.program(program), Path::new("."), &["--version"], &[]).await?;
        ensure!(
            text.succeeded()?.stdout.contains(build["commit"].as_str().unwrap_or_default()),
            "{}",
            text.stdout
        );
        seen.push(format!(
            "{} {}",
            build["name"].as_str().unwrap_or_default(),
            build["version"].as_str().unwrap_or_default()
        ));
    }
    Ok(seen.join(", "))
}

async fn page(world: &World) -> anyhow::Result<String> {
    let versions = world.console()?.get("versions").await?;
    let items = versions["items"].as_array().context("a list")?;
    let shop: Vec<_> = items.iter().filter(|item| item["namespace"] == "shop").collect();
    ensure!(shop.len() >= 4, "{versions}");
    for item in &shop {
        complete(&item["build"]).with_context(|| item["pod"].to_string())?;
    }
    Ok(format!("{} pods, each with its build", shop.len()))
}

async fn metric(world: &World) -> anyhow::Result<String> {
    let pods = world.cluster.pods("orders").await?;
    let pod = pods.first().context("a pod of orders")?;
    let url = crate::cluster::url(pod, "governor")? + "/metrics";
    let metrics = world.http.get(url).send().await?.error_for_status()?.text().await?;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("inkstone_build_info{"))
        .context("no inkstone_build_info")?;
    for field in FIELDS {
        ensure!(line.contains(&format!("{field}=\"")), "{field} is not in {line}");
    }
    Ok("without a token".to_owned())
}
