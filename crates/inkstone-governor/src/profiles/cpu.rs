//! CPU profiles.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State as Extract};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use inkstone_config::Dur;
use inkstone_profile::{Error, Sampling};
use serde::Deserialize;

use crate::access::Caller;
use crate::audit;
use crate::governor::State;
use crate::problem::{Answer, Problem};
use crate::serving::Activity;

/// Most samples for each second of CPU time. The kernel's clock is seldom faster.
const MOST: u32 = 999;

/// How many samples found no room, if any; and what to do about it.
const LOST: HeaderName = HeaderName::from_static("inkstone-samples-lost");

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wanted {
    seconds: u64,
    hz: u32,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Pprof,
    Collapsed,
}

impl Default for Wanted {
    fn default() -> Self {
        // not 100, which beats with whatever the program does every 10 ms
        Self { seconds: 10, hz: 99, format: Format::Pprof }
    }
}

/// Looks for some seconds; ends when the client goes away or the service stops.
pub(crate) async fn cpu(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    Extension(activity): Extension<Arc<Activity>>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Answer<Response> {
    let Query(Wanted { seconds, hz, format }) = wanted.map_err(|error| Problem::bad(error.body_text()))?;
    let _busy = activity.busy();
    let (time, most) = (Duration::from_secs(seconds), state.config.get().max_profile);
    if time.is_zero() || time > *most {
        return Err(Problem::bad(format!(
            "seconds must be 1 to {} ({}.max_profile)",
            most.as_secs(),
            state.name
        )));
    }
    if hz == 0 || hz > MOST {
        return Err(Problem::bad(format!("hz must be 1 to {MOST}")));
    }
    let sampling = Sampling::start(hz, time).map_err(|error| refused(&error))?;
    audit::changed(&caller, "CPU profile", "", format_args!("taken for {}", Dur::from(time)));
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = state.stopping.cancelled() => return Err(Problem::stopping()),
    }
    // Giving names to functions reads the program's debug information.
    let finish = move || {
        let profile = sampling.finish();
        let (kind, name, body) = match format {
            Format::Pprof => ("application/x-protobuf", "cpu.pb", profile.pprof()),
            Format::Collapsed => ("text/plain; charset=utf-8", "cpu.txt", profile.collapsed().into_bytes()),
        };
        let disposition = format!("inline; filename=\"{name}\"");
        let lost = profile.lost.to_string();
        ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition), (LOST, lost)], body)
            .into_response()
    };
    let finished = tokio::task::spawn_blocking(finish).await;
    finished.map_err(|panic| Problem::failed(format!("the profile cannot be read: {panic}")))
}

fn refused(error: &Error) -> Problem {
    match error {
        Error::Busy => Problem::busy(error.to_string()),
        Error::System(why) if why.kind() == ErrorKind::Unsupported => {
            Problem::not_built_in(error.to_string())
        }
        _ => Problem::failed(error.to_string()),
    }
}
