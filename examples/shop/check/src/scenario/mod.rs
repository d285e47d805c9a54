//! The scenario, part by part.

mod browser;
mod debug;
mod discovery;
mod faults;
mod measure;
mod mistakes;
mod releases;
mod shop;
mod start;
mod versions;

use std::path::PathBuf;
use std::time::Duration;

use anstream::eprintln;

use crate::Args;
use crate::report::Report;

/// Longest time for a look that has no limit of its own.
const SOON: Duration = Duration::from_secs(30);

/// Runs the scenario and stops everything it started.
pub(crate) async fn run(args: &Args) -> anyhow::Result<Report> {
    let temporary = tempfile::Builder::new().prefix("shop-check-").tempdir()?;
    let state: PathBuf = args.state_dir.clone().unwrap_or_else(|| temporary.path().join("state"));
    let wanted =
        |part: &str| args.only.is_empty() || args.only.iter().any(|only| part.starts_with(only.as_str()));
    let mut report = Report::default();

    report.part("1 the cluster, the console and the shop start");
    let Some(mut world) = start::start(args, &state, &mut report).await else {
        eprintln!("{}", crate::dev::tail(&state.join("dev.log")));
        return Ok(report);
    };
    start::look(&mut world, &mut report).await;
    measure::memory(&world, &mut report).await;

    if wanted("2") {
        report.part("2 three services sell things");
        shop::run(&world, &mut report).await;
    }
    if wanted("3") {
        report.part("3 pods are found, balanced over, and leave without loss");
        discovery::run(&world, &mut report).await;
    }
    if wanted("4") {
        report.part("4 configuration is saved, published, proved, refused and rolled back");
        releases::run(&world, &mut report).await;
    }
    if wanted("5") {
        report.part("5 every program says what it is built from");
        versions::run(&world, &mut report).await;
    }
    if wanted("6") {
        report.part("6 a wrong configuration stops the start, all problems at once");
        mistakes::run(&world, &mut report).await;
    }
    if wanted("7") {
        report.part("7 in debug mode each call prints its six-tuple");
        debug::run(&world, &mut report).await;
    }
    if let Some(web) = args.web.as_deref().filter(|_| wanted("browser")) {
        report.part("the same in a browser");
        browser::run(&world, web, &mut report).await;
    }
    if wanted("measure") {
        report.part("measurements");
        measure::publishes(&world, args.publishes, &mut report).await;
    }
    if wanted("faults") {
        report.part("faults");
        world = faults::run(world, args, &mut report).await?;
    }

    report.part("everything stops");
    start::stop(world, &mut report).await;
    Ok(report)
}
