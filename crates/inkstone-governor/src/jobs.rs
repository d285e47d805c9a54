//! The jobs of the service: listed, and run beside the servers.

use std::collections::BTreeMap;

use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::{Extension, Json};
use inkstone_config::Code;
use inkstone_core::{JobInfo, JobInput, JobOutcome, JobRun};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::audit;
use crate::governor::State;
use crate::pages::time;
use crate::problem::{Answer, Body, Problem, read};

/// What a run is given.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    data: String,
    headers: BTreeMap<String, String>,
}

pub(crate) async fn list(Extract(state): Extract<State>) -> Json<Vec<Value>> {
    Json(state.app.jobs().iter().map(shown).collect())
}

/// Runs a job to its end. It goes on if the client goes away.
pub(crate) async fn run(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    let body = read(body)?;
    let given = if body.is_empty() { Ok(Given::default()) } else { serde_json::from_slice(&body) };
    let given = given.map_err(|error| {
        Problem::bad(format!(
            "expected nothing, or {{\"data\": \"…\", \"headers\": {{\"name\": \"value\"}}}}: {error}"
        ))
    })?;
    let jobs = state.app.jobs();
    let Some(job) = jobs.iter().find(|job| job.name == name) else {
        let known: Vec<&str> = jobs.iter().map(|job| job.name).collect();
        let known = if known.is_empty() {
            "it has none".to_owned()
        } else {
            format!("they are {}", known.join(", "))
        };
        return Err(Problem::not_found(format!("the service has no such job; {known}")));
    };
    if job.running {
        return Err(Problem::busy(format!("job {name} runs already")));
    }
    // Written down before it begins: it may take long, and the process may end first.
    audit::changed(&caller, &format!("job {name}"), "idle", "run");
    let input = JobInput::new(given.data, given.headers);
    let run = state.app.run_job(&name, input).await.map_err(|error| {
        let problems = error.problems();
        let text = problems.iter().map(|fault| fault.message.clone()).collect::<Vec<_>>().join("; ");
        let unknown = problems.iter().any(|fault| fault.code == Code::UnknownJob);
        if unknown { Problem::not_found(text) } else { Problem::busy(text) }
    })?;
    let status = match run.outcome {
        JobOutcome::Ok => StatusCode::OK,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Ok((status, Json(record(&run))))
}

fn shown(job: &JobInfo) -> Value {
    json!({
        "name": job.name,
        "repeatable": job.repeatable,
        "running": job.running,
        "last": job.last.as_ref().map(record),
    })
}

fn record(run: &JobRun) -> Value {
    json!({
        "id": run.id,
        "job": run.job,
        "started": time(run.started),
        "took_seconds": run.took.as_secs_f64(),
        "outcome": run.outcome,
        "error": run.error,
    })
}
