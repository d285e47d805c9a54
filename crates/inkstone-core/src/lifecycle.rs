//! Starting → Ready → Draining → Stopped.

use std::sync::atomic::Ordering;
use std::time::Duration;

use inkstone_config::{Code, Fault, Problems, ReloadOutcome, SourceStatus, Watching};
use inkstone_observe::Metrics;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, Part};
use crate::error::Result;
use crate::handle::{AppHandle, Instance, Phase};
use crate::hooks;
use crate::jobs;
use crate::panics::Edge;
use crate::servers::{Servers, note};
use crate::signal::{Signals, Stop};

/// How much longer than `stop_within` closing may take, so that there is time for it when work in flight took all; and
/// hooks after that. [`AppConfig::stop_within`](crate::AppConfig) names both and the second that the runtime is given.
const CLOSE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(2);

/// How long the end waits for a log file whose disk hangs.
const LAST_LINES: Duration = Duration::from_secs(1);

pub(crate) async fn run(app: App) -> Result {
    let App { handle, parts, keep_running } = app;
    let mut signals = match begin(&handle, &parts, keep_running) {
        Ok(signals) => signals,
        Err(error) => return end(&handle, Err(error), None).await,
    };
    let ran = if handle.0.flags.job.is_empty() {
        serve(&handle, parts, keep_running, &mut signals).await
    } else {
        // Servers are not only not bound: whatever they hold is let go before a job begins.
        drop(parts);
        jobs::run(&handle, &mut signals).await
    };
    end(&handle, ran, Some(&mut signals)).await
}

fn begin(handle: &AppHandle, parts: &[Part], keep_running: bool) -> Result<Signals> {
    jobs::check(handle)?;
    handle.begin_running()?;
    let serves = parts.iter().any(|part| matches!(part, Part::Server(_)));
    if handle.0.flags.job.is_empty() && !serves && !keep_running && !handle.0.works.load(Ordering::Relaxed) {
        let hint = match &handle.0.jobs.names()[..] {
            [] => "add a server with `App::serve`, or let it wait with `App::keep_running`".to_owned(),
            jobs => format!("run one of its jobs: --job={}", jobs.join(",")),
        };
        let message = "the service has no server and no work of its own";
        return Err(Fault::new(Code::NothingToRun, message).hint(hint).into());
    }
    let signals = Signals::listen(handle)?;
    handle.0.running.cancel();
    Ok(signals)
}

async fn serve(handle: &AppHandle, parts: Vec<Part>, keep_running: bool, signals: &mut Signals) -> Result {
    let started = Instant::now();
    let mut servers = Servers::default();
    let mut failed = Problems::default();
    let (mut registering, mut watching) = (None, None);
    // Not one of the app's tasks: it is no work, and nobody waits for its end.
    let probe = handle.metrics().clone().probe(handle.0.stop.clone().cancelled_owned());
    let _probe = AbortOnDropHandle::new(tokio::spawn(probe));
    let began = tokio::select! {
        began = servers.start(handle, parts) => began,
        stop = signals.stop() => Ok(Some(stop)),
    };
    let stop = match began {
        Ok(None) => {
            watching = handle.0.flags.watch.then(|| watch_settings(handle));
            ready(handle, started);
            registering = Some(hooks::ready(handle));
            wait(handle, &mut servers, keep_running, signals, &mut failed).await
        }
        // Told to stop before it was ready: nobody knows of it, so nobody must learn that it goes.
        Ok(Some(stop)) => stop,
        Err(error) => {
            failed.append(error.problems());
            Stop::Failed
        }
    };
    tracing::info!(reason = ?stop, "stopping");
    let was_ready = registering.is_some();
    // Before the hooks of the stop: one may take back what a hook of the start is still doing.
    if let Some(mut registering) = registering.take() {
        registering.shutdown().await;
    }
    let deadline = handle.stop_deadline();
    tokio::select! {
        () = stop_gracefully(handle, &mut servers, stop, was_ready, &mut failed) => {}
        () = tokio::time::sleep_until(deadline) => failed.push(late(handle)),
        () = signals.again() => {
            failed.push(Fault::new(Code::DrainTimeout, "told to stop a second time: what was in flight was cut off"));
        }
    }
    drop(watching);
    if failed.is_empty() { Ok(()) } else { Err(failed.into()) }
}

fn ready(handle: &AppHandle, started: Instant) {
    for problem in handle.settings().unread_tables().iter() {
        tracing::warn!(code = problem.code.as_str(), "{}", problem.message);
    }
    for socket in handle.0.sockets.left() {
        tracing::warn!("the listening socket {socket} was passed at the start, and no server listens on it");
    }
    handle.0.phase.send_replace(Phase::Ready);
    handle.logs().started();
    let (version, watching) = (&handle.build_info().version, handle.0.flags.watch);
    tracing::info!(name = handle.name(), version, watching, after = ?started.elapsed(), "ready");
}

/// Until something ends the time of serving.
async fn wait(
    handle: &AppHandle,
    servers: &mut Servers,
    keep_running: bool,
    signals: &mut Signals,
    failed: &mut Problems,
) -> Stop {
    let only_work = servers.is_empty() && !keep_running;
    let done = async {
        match only_work {
            true => {
                handle.0.tasks.close();
                handle.0.tasks.wait().await;
            }
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        stop = signals.stop() => stop,
        error = servers.failure() => {
            failed.append(error.problems());
            Stop::Failed
        }
        () = done => Stop::Done,
    }
}

async fn stop_gracefully(
    handle: &AppHandle,
    servers: &mut Servers,
    stop: Stop,
    was_ready: bool,
    failed: &mut Problems,
) {
    handle.0.phase.send_replace(Phase::Draining);
    if was_ready {
        hooks::before_stop(handle, failed).await;
    }
    match stop {
        Stop::Forced => {
            tracing::warn!("told to stop at once: what is in flight is cut off");
            *servers = Servers::default();
            handle.0.stop.cancel();
            handle.0.stop_last.cancel();
            return;
        }
        Stop::Terminated | Stop::Failed if was_ready => tokio::time::sleep(*handle.config().drain).await,
        _ => {}
    }
    handle.0.stop.cancel();
    while let Some(ended) = servers.first_ended().await {
        note(failed, ended);
    }
    handle.0.tasks.close();
    handle.0.tasks.wait().await;
    handle.0.stop_last.cancel();
    while let Some(ended) = servers.last_ended().await {
        note(failed, ended);
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
    let closing = async {
        let deadline = handle.stop_deadline() + CLOSE;
        close(handle, deadline, &mut failed).await;
        // Nothing has been touched by `--check`, and nothing is.
        if !handle.0.flags.check {
            hooks::after_stop(handle, deadline + AFTER, &mut failed).await;
        }
        handle.flush_traces(deadline + AFTER).await;
    };
    let cut = tokio::select! {
        () = closing => false,
        () = told => true,
    };
    if cut {
        failed.push(Fault::new(
            Code::CloseFailed,
            "told to stop a second time: what was still open was not closed",
        ));
    }
    handle.0.phase.send_replace(Phase::Stopped);
    for fault in failed.iter() {
        let component = fault.component.as_deref().unwrap_or_default();
        tracing::error!(code = fault.code.as_str(), component, "{}", fault.message);
    }
    let ran = match ran {
        ran if failed.is_empty() => ran,
        Ok(()) => Err(failed.into()),
        Err(error) => {
            let mut all = error.problems();
            all.append(failed);
            Err(all.into())
        }
    };
    tracing::info!(name = handle.name(), ok = ran.is_ok(), "stopped");
    handle.logs().finish(LAST_LINES);
    ran
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
        let closing = handle.caught(Edge::Close, instance.name.clone(), (instance.close)());
        let mut closing = AbortOnDropHandle::new(tokio::spawn(closing));
        match timeout(deadline.saturating_duration_since(Instant::now()) / shares, &mut closing).await {
            Ok(ended) => note_closed(&instance, ended, failed),
            Err(_) => slow.push((instance, closing)),
        }
    }
    handle.0.tasks.close();
    if timeout_at(deadline, handle.0.tasks.wait()).await.is_err() {
        let message = format!("{} of the app's tasks did not end in time", handle.0.tasks.len());
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

fn note_closed(
    instance: &Instance,
    ended: std::result::Result<std::result::Result<(), crate::Panicked>, JoinError>,
    failed: &mut Problems,
) {
    match ended {
        Ok(Ok(())) => tracing::debug!(kind = instance.kind, name = %instance.name, "closed"),
        Ok(Err(panicked)) => failed.push(not_closed(instance, &format!("{panicked}, while it was closed"))),
        Err(cut) => failed.push(not_closed(instance, &format!("was not closed: {cut}"))),
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
    let up = metrics.clone();
    settings.on_source(move |source, is_up| up.config_source(source, is_up));
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

fn late(handle: &AppHandle) -> Fault {
    let within = handle.config().stop_within;
    Fault::new(Code::DrainTimeout, format!("work was still in flight {within} after the stop began, and was cut off"))
        .hint("raise app.stop_within (and the pod's terminationGracePeriodSeconds above it), or give the work a deadline")
}
