//! What runs between the phases of a life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use inkstone_config::{Code, Fault, Problems};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::error::{Error, Result};
use crate::handle::AppHandle;
use crate::panics::Edge;

/// The hooks of an app.
#[derive(Default)]
pub(crate) struct Hooks {
    ready: Mutex<Vec<ReadyHook>>,
    before_stop: Mutex<Vec<StopHook>>,
    after_stop: Mutex<Vec<StopHook>>,
}

struct StopHook {
    name: Arc<str>,
    run: BoxFuture<'static, Result>,
}

struct ReadyHook {
    name: Arc<str>,
    run: Box<dyn Fn() -> BoxFuture<'static, Result> + Send + Sync>,
}

/// How long to wait before a hook that failed is called again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

impl AppHandle {
    /// Calls `hook` once the app is ready, beside everything else: the place to register with a service registry. One
    /// that fails is called again after a while, until the app stops. It has ended, or been cancelled, before the first
    /// hook of [`before_stop`](Self::before_stop) begins.
    pub fn on_ready<F, Fut, E>(&self, name: impl Into<Arc<str>>, hook: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        let run = Box::new(move || hook().map(|result| result.map_err(Into::into)).boxed());
        lock(&self.0.hooks.ready).push(ReadyHook { name: name.into(), run });
    }

    /// Runs `hook` when the app stops after it was ready: the app reports itself not ready already and still serves.
    /// The place to deregister from a service registry. Hooks run one after the other in the order in which they were
    /// added, before the drain delay; each for `app.hook_within` at most. What fails is reported, and stops nothing.
    pub fn before_stop<F, E>(&self, name: impl Into<Arc<str>>, hook: F)
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        lock(&self.0.hooks.before_stop).push(stop_hook(name, hook));
    }

    /// Runs `hook` when everything has been closed: after serving, after jobs, and after a start that failed. Otherwise
    /// like [`before_stop`](Self::before_stop).
    pub fn after_stop<F, E>(&self, name: impl Into<Arc<str>>, hook: F)
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        lock(&self.0.hooks.after_stop).push(stop_hook(name, hook));
    }
}

fn stop_hook<F, E>(name: impl Into<Arc<str>>, hook: F) -> StopHook
where
    F: Future<Output = std::result::Result<(), E>> + Send + 'static,
    E: Into<Error>,
{
    StopHook { name: name.into(), run: hook.map(|result| result.map_err(Into::into)).boxed() }
}

fn lock<T>(hooks: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    hooks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts what is to run once the app is ready. What is left of it ends when the set is dropped.
pub(crate) fn ready(handle: &AppHandle) -> JoinSet<()> {
    let mut running = JoinSet::new();
    for hook in std::mem::take(&mut *lock(&handle.0.hooks.ready)) {
        running.spawn(until_done(handle.clone(), hook));
    }
    running
}

async fn until_done(handle: AppHandle, hook: ReadyHook) {
    let mut pause = AGAIN.0;
    loop {
        let why = match handle.caught(Edge::Hook, hook.name.clone(), async { (hook.run)().await }).await {
            Ok(Ok(())) => return tracing::info!(hook = &*hook.name, "ready hook done"),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        tracing::warn!(hook = &*hook.name, again_after = ?pause, "ready hook failed: {}", why.trim_end());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(AGAIN.1);
    }
}

pub(crate) async fn before_stop(handle: &AppHandle, failed: &mut Problems) {
    let hooks = std::mem::take(&mut *lock(&handle.0.hooks.before_stop));
    run(handle, "before_stop", hooks, handle.stop_deadline(), failed).await;
}

pub(crate) async fn after_stop(handle: &AppHandle, until: Instant, failed: &mut Problems) {
    let hooks = std::mem::take(&mut *lock(&handle.0.hooks.after_stop));
    run(handle, "after_stop", hooks, until, failed).await;
}

async fn run(
    handle: &AppHandle,
    when: &'static str,
    hooks: Vec<StopHook>,
    until: Instant,
    failed: &mut Problems,
) {
    for StopHook { name, run } in hooks {
        let within = (*handle.config().hook_within).min(until.saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let why = match timeout(within, handle.caught(Edge::Hook, name.clone(), run)).await {
            Ok(Ok(Ok(()))) => {
                tracing::info!(hook = &*name, when, after = ?began.elapsed(), "hook done");
                continue;
            }
            Ok(Ok(Err(error))) => {
                error.problems().iter().map(|fault| fault.message.clone()).collect::<Vec<_>>().join("; ")
            }
            Ok(Err(panicked)) => panicked.to_string(),
            Err(_late) => {
                format!("did not end within {within:?}; raise app.hook_within, or see what it waits for")
            }
        };
        failed.push(Fault::new(Code::HookFailed, format!("the {when} hook `{name}` failed: {why}")));
    }
}
