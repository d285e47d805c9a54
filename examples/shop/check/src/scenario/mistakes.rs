//! Point 6: mistakes in the configuration stop a service at its start.

use std::fs;

use anyhow::ensure;

use super::SOON;
use crate::program::run as run_program;
use crate::report::Report;
use crate::world::World;

/// An unknown key, a wrong type, an unknown table; and `[sqlite.catalog]` is missing.
const WRONG: &str = r#"[server.grpc]
prot = 9001
port = "many"

[server.governor]
port = 9090

[catalogue]
notice = "Hello"
"#;

pub(crate) async fn run(world: &World, report: &mut Report) {
    report.see("a service shows every problem at once, as JSON lines", SOON, start(world)).await;
    report.see("inkstone config check shows them without the program", SOON, check(world)).await;
    report.see("inkstone explain tells what a code means", SOON, explain(world)).await;
}

async fn start(world: &World) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join("wrong.toml"), WRONG)?;
    let ran = run_program(&world.program("catalog"), dir.path(), &["--config=wrong.toml"], &[]).await?;
    ran.refused(&["prot", "port", "sqlite.catalog"])?;
    let problems = ran.problems();
    ensure!(problems.len() >= 3, "{} problems: {}", problems.len(), ran.stderr);
    let unknown = problems.iter().find(|problem| problem["line"] == 2 && problem["file"] == "wrong.toml");
    ensure!(unknown.is_some(), "no problem at wrong.toml:2: {}", ran.stderr);
    let codes: Vec<_> = problems.iter().filter_map(|problem| problem["code"].as_str()).collect();
    Ok(format!("{}, exit status {}", codes.join(", "), ran.status.unwrap_or_default()))
}

async fn check(world: &World) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join("wrong.toml"), WRONG)?;
    let inkstone = world.program("inkstone");
    let ran = run_program(&inkstone, dir.path(), &["config", "check", "wrong.toml"], &[]).await?;
    ran.refused(&[])?;
    let said = format!("{}{}", ran.stdout, ran.stderr);
    ensure!(said.contains("wrong.toml") && said.contains("prot") && said.contains("many"), "{said}");
    let local = world.shop.join("catalog/config/local.toml");
    run_program(&inkstone, dir.path(), &["config", "check", &local.to_string_lossy()], &[])
        .await?
        .succeeded()?;
    Ok("and nothing for the shop's own files".to_owned())
}

async fn explain(world: &World) -> anyhow::Result<String> {
    let ran = run_program(&world.program("inkstone"), &world.state, &["explain", "INK1001"], &[]).await?;
    ensure!(ran.succeeded()?.stdout.contains("INK1001"), "{}", ran.stdout);
    let unknown = run_program(&world.program("inkstone"), &world.state, &["explain", "INK9999"], &[]).await?;
    unknown.refused(&["INK9999"])?;
    Ok(ran.stdout.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned())
}
