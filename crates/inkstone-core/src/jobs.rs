//! `--job=a,b`: run these instead of serving.

use std::time::Instant;

use inkstone_config::{Code, Fault, Problems};

use crate::app::Job;
use crate::error::Result;
use crate::handle::AppHandle;
use crate::signal::Signals;

/// Runs the jobs that were asked for, one after the other in the order asked, and stops at the first that fails.
pub(crate) async fn run(handle: &AppHandle, mut jobs: Vec<Job>, signals: &mut Signals) -> Result {
    let asked = &handle.0.flags.job;
    for name in asked {
        let Some(at) = jobs.iter().position(|job| job.name == name) else {
            continue;
        };
        let job = jobs.swap_remove(at);
        let started = Instant::now();
        tracing::info!(job = job.name, "job started");
        let result = tokio::select! {
            result = job.run => result,
            stop = signals.stop() => Err(Fault::new(Code::JobFailed, format!("job `{name}` was told to stop ({stop:?})")).into()),
        };
        match result {
            Ok(()) => tracing::info!(job = job.name, after = ?started.elapsed(), "job done"),
            Err(error) => return Err(failed(name, &error)),
        }
    }
    Ok(())
}

/// Every name that is not a job's, all at once, before any job runs.
pub(crate) fn unknown(asked: &[String], jobs: &[Job]) -> Result {
    let mut problems = Problems::default();
    let known: Vec<&str> = jobs.iter().map(|job| job.name).collect();
    for (at, name) in asked.iter().enumerate() {
        let known = if known.is_empty() {
            "this service has no jobs".to_owned()
        } else {
            format!("the jobs are {}", known.join(", "))
        };
        if !jobs.iter().any(|job| job.name == name) {
            problems.push(Fault::new(Code::UnknownJob, format!("no job `{name}`")).hint(known));
        } else if asked[..at].contains(name) {
            problems.push(
                Fault::new(Code::UnknownJob, format!("job `{name}` is asked for twice"))
                    .hint("name each job once"),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

fn failed(name: &str, error: &crate::Error) -> crate::Error {
    let mut problems = Problems::default();
    for fault in error.problems().iter() {
        let mut fault = fault.clone();
        if fault.code == Code::ServiceFailed {
            fault.code = Code::JobFailed;
        }
        fault.message = format!("job `{name}`: {}", fault.message);
        problems.push(fault);
    }
    problems.into()
}
