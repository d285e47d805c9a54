//! Schedules as a service sees them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod lease;
mod policy;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inkstone_config::Sources;
use inkstone_core::{App, Phase, build_info};
use inkstone_task::Cron;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

/// Runs an app whose one schedule calls `work` until `enough` says so; returns the metrics.
async fn run<F, Fut, E>(toml: &str, work: F, enough: Arc<tokio::sync::Notify>) -> String
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<inkstone_core::Error> + 'static,
{
    let app = App::from_toml("t.toml", toml);
    let handle = app.handle().clone();
    let work = app.load::<Cron>("cron.sweep").run(work);
    let running = tokio::spawn(app.serve(work).run());
    timeout(SOON, enough.notified()).await.expect("the work runs within ten seconds");
    handle.stop();
    running.await.unwrap().unwrap();
    handle.metrics().encode()
}

#[tokio::test]
async fn work_runs_each_second_and_stops_with_the_app() {
    let (runs, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
    let (counted, told) = (runs.clone(), enough.clone());
    let work = move || {
        if counted.fetch_add(1, Ordering::SeqCst) == 1 {
            told.notify_one();
        }
        async { Ok::<_, std::io::Error>(()) }
    };
    let metrics = run("app.drain = \"0s\"\n[cron.sweep]\nschedule = \"* * * * * *\"", work, enough).await;
    let runs = runs.load(Ordering::SeqCst);
    let expected = format!(
        "inkstone_task_duration_seconds_count{{name=\"cron.sweep\",method=\"run\",code=\"OK\"}} {runs}"
    );
    assert!(metrics.contains(&expected), "{metrics}");
}

#[tokio::test]
async fn a_run_that_fails_panics_or_hangs_does_not_keep_the_next_from_running() {
    let (runs, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
    let (counted, told) = (runs.clone(), enough.clone());
    let work = move || {
        let run = counted.fetch_add(1, Ordering::SeqCst);
        let told = told.clone();
        async move {
            match run {
                0 => Err(std::io::Error::other("no luck")),
                1 => panic!("oh no"),
                2 => std::future::pending().await,
                _ => {
                    told.notify_one();
                    Ok(())
                }
            }
        }
    };
    let toml = "app.drain = \"0s\"\n[cron.sweep]\nschedule = \"* * * * * *\"\nguard.timeout = \"100ms\"";
    let metrics = run(toml, work, enough).await;
    for code in ["failed", "panic", "timeout"] {
        let expected = format!("{{name=\"cron.sweep\",method=\"run\",code=\"{code}\"}} 1");
        assert!(metrics.contains(&expected), "{code}: {metrics}");
    }
}

#[tokio::test]
async fn a_wrong_schedule_and_zone_are_both_reported_before_anything_runs() {
    let app = App::from_toml("t.toml", "[cron.sweep]\nschedule = \"every day\"\ntime_zone = \"Mars/Base\"");
    let sweep = app.load::<Cron>("cron.sweep").run(|| async { Ok::<_, std::io::Error>(()) });
    let report = app.serve(sweep).run().await.unwrap_err().to_string();
    for part in ["`every day` is not a schedule", "`Mars/Base` is not a time zone", "cron.sweep"] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[tokio::test]
async fn a_table_without_a_schedule_is_refused() {
    let app = App::from_toml("t.toml", "[cron.sweep]");
    let sweep = app.load::<Cron>("cron.sweep").run(|| async { Ok::<_, std::io::Error>(()) });
    let report = app.serve(sweep).run().await.unwrap_err().to_string();
    assert!(report.contains("no schedule is set"), "{report}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "nothing else may run on this thread meanwhile")]
async fn a_reload_in_the_instant_of_a_run_does_not_skip_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    let write = |timeout: usize| {
        let text = format!(
            "app.drain = \"0s\"\n[cron.sweep]\nschedule = \"* * * * * *\"\nguard.timeout = \"{timeout}s\""
        );
        std::fs::write(&file, text).unwrap();
    };
    write(50);
    let app = App::with_sources(build_info!(), Sources::new().file(&file));
    let handle = app.handle().clone();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let work = app.load::<Cron>("cron.sweep").run(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, std::io::Error>(()) }
    });
    let running = tokio::spawn(app.serve(work).run());
    handle.phase().wait_for(|phase| *phase == Phase::Ready).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    for timeout in 51..55 {
        let before = runs.load(Ordering::SeqCst);
        // Nothing else runs on this thread while a second passes: then the run and the reload are there at once.
        let now = jiff::Timestamp::now().subsec_nanosecond();
        std::thread::sleep(Duration::from_nanos(u64::try_from(1_000_000_000 - now).unwrap()));
        write(timeout);
        let _applied_here_or_by_the_watch = handle.settings().reload().unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(runs.load(Ordering::SeqCst) > before, "the run was skipped");
    }
    handle.stop();
    running.await.unwrap().unwrap();
}
