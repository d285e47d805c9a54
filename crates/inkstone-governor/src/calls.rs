//! Calls as they end, for whoever watches.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt, stream};
use inkstone_config::Dur;
use inkstone_observe::{TailFilter, TailStream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::governor::State;
use crate::problem::{Answer, Problem};
use crate::serving::{Activity, Busy};

/// Most calls a second that one reader is shown, and longest time of a stream in seconds.
const MOST: u32 = 1000;
const LONGEST: u64 = 3600;

/// What is to be seen.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wanted {
    component: Option<String>,
    method: Option<String>,
    code: Option<String>,
    failed: bool,
    slower: Dur,
    sample: f64,
    rate: u32,
    seconds: u64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            component: None,
            method: None,
            code: None,
            failed: false,
            slower: Dur::ZERO,
            sample: 1.0,
            // as much as a person can follow
            rate: 100,
            seconds: 600,
        }
    }
}

/// One who watches, and how much more there may be.
struct Reader {
    calls: TailStream,
    state: State,
    ends: Instant,
    rate: u32,
    second: Instant,
    shown: u32,
    skipped: u64,
    _counted: (Busy, Busy),
}

pub(crate) async fn stream(
    Extract(state): Extract<State>,
    Extension(activity): Extension<Arc<Activity>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad(error.body_text()))?;
    let Wanted { component, method, code, failed, slower, sample, rate, seconds } = wanted;
    if !(sample > 0.0 && sample <= 1.0) {
        return Err(Problem::bad("sample must be more than 0 and at most 1"));
    }
    if rate == 0 || rate > MOST || seconds == 0 || seconds > LONGEST {
        return Err(Problem::bad(format!("rate must be 1 to {MOST}, and seconds 1 to {LONGEST}")));
    }
    let most = state.config.get().max_readers;
    let counted = (state.readers.busy(), activity.busy());
    if state.readers.count() > most {
        let detail =
            format!("{most} watch already ({}.max_readers); try again when one has ended", state.name);
        return Err(Problem::busy(detail));
    }
    let filter = TailFilter { name: component, method, code, failed, at_least: *slower, sample };
    let calls = state.app.tail().subscribe(filter);
    let now = Instant::now();
    let ends = now + Duration::from_secs(seconds);
    let reader = Reader { calls, state, ends, rate, second: now, shown: 0, skipped: 0, _counted: counted };
    let events = stream::unfold(reader, async |mut reader| Some((reader.next().await?, reader)));
    let begin = stream::once(async { Event::default().comment("calls as they end") });
    Ok(Sse::new(begin.chain(events).map(Ok)).keep_alive(KeepAlive::default()))
}

impl Reader {
    /// The next call; `None` at the end of the time or of the service.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let call = tokio::select! {
                call = self.calls.next() => call?,
                () = tokio::time::sleep_until(self.ends) => return None,
                () = self.state.stopping.cancelled() => return None,
            };
            if self.second.elapsed() >= Duration::from_secs(1) {
                (self.second, self.shown) = (Instant::now(), 0);
            }
            if self.shown >= self.rate {
                self.skipped += 1;
                continue;
            }
            self.shown += 1;
            let skipped = std::mem::take(&mut self.skipped);
            let data = json!({ "skipped": skipped, "call": call });
            return Some(Event::default().event("call").data(data.to_string()));
        }
    }
}
