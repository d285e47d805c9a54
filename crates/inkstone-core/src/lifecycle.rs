//! Starting → Ready → Draining → Stopped.

use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use inkstone_config::{Code, Fault, Problems, ReloadOutcome, SourceStatus, Watching};
use inkstone_observe::Metrics;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, Job, ServerEntry};
use crate::error::Result;
use crate::handle::{AppHandle, Instance, Phase};
use crate::jobs;
use crate::signal::{Signals, Stop};

/// How much longer than `stop_within` closing may take, so that there is time for it when work in flight took all.
/// [`AppConfig::stop_within`](crate::AppConfig) names this and the second that the runtime is given.
const CLOSE: Duration = Duration::from_secs(2);

/// How long the end waits for a log file whose disk hangs.
const LAST_LINES: Duration = Duration::from_secs(1);

type Serving = FuturesUnordered<BoxFuture<'static, (String, Result)>>;

/// What is being served: two groups, because the governor goes last.
struct Servers {
    first: Serving,
    last: Serving,
}

pub(crate) async fn run(app: App) -> Result {
    let App { handle, config, servers, jobs } = app;
    let mut signals = match begin(&handle, &jobs) {
        Ok(signals) => signals,
        Err(error) => return end(&handle, Err(error), None).await,
    };
    let ran = if handle.0.flags.job.is_empty() {
        serve(&handle, &config, servers, &mut signals).await
    } else {
        jobs::run(&handle, jobs, &mut signals).await
    };
    end(&handle, ran, Some(&mut signals)).await
}

fn begin(handle: &AppHandle, jobs: &[Job]) -> Result<Signals> {
    jobs::unknown(&handle.0.flags.job, jobs)?;
    handle.begin_running()?;
    Signals::listen(handle)
}

async fn serve(
    handle: &AppHandle,
    config: &crate::AppConfig,
    servers: Vec<ServerEntry>,
    signals: &mut Signals,
) -> Result {
    let started = Instant::now();
    let mut servers = bind(servers).await?;
    let _watching = watch_settings(handle);
    handle.spawn(handle.metrics().clone().probe(handle.0.stop.clone().cancelled_owned()));
    for problem in handle.settings().unread_tables().iter() {
        tracing::warn!(code = problem.code.as_str(), "{}", problem.message);
    }
    handle.0.phase.send_replace(Phase::Ready);
    handle.logs().started();
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
    let deadline = handle.stop_deadline();
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
        cx.app().0.inventory.bound(&cx, bound.endpoint);
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

/// The end of a life, however it went: closes what is open, once, and adds what went wrong with that.
pub(crate) async fn end(handle: &AppHandle, ran: Result, signals: Option<&mut Signals>) -> Result {
    if *handle.0.phase.borrow() == Phase::Stopped {
        return ran;
    }
    let mut failed = Problems::default();
    let told = async {
        match signals {
            Some(signals) => signals.at_once().await,
            // Nobody listens: a signal ends the process, as it does any other.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = close(handle, handle.stop_deadline() + CLOSE, &mut failed) => {}
        () = told => failed.push(Fault::new(Code::CloseFailed, "told to stop a second time: what was still open was not closed")),
    }
    handle.0.phase.send_replace(Phase::Stopped);
    for fault in failed.iter() {
        let component = fault.component.as_deref().unwrap_or_default();
        tracing::error!(code = fault.code.as_str(), component, "{}", fault.message);
    }
    handle.logs().finish(LAST_LINES);
    match ran {
        ran if failed.is_empty() => ran,
        Ok(()) => Err(failed.into()),
        Err(error) => {
            let mut all = error.problems();
            all.append(failed);
            Err(all.into())
        }
    }
}

/// Closes the components in reverse order of building, within one deadline. One that takes more than its share of the
/// time goes on beside the others.
async fn close(handle: &AppHandle, deadline: Instant, failed: &mut Problems) {
    handle.0.stop.cancel();
    handle.0.stop_last.cancel();
    let mut slow = Vec::new();
    let mut instances = handle.take_instances();
    while let Some(instance) = instances.pop() {
        // One share for each that is left, this one, and the tasks.
        let shares = u32::try_from(instances.len() + 2).unwrap_or(u32::MAX);
        let mut closing = AbortOnDropHandle::new(tokio::spawn((instance.close)()));
        match timeout(deadline.saturating_duration_since(Instant::now()) / shares, &mut closing).await {
            Ok(ended) => note_closed(&instance, ended, failed),
            Err(_) => slow.push((instance, closing)),
        }
    }
    handle.0.tasks.close();
    if timeout_at(deadline, handle.0.tasks.wait()).await.is_err() {
        let message = format!("{} of the service's tasks did not end in time", handle.0.tasks.len());
        failed.push(Fault::new(Code::CloseFailed, message).hint("end them when `Cx::stopping` is cancelled"));
    }
    for (instance, closing) in slow {
        match timeout_at(deadline, closing).await {
            Ok(ended) => note_closed(&instance, ended, failed),
            Err(_) => failed.push(not_closed(&instance, "did not close in time and was left open").hint(
                "raise app.stop_within (and the pod's terminationGracePeriodSeconds above it), or see what it waits for",
            )),
        }
    }
}

fn note_closed(instance: &Instance, ended: std::result::Result<(), JoinError>, failed: &mut Problems) {
    if let Err(panic) = ended {
        failed.push(not_closed(instance, &format!("panicked while it was closed: {panic}")));
    }
}

fn not_closed(instance: &Instance, message: &str) -> Fault {
    Fault::new(Code::CloseFailed, message)
        .component(format!("{} `{}`", instance.kind, instance.name))
        .key(instance.name.as_ref())
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
            let code = Code::ReloadRefused.as_str();
            tracing::error!(
                code,
                "configuration refused, the one before stays in force:\n{}",
                refused.problems
            );
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
