//! Point 4: configuration through the console.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::SOON;
use crate::console::{CATALOG, Console, NAME, id};
use crate::report::Report;
use crate::wait::until;
use crate::world::World;

pub(crate) async fn run(world: &World, report: &mut Report) {
    report.see("pods that were told to end are gone from the console", SOON, settled(world)).await;
    report.see("the console lists the application and its pods", SOON, application(world)).await;
    report.see("a write without session or CSRF token is refused", SOON, forged(world)).await;
    report.see("the editor's check points at the place of a mistake", SOON, checked(world)).await;
    report.see("a revision is saved, compared with what is live, published", SOON, published(world)).await;
    report.see("a revision on a stale base is refused", SOON, stale(world)).await;
    report.see("three publishes in a row all arrive", SOON, three(world)).await;
    report.see("a refused publish keeps the old values and says where", SOON, refused(world)).await;
    report.see("rolling back publishes the earlier content as a new release", SOON, rolled_back(world)).await;
    report.see("every change is in the audit log", SOON, audited(world)).await;
}

/// The content with another notice.
pub(crate) fn with_notice(content: &str, notice: &str) -> String {
    with(content, "notice", &format!("{notice:?}"))
}

fn with(content: &str, key: &str, value: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some((found, _)) if found.trim() == key => format!("{key} = {value}\n"),
        _ => format!("{line}\n"),
    };
    content.lines().map(line).collect()
}

async fn live(console: &Console) -> anyhow::Result<String> {
    let file = console.file(CATALOG).await?;
    file["live"]["content"].as_str().map(str::to_owned).context("the file has a live content")
}

/// Waits for pods of the part before: one that is ending answers nothing, and every look below asks all pods.
async fn settled(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    until(SOON, "only pods that stay", || async {
        let app = console.get("applications/shop/catalog").await?;
        let pods = app["pods"].as_array().context("its pods")?;
        ensure!(pods.len() == 2 && pods.iter().all(|pod| pod["terminating"] == false), "{app}");
        Ok(())
    })
    .await?;
    Ok("2 pods of catalog".to_owned())
}

async fn application(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let list = console.get("applications").await?;
    let items = list["items"].as_array().context("a list")?;
    ensure!(
        ["catalog", "orders", "storefront"].iter().all(|app| items.iter().any(|item| item["name"] == *app)),
        "{list}"
    );
    let app = console.get("applications/shop/catalog").await?;
    let pods = app["pods"].as_array().context("its pods")?;
    for pod in pods {
        ensure!(pod["governor"] == "ok" && pod["ready"] == true, "{pod}");
        ensure!(
            pod["build"]["version"].is_string()
                && pod["build"]["inkstone"].is_string()
                && pod["build"]["commit"].is_string(),
            "{pod}"
        );
        ensure!(pod["config"][0]["state"] == "loaded", "{pod}");
    }
    Ok(format!("{} pods, version {}, all loaded", pods.len(), pods[0]["build"]["version"]))
}

async fn forged(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let path = "applications/shop/catalog/files/catalog/catalog.toml/revisions";
    let (no_session, no_token) = (console.forged(path, false).await?, console.forged(path, true).await?);
    ensure!(
        no_session == StatusCode::UNAUTHORIZED || no_session == StatusCode::FORBIDDEN,
        "without a session: {no_session}"
    );
    ensure!(no_token == StatusCode::FORBIDDEN, "without a CSRF token: {no_token}");
    Ok(format!("{no_session}, {no_token}"))
}

async fn checked(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let wrong = live(console).await?.replacen("[server.grpc]\n", "[server.grpc]\nprot = 1\n", 1);
    let problems = console.check(CATALOG, &wrong).await?;
    let first = &problems["problems"][0];
    ensure!(first["line"].is_u64() && first["code"].is_string(), "{problems}");
    Ok(format!("{} line {}: {}", first["code"], first["line"], first["message"]))
}

/// Publishes a notice, follows it to the end and sees it in force.
async fn publish_notice(world: &World, notice: &str) -> anyhow::Result<Value> {
    let console = world.console()?;
    let content = with_notice(&live(console).await?, notice);
    let release = console.release(CATALOG, &content, notice).await?;
    ensure!(release["state"] == "complete", "{release}");
    in_force(world, notice, &content).await?;
    Ok(release)
}

/// Both the service's answers and its governors show the content.
async fn in_force(world: &World, notice: &str, content: &str) -> anyhow::Result<()> {
    ensure!(
        world.cluster.file("catalog", "catalog.toml").await? == content,
        "the ConfigMap has another content"
    );
    let hash = hex::encode(Sha256::digest(content));
    for pod in world.cluster.pods("catalog").await? {
        let config: Value = serde_json::from_str(&world.governor(&pod, "/config").await?)?;
        ensure!(
            config["sources"].as_array().is_some_and(|all| all.iter().any(|s| s["hash"] == hash)),
            "{}",
            config["sources"]
        );
    }
    let answer = world.shop("/api/products").await?;
    ensure!(answer["notice"] == notice, "the storefront shows {}", answer["notice"]);
    Ok(())
}

async fn published(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let before = live(console).await?;
    let content = with_notice(&before, "Ink is half price today.");
    let revision = console.save(CATALOG, &content, "Say that ink is cheap").await?;
    let file = console.file(CATALOG).await?;
    ensure!(file["live"]["content"] == before, "saving has changed what is live");
    let saved = console.get(&format!("revisions/{}", id(&revision))).await?;
    ensure!(saved["content"] == content && saved["message"] == "Say that ink is cheap", "{saved}");
    let release = console.publish(CATALOG, &revision).await?;
    let states = console.follow(&release).await?;
    let last = states.last().context("a state")?;
    ensure!(last["state"] == "complete", "{last}");
    ensure!(
        last["pods"]
            .as_array()
            .is_some_and(|pods| pods.len() == 2 && pods.iter().all(|pod| pod["state"] == "loaded")),
        "{last}"
    );
    in_force(world, "Ink is half price today.", &content).await?;
    let path: Vec<_> = states.iter().filter_map(|state| state["state"].as_str()).collect();
    Ok(format!("release {}: {}", last["number"], path.join(" → ")))
}

async fn stale(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let content = live(console).await?;
    let Err(error) = console.save_on(CATALOG, &content, "stale", &Value::Null).await else {
        anyhow::bail!("it was taken");
    };
    let error = format!("{error:#}");
    ensure!(error.contains("409") && error.contains("stale"), "{error}");
    Ok("409 stale".to_owned())
}

async fn three(world: &World) -> anyhow::Result<String> {
    for notice in ["One.", "Two.", "Three."] {
        publish_notice(world, notice).await.with_context(|| format!("publish {notice}"))?;
    }
    Ok("One, Two, Three".to_owned())
}

async fn refused(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let before = world.shop("/api/products").await?["notice"].clone();
    let content = with_notice(&live(console).await?, "This never shows.");
    let release = console.release(CATALOG, &with(&content, "page_size", "\"many\""), "wrong type").await?;
    ensure!(release["state"] == "refused", "{release}");
    let app = console.get("applications/shop/catalog").await?;
    for pod in app["pods"].as_array().context("its pods")? {
        let problem = &pod["config"][0]["problems"][0];
        ensure!(
            pod["config"][0]["state"] == "refused" && problem["line"].is_u64() && problem["file"].is_string(),
            "{pod}"
        );
    }
    let answer = world.shop("/api/products").await?;
    ensure!(answer["notice"] == before, "{} became {}", before, answer["notice"]);
    let problem = &app["pods"][0]["config"][0]["problems"][0];
    Ok(format!("line {}: {}", problem["line"], problem["message"]))
}

async fn rolled_back(world: &World) -> anyhow::Result<String> {
    let console = world.console()?;
    let file = console.file(CATALOG).await?;
    let releases = file["releases"].as_array().context("its releases")?;
    let complete = releases.iter().filter(|release| release["state"] == "complete");
    let earlier = complete.min_by_key(|release| release["number"].as_i64()).context("a complete release")?;
    let release = console.roll_back(earlier).await?;
    ensure!(release["state"] == "complete" && release["kind"] == "rollback", "{release}");
    ensure!(
        release["hash"] == earlier["hash"] && id(&release) != id(earlier),
        "{release} is not {earlier} again"
    );
    until(Duration::from_secs(5), "the earlier notice", || async {
        let answer = world.shop("/api/products").await?;
        ensure!(answer["notice"] == "Ink is half price today.", "{}", answer["notice"]);
        Ok(())
    })
    .await?;
    Ok(format!("release {} has the content of release {}", release["number"], earlier["number"]))
}

async fn audited(world: &World) -> anyhow::Result<String> {
    let audit = world.console()?.get("audit?limit=200").await?;
    let items = audit["items"].as_array().context("audit rows")?;
    let ours = items.iter().filter(|item| item["actor"] == NAME).count();
    ensure!(ours >= 10, "only {ours} rows: {audit}");
    let actions: std::collections::BTreeSet<_> =
        items.iter().filter_map(|item| item["action"].as_str()).collect();
    Ok(format!("{ours} rows: {}", actions.into_iter().collect::<Vec<_>>().join(", ")))
}
