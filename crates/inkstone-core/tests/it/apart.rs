//! Several apps in one process, each on its own; and errors that stay.

use inkstone_config::Config;
use inkstone_core::{App, Error, JobInput, Phase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table of an application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    /// How much.
    most: u32,
}

impl Config for Limits {}

#[tokio::test]
async fn an_error_of_loading_stays_whatever_is_loaded_after_it() {
    let app = App::from_toml("t.toml", "[first]\nmost = \"many\"\n[second]\nmost = 2\n").keep_running();
    let first = app.live::<Limits>("first");
    let second = app.live::<Limits>("second");
    assert_eq!((first.get().most, second.get().most), (0, 2));
    let report = app.run().await.unwrap_err().to_string();
    assert!(report.contains("`first`") && report.contains("\"many\""), "{report}");
}

#[tokio::test]
async fn two_apps_in_one_process_share_nothing() {
    let start = |name: &str, most: u32| {
        let text = format!(
            "[app]\nname = \"{name}\"\nzone = \"{name}-zone\"\ndrain = \"0s\"\n[limits]\nmost = {most}"
        );
        let app = App::from_toml("t.toml", &text).keep_running();
        let limits = app.live::<Limits>("limits");
        let app = app.job_with("work", |_input| async { Ok::<_, Error>(()) }).provide(most);
        let handle = app.handle().clone();
        (handle, limits, tokio::spawn(app.run()))
    };
    let (left, left_limits, left_runs) = start("left", 1);
    let (right, right_limits, right_runs) = start("right", 2);
    for app in [&left, &right] {
        app.phase().wait_for(|phase| *phase == Phase::Ready).await.unwrap();
    }
    assert_eq!((left_limits.get().most, right_limits.get().most), (1, 2));
    assert_eq!((left.provided::<u32>(), right.provided::<u32>()), (Some(1), Some(2)));
    assert_eq!((&*left.identity().zone, &*right.identity().zone), ("left-zone", "right-zone"));
    left.run_job("work", JobInput::default()).await.unwrap();
    let counted = |app: &inkstone_core::AppHandle| {
        app.metrics().encode().contains("inkstone_job_runs_total{job=\"work\"")
    };
    assert!(counted(&left) && !counted(&right), "each counts its own");
    left.stop();
    left_runs.await.unwrap().unwrap();
    assert_eq!(*right.phase().borrow(), Phase::Ready, "the other goes on");
    right.stop();
    right_runs.await.unwrap().unwrap();
}
