//! Log levels: what is in force, and something else for a while.

use axum::Json;
use axum::extract::State as Extract;
use axum::{Extension, http::StatusCode};
use inkstone_config::Dur;
use inkstone_observe::LogLevels;
use serde::Deserialize;

use crate::access::Caller;
use crate::audit;
use crate::governor::State;
use crate::problem::{Answer, Body, Problem, read};

/// For how long levels are in force that came without `for`: nobody has to remember to take them back.
const FOR: Dur = Dur::from_secs(15 * 60);

/// What is to be in force.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    levels: String,
    /// For how long; with `0s` until it is reset or the process ends.
    #[serde(default = "default_time", rename = "for")]
    time: Dur,
}

fn default_time() -> Dur {
    FOR
}

pub(crate) async fn show(Extract(state): Extract<State>) -> Answer<Json<LogLevels>> {
    Ok(Json(status(&state)?))
}

pub(crate) async fn set(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer<Json<LogLevels>> {
    let body = read(body)?;
    let before = status(&state)?;
    let Wanted { mut levels, time } = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad(format!("expected {{\"levels\": \"info,shop=debug\", \"for\": \"10m\"}}: {error}"))
    })?;
    if levels.trim().is_empty() {
        return Err(Problem::bad("levels is empty; expected `info`, or `info,shop=debug`"));
    }
    // Nobody takes his own traces out of the log. The last word on a target counts.
    levels = format!("{levels},{}=info", audit::TARGET);
    let limit = (!time.is_zero()).then_some(*time);
    state.app.logs().set(&levels, limit).map_err(Problem::bad)?;
    let after = status(&state)?;
    let until = if limit.is_some() { format!(" for {time}") } else { " until reset".to_owned() };
    audit::changed(&caller, "log levels", before.levels, format_args!("{}{until}", after.levels));
    Ok(Json(after))
}

pub(crate) async fn reset(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Answer<Json<LogLevels>> {
    let before = status(&state)?;
    state.app.logs().reset();
    let after = status(&state)?;
    audit::changed(&caller, "log levels", before.levels, &after.levels);
    Ok(Json(after))
}

fn status(state: &State) -> Answer<LogLevels> {
    let not_ours = || {
        let detail = "the process's logs were installed by somebody else; set their levels there";
        Problem::new(StatusCode::NOT_IMPLEMENTED, "not_built_in", detail)
    };
    state.app.logs().status().ok_or_else(not_ours)
}
