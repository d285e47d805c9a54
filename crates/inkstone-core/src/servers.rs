//! What is served, from bound to ended.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use inkstone_config::{Code, Fault, Problems};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{Gate, Part, ServerEntry};
use crate::component::Health;
use crate::error::{Error, Result};
use crate::handle::AppHandle;
use crate::panics::Edge;
use crate::signal::Stop;

type Serving = FuturesUnordered<BoxFuture<'static, (String, Result)>>;

/// What is being served: two groups, because the governor goes last.
#[derive(Default)]
pub(crate) struct Servers {
    first: Serving,
    last: Serving,
}

/// How long to wait before something that is not there yet is asked for again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

impl Servers {
    /// Does what a start consists of, in order. The servers between two waits are all bound before one of them begins: if
    /// one cannot be bound, none has begun with anything.
    pub(crate) async fn start(&mut self, handle: &AppHandle, parts: Vec<Part>) -> Result<Option<Stop>> {
        let mut group = Vec::new();
        for part in parts {
            match part {
                Part::Server(server) => group.push(server),
                Part::Wait(gate) => {
                    self.begin(handle, std::mem::take(&mut group)).await?;
                    self.wait(handle, &gate).await?;
                }
            }
        }
        self.begin(handle, group).await?;
        Ok(None)
    }

    async fn begin(&mut self, handle: &AppHandle, entries: Vec<ServerEntry>) -> Result {
        let mut all = Vec::new();
        for ServerEntry { cx, last, bind, asked_at } in entries {
            let bound = match handle.caught(Edge::Start, cx.name.clone(), bind).await {
                Ok(bound) => bound,
                Err(panicked) => Err(panicked.fault().into()),
            };
            let bound = bound.map_err(|error| cx.failed_to_build(&error, asked_at))?;
            match bound.endpoint {
                Some(address) => tracing::info!(kind = cx.kind, name = %cx.name, %address, "listening"),
                None => tracing::info!(kind = cx.kind, name = %cx.name, "begins"),
            }
            handle.0.inventory.bound(&cx, bound.endpoint);
            all.push((cx, last, bound.serve));
        }
        for (cx, last, serve) in all {
            let group = if last { &self.last } else { &self.first };
            let serve = handle.caught(Edge::Server, cx.name.clone(), serve);
            // Each on a task of its own: one that is busy must not hold up the others. Dropped at the deadline, it is cut off.
            let serving = AbortOnDropHandle::new(tokio::spawn(serve));
            group.push(Box::pin(async move {
                let result = match serving.await {
                    Ok(Ok(result)) => result,
                    Ok(Err(panicked)) => Err(cx.fault(Code::Panic, format!("the server {panicked}")).into()),
                    Err(cut) => {
                        Err(cx.fault(Code::ServeFailed, format!("the server was cut off: {cut}")).into())
                    }
                };
                (cx.name.to_string(), result)
            }));
        }
        Ok(())
    }

    /// Asks until it is there, or a server fails, or it takes too long.
    async fn wait(&mut self, handle: &AppHandle, gate: &Gate) -> Result {
        let (began, within) = (Instant::now(), *handle.config().ready_within);
        tracing::info!(gate = gate.name, "waiting");
        let asking = async {
            let mut pause = AGAIN.0;
            loop {
                let left = within.saturating_sub(began.elapsed());
                let check = handle.caught(Edge::Start, gate.name, async { (gate.check)().await });
                let why = match timeout(left, check).await {
                    Ok(Ok(Health::Up | Health::Degraded(_))) => return Ok(()),
                    Ok(Ok(Health::Down(why))) => why,
                    Ok(Err(panicked)) => return Err(panicked.fault().into()),
                    Err(_late) => "the check does not end".to_owned(),
                };
                if began.elapsed() + pause > within {
                    let message = format!(
                        "`{}` did not come true within {}: {why}",
                        gate.name,
                        handle.config().ready_within
                    );
                    return Err(Error::new(Code::NotReadyInTime, message));
                }
                tokio::time::sleep(pause).await;
                pause = pause.mul_f64(1.3).min(AGAIN.1);
            }
        };
        tokio::select! {
            there = asking => there,
            error = self.failure() => Err(error),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.last.is_empty()
    }

    /// The error of the first server to end: it is one even if it ended without.
    pub(crate) async fn failure(&mut self) -> Error {
        let ended = match (self.first.is_empty(), self.last.is_empty()) {
            (true, true) => std::future::pending().await,
            (false, true) => self.first.next().await,
            (true, false) => self.last.next().await,
            (false, false) => tokio::select! {
                ended = self.first.next() => ended,
                ended = self.last.next() => ended,
            },
        };
        let Some((name, result)) = ended else { return std::future::pending().await };
        let error = match result {
            Ok(()) => gave_up(&name),
            Err(error) => error,
        };
        tracing::error!(name, "server failed: {error}");
        error
    }

    /// What ended next of the first group, until none is left.
    pub(crate) async fn first_ended(&mut self) -> Option<(String, Result)> {
        self.first.next().await
    }

    /// What ended next of the last group, until none is left.
    pub(crate) async fn last_ended(&mut self) -> Option<(String, Result)> {
        self.last.next().await
    }
}

pub(crate) fn note(failed: &mut Problems, (name, result): (String, Result)) {
    if let Err(error) = result {
        tracing::error!(name, "server failed: {error}");
        failed.append(error.problems());
    }
}

/// A server that ends before it is told to, without an error, is one all the same: nobody serves any more.
fn gave_up(name: &str) -> Error {
    let message =
        format!("`{name}` ended by itself, without an error; it must serve until the service stops");
    Fault::new(Code::ServeFailed, message).key(name).into()
}
