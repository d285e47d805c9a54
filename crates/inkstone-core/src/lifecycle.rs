//! Starting → Ready → Draining → Stopped.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use inkstone_config::{Code, Fault, Problems, ReloadOutcome, SourceStatus, Watching};
use inkstone_observe::Metrics;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, ServerEntry};
use crate::error::Result;
use crate::handle::{AppHandle, Phase};
use crate::jobs;
use crate::signal::{Signals, Stop};

/// Longest wait for one component to close.
const CLOSE: Duration = Duration::from_secs(5);

type Serving = FuturesUnordered<BoxFuture<'static, (String, Result)>>;

/// What is being served: two groups, because the governor goes last.
struct Servers {
    first: Serving,
    last: Serving,
}

pub(crate) async fn run(app: App) -> Result {
    let App { handle, config, servers, jobs } = app;
    let ran = if handle.0.flags.job.is_empty() {
        match handle.begin() {
            Ok(()) => serve(&handle, &config, servers).await,
            Err(error) => Err(error),
        }
    } else {
        jobs::run(&handle, jobs).await
    };
    close(&handle).await;
    handle.0.phase.send_replace(Phase::Stopped);
    ran
}

async fn serve(handle: &AppHandle, config: &crate::AppConfig, servers: Vec<ServerEntry>) -> Result {
    let started = Instant::now();
    let mut signals = Signals::listen(handle)?;
    let mut servers = bind(servers).await?;
    let _watching = watch_settings(handle);
    for problem in handle.settings().unread_tables().iter() {
        tracing::warn!(code = problem.code.as_str(), "{}", problem.message);
    }
    handle.0.phase.send_replace(Phase::Ready);
    tracing::info!(name = handle.name(), version = handle.build_info().version, after = ?started.elapsed(), "ready");

    let mut failed = Problems::default();
    let stop = tokio::select! {
        stop = signals.stop() => stop,
        ended = servers.next() => {
            note(&mut failed, ended.map(|(name, result)| (name.clone(), result.and_then(|()| Err(gave_up(&name))))));
            Stop::Failed
        }
    };
    tracing::info!(reason = ?stop, "stopping");
    let deadline = Instant::now() + *config.stop_within;
    tokio::select! {
        () = stop_gracefully(handle, config, &mut servers, stop, &mut failed) => {}
        () = tokio::time::sleep_until(deadline) => {
            failed.push(late(config));
        }
        () = signals.again() => {
            failed.push(Fault::new(Code::DrainTimeout, "told to stop a second time: what was in flight was cut off"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.into()) }
}

/// Binds in order, then lets all of them serve. A server that cannot be bound stops all: those bound before it are let
/// go, and none has begun with anything.
async fn bind(entries: Vec<ServerEntry>) -> Result<Servers> {
    let mut all = Vec::new();
    for ServerEntry { cx, last, bind, asked_at } in entries {
        let bound = match bind.await {
            Ok(bound) => bound,
            Err(error) => return Err(cx.failed_to_build(&error, asked_at)),
        };
        if let Some(address) = bound.endpoint {
            tracing::info!(kind = cx.kind, name = %cx.name, %address, "listening");
        }
        all.push((cx, last, bound.serve));
    }
    let servers = Servers { first: FuturesUnordered::new(), last: FuturesUnordered::new() };
    for (cx, last, serve) in all {
        let group = if last { &servers.last } else { &servers.first };
        // Each on a task of its own: one that is busy must not hold up the others. Dropped at the deadline, it is cut off.
        let serving = AbortOnDropHandle::new(tokio::spawn(serve));
        group.push(Box::pin(async move {
            let result = match serving.await {
                Ok(result) => result,
                Err(panic) => Err(cx.fault(Code::Panic, format!("the server panicked: {panic}")).into()),
            };
            (cx.name.to_string(), result)
        }));
    }
    Ok(servers)
}

async fn stop_gracefully(
    handle: &AppHandle,
    config: &crate::AppConfig,
    servers: &mut Servers,
    stop: Stop,
    failed: &mut Problems,
) {
    handle.0.phase.send_replace(Phase::Draining);
    if stop != Stop::Interrupted {
        tokio::time::sleep(*config.drain).await;
    }
    handle.0.stop.cancel();
    while let Some(ended) = servers.first.next().await {
        note(failed, Some(ended));
    }
    handle.0.tasks.close();
    handle.0.tasks.wait().await;
    handle.0.stop_last.cancel();
    while let Some(ended) = servers.last.next().await {
        note(failed, Some(ended));
    }
}

/// Closes the components in reverse order of building. One that hangs does not keep the others from closing.
pub(crate) async fn close(handle: &AppHandle) {
    handle.0.stop.cancel();
    handle.0.stop_last.cancel();
    for instance in handle.take_instances().into_iter().rev() {
        let closing = tokio::spawn((instance.close)());
        if timeout(CLOSE, closing).await.is_err() {
            tracing::error!(kind = instance.kind, name = %instance.name, waited = ?CLOSE, "did not close in time; left open");
        }
    }
    handle.0.tasks.close();
    let deadline = Instant::now() + CLOSE;
    if timeout_at(deadline, handle.0.tasks.wait()).await.is_err() {
        tracing::error!(tasks = handle.0.tasks.len(), waited = ?CLOSE, "tasks did not end in time; cut off");
    }
}

/// Follows the configuration while the app serves: each reload is counted, and logged with what was wrong.
fn watch_settings(handle: &AppHandle) -> Watching {
    let settings = handle.settings();
    let metrics = handle.metrics().clone();
    show_sources(&metrics, &settings.status().sources);
    settings.on_reload(move |outcome| match outcome {
        ReloadOutcome::Applied { sources, changed, pending_restart } => {
            metrics.reloaded(true);
            show_sources(&metrics, sources);
            tracing::info!(?changed, ?pending_restart, "configuration applied");
        }
        ReloadOutcome::Refused(refused) => {
            metrics.reloaded(false);
            tracing::error!("configuration refused, the one before stays in force:\n{}", refused.problems);
        }
        other => tracing::warn!(?other, "the configuration was read again"),
    });
    settings.watch()
}

fn show_sources(metrics: &Metrics, sources: &[SourceStatus]) {
    metrics.config(sources.iter().map(|source| (source.name.as_str(), source.hash.as_str())));
}

impl Servers {
    /// The first server of either group to end.
    async fn next(&mut self) -> Option<(String, Result)> {
        match (self.first.is_empty(), self.last.is_empty()) {
            (true, true) => std::future::pending().await,
            (false, true) => self.first.next().await,
            (true, false) => self.last.next().await,
            (false, false) => tokio::select! {
                ended = self.first.next() => ended,
                ended = self.last.next() => ended,
            },
        }
    }
}

fn note(failed: &mut Problems, ended: Option<(String, Result)>) {
    if let Some((name, Err(error))) = ended {
        tracing::error!(name, "server failed: {error}");
        failed.append(error.problems());
    }
}

/// A server that ends before it is told to, without an error, is one all the same: nobody serves any more.
fn gave_up(name: &str) -> crate::Error {
    let message =
        format!("`{name}` ended by itself, without an error; it must serve until the service stops");
    Fault::new(Code::ServeFailed, message).key(name).into()
}

fn late(config: &crate::AppConfig) -> Fault {
    Fault::new(
        Code::DrainTimeout,
        format!("work was still in flight {} after the stop began, and was cut off", config.stop_within),
    )
    .hint("raise app.stop_within (and the pod's terminationGracePeriodSeconds above it), or give the work a deadline")
}
