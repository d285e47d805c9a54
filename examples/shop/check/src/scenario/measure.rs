//! What is measured on the way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::releases::with_notice;
use super::start::rounded;
use crate::console::CATALOG;
use crate::memory::family;
use crate::report::Report;
use crate::world::World;

/// Resident memory of every process, idle.
pub(crate) async fn memory(world: &World, report: &mut Report) {
    let mut by_program: BTreeMap<String, f64> = BTreeMap::new();
    report
        .see("resident memory of each process, idle", Duration::from_secs(10), async {
            for process in family(world.dev.pid()) {
                let name = match process.program.as_str() {
                    _ if process.pid == world.dev.pid() => "cluster",
                    _ if Some(process.pid) == world.console_pid() => "console",
                    "inkstone" => continue, // the guard that outlives a killed cluster for a moment
                    program => program,
                };
                let most = by_program.entry(name.to_owned()).or_default();
                *most = most.max(process.resident);
            }
            ensure!(by_program.len() == 5, "not every process was found: {by_program:?}");
            let shown: Vec<_> = by_program.iter().map(|(name, mib)| format!("{name} {mib:.0} MiB")).collect();
            Ok(shown.join(", "))
        })
        .await;
    for (program, mib) in by_program {
        report.number(&format!("resident memory idle of {program}, MiB"), mib.round());
    }
}

/// From the click on publish until every pod has reported the hash, again and again.
pub(crate) async fn publishes(world: &World, count: u32, report: &mut Report) {
    let mut times = Vec::new();
    let limit = Duration::from_secs(30 + 5 * u64::from(count));
    report
        .see(&format!("{count} publishes are loaded within 1 s at p99"), limit, async {
            let console = world.console()?;
            let content = world.cluster.file("catalog", "catalog.toml").await?;
            for round in 1..=count {
                let content = with_notice(&content, &format!("Publish {round}."));
                let revision = console.save(CATALOG, &content, &format!("publish {round}")).await?;
                let clicked = Instant::now();
                let release = console.publish(CATALOG, &revision).await?;
                let states = console.follow(&release).await?;
                times.push(clicked.elapsed());
                let last = states.last();
                ensure!(last.is_some_and(|last| last["state"] == "complete"), "publish {round}: {last:?}");
            }
            times.sort_unstable();
            let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
            ensure!(p99 <= Duration::from_secs(1), "p50 {p50:?}, p99 {p99:?}");
            Ok(format!("p50 {:.0} ms, p99 {:.0} ms", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3))
        })
        .await;
    if !times.is_empty() {
        times.sort_unstable();
        let (p50, p99) = (rounded(percentile(&times, 50)), rounded(percentile(&times, 99)));
        report.number("publish to loaded, s", json!({ "publishes": times.len(), "p50": p50, "p99": p99 }));
    }
}

/// Nearest rank; the times are sorted and not empty.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent).div_ceil(100).saturating_sub(1)]
}
