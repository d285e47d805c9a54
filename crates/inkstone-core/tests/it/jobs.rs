//! Jobs: on the command line, and beside the servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use inkstone_core::{App, Error, JobInput, JobOutcome, Phase};

use crate::process::Life;

fn run(flags: &[&str]) -> crate::process::Ended {
    Life::stages("[stages]\nserves = true\n[server.greet]\n", flags).end()
}

#[test]
fn data_and_headers_reach_the_job() {
    let flags = ["--job=echo", "--job-data=all of it", "--job-header=a=1=2", "--job-header", "b=x; y"];
    let ended = run(&flags);
    let out = "data all of it, headers [(\"a\", \"1=2\"), (\"b\", \"x; y\")]; after stop";
    assert_eq!((ended.out.as_str(), ended.code), (out, 0), "{}", ended.err);
}

#[test]
fn a_run_leaves_a_record_and_all_its_lines_name_it() {
    let ended = run(&["--job=echo"]);
    let line = ended.log.iter().find(|line| line.contains("job ended")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    let (run, job) = (&record["run"], &record["job"]);
    assert_eq!((record["outcome"].as_str(), job.as_str()), (Some("ok"), Some("echo")), "{line}");
    assert!(record["after"].is_string() && run.as_str().is_some_and(|id| id.len() == 16), "{line}");
}

#[test]
fn jobs_run_at_once_when_asked_to() {
    // Each of the two waits for the other.
    let ended = run(&["--job=left,right", "--job-parallel"]);
    assert_eq!((ended.out.as_str(), ended.code), ("met; met; after stop", 0), "{}", ended.err);
    let failed = run(&["--job=left,panic,right", "--job-parallel"]);
    assert_eq!((failed.out.as_str(), failed.code), ("met; met; after stop", 70), "{}", failed.err);
}

#[test]
fn a_panic_of_a_job_is_reported_like_any_other_failure() {
    let ended = run(&["--job=panic,echo"]);
    for part in ["INK3003", "job `panic`", "the job is broken", "stages.rs:"] {
        assert!(ended.err.contains(part), "no {part} in:\n{}", ended.err);
    }
    assert_eq!((ended.out.as_str(), ended.code), ("after stop", 70));
    assert!(ended.err.lines().all(|line| line.starts_with('{')), "not Rust's own text:\n{}", ended.err);
}

#[test]
fn sigterm_ends_a_job_which_may_end_in_its_own_way() {
    for (job, begun, out, code) in
        [("hang", "hanging", "after stop", 1), ("wait", "waiting", "ended in its own way; after stop", 0)]
    {
        let mut life = Life::stages("[stages]\n", &[&format!("--job={job}")]);
        life.wait_for(begun);
        life.signal("TERM");
        let ended = life.end();
        assert_eq!((ended.out.as_str(), ended.code), (out, code), "{job}: {}", ended.err);
        assert!(code == 0 || ended.err.contains("job `hang` was told to stop"), "{}", ended.err);
    }
}

#[tokio::test]
async fn jobs_run_again_and_again_beside_the_servers() {
    let (count, counted) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counting = counted.clone();
    let app = App::from_toml("t.toml", "[app]\ndrain = \"0s\"")
        .keep_running()
        .job_with("count", move |input: JobInput| {
            let count = count.clone();
            let counted = counting.clone();
            async move {
                let add: u32 = input.text()?.parse()?;
                counted.store(count.fetch_add(add, Ordering::Relaxed) + add, Ordering::Relaxed);
                match input.header("fail") {
                    Some(why) => Err(Error::from(std::io::Error::other(why.to_owned()))),
                    None => Ok(()),
                }
            }
        })
        .job("once", async { Ok::<_, Error>(()) })
        .job_with("panics", |_input| async { if true { panic!("no more") } else { Ok::<_, Error>(()) } })
        .job_with("hangs", |_input| std::future::pending::<Result<(), Error>>());
    let handle = app.handle().clone();
    let running = tokio::spawn(app.run());
    handle.phase().wait_for(|phase| *phase == Phase::Ready).await.unwrap();

    let none = [("", ""); 0];
    let first = handle.run_job("count", JobInput::new("2", none)).await.unwrap();
    let second = handle.run_job("count", JobInput::new("3", [("Fail", "enough")])).await.unwrap();
    assert_eq!((first.outcome, second.outcome), (JobOutcome::Ok, JobOutcome::Failed));
    assert!(second.error.unwrap().contains("enough") && first.id != second.id);
    assert_eq!(counted.load(Ordering::Relaxed), 5);
    assert_eq!(handle.run_job("panics", JobInput::default()).await.unwrap().outcome, JobOutcome::Panicked);

    assert_eq!(handle.run_job("once", JobInput::default()).await.unwrap().outcome, JobOutcome::Ok);
    let again = handle.run_job("once", JobInput::default()).await.unwrap_err().to_string();
    assert!(again.contains("only once"), "{again}");
    let unknown = handle.run_job("cuont", JobInput::default()).await.unwrap_err().to_string();
    assert!(unknown.contains("count, once, panics, hangs"), "{unknown}");

    let hanging = tokio::spawn({
        let handle = handle.clone();
        async move { handle.run_job("hangs", JobInput::default()).await }
    });
    while !handle.jobs()[3].running {
        tokio::task::yield_now().await;
    }
    let twice = handle.run_job("hangs", JobInput::default()).await.unwrap_err().to_string();
    assert!(twice.contains("runs already"), "{twice}");
    let metrics = handle.metrics().encode();
    for line in [
        "inkstone_job_runs_total{job=\"count\",outcome=\"ok\"} 1",
        "inkstone_job_runs_total{job=\"count\",outcome=\"failed\"} 1",
        "inkstone_job_runs_total{job=\"panics\",outcome=\"panicked\"} 1",
        "inkstone_job_running{job=\"hangs\"} 1",
        "inkstone_job_duration_seconds_count{job=\"count\"} 2",
        "inkstone_panic_total{where=\"job\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in:\n{metrics}");
    }
    handle.stop();
    assert_eq!(hanging.await.unwrap().unwrap().outcome, JobOutcome::Stopped);
    running.await.unwrap().unwrap();
    let late = handle.run_job("count", JobInput::default()).await.unwrap_err().to_string();
    assert!(late.contains("the service stops"), "{late}");
}

#[tokio::test]
async fn two_jobs_of_one_name_are_refused() {
    let app = App::from_toml("t.toml", "").keep_running();
    let app = app.job("a", async { Ok::<_, Error>(()) }).job("a", async { Ok::<_, Error>(()) });
    let report = app.run().await.unwrap_err().to_string();
    assert!(report.contains("INK2011") && report.contains("two jobs are called `a`"), "{report}");
}
