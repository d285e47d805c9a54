//! The shared inside of an app, as its components and its governor see it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;
use inkstone_config::{Fault, Live, Problems, Settings, Severity};
use inkstone_observe::trace;
use inkstone_observe::{LogControl, Metrics, MetricsConfig, Tail};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::build_info::BuildInfo;
use crate::component::{Component, Health};
use crate::config::AppConfig;
use crate::cx::Cx;
use crate::error::Error;
use crate::flags::Flags;
use crate::hooks::Hooks;
use crate::identity::Identity;
use crate::inventory::{Inventory, Offer, Peer};
use crate::job_metrics::JobMetrics;
use crate::jobs::Jobs;
use crate::optional::Optional;
use crate::panics::{Edge, Panics};
use crate::sockets::Sockets;
use crate::traces::Traces;

/// Where an app is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Loading, building, binding.
    Starting,
    /// Serving.
    Ready,
    /// Told to stop: not ready any more, still serving what comes, then finishing what is in flight.
    Draining,
    /// Done.
    Stopped,
}

/// A view of an app that its parts hold. A handle: clones share the app.
#[derive(Clone)]
pub struct AppHandle(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) identity: Identity,
    pub(crate) config: Arc<AppConfig>,
    pub(crate) build: BuildInfo,
    pub(crate) flags: Flags,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    logs: OnceLock<LogControl>,
    tail: Tail,
    pub(crate) debug: bool,
    pub(crate) phase: watch::Sender<Phase>,
    /// Asks for a graceful stop.
    pub(crate) stop_asked: CancellationToken,
    pub(crate) stop: CancellationToken,
    pub(crate) stop_last: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Whether anything was spawned.
    pub(crate) works: AtomicBool,
    pub(crate) hooks: Hooks,
    pub(crate) jobs: Jobs,
    pub(crate) job_metrics: JobMetrics,
    pub(crate) panics: Panics,
    pub(crate) sockets: Sockets,
    /// Cancelled once `run` looks after signals itself.
    pub(crate) running: CancellationToken,
    /// When the stop began.
    stop_began: OnceLock<Instant>,
    pub(crate) traces: OnceLock<Traces>,
    pub(crate) inventory: Inventory,
    instances: Mutex<Vec<Arc<Instance>>>,
    provided: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

/// One built component, with its type erased.
pub struct Instance {
    /// Its kind.
    pub kind: &'static str,
    /// Its key in the configuration.
    pub name: Arc<str>,
    required: Live<bool>,
    app: Weak<Inner>,
    health: Box<dyn Fn() -> BoxFuture<'static, Health> + Send + Sync>,
    stats: Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>,
    peers: Box<dyn Fn() -> Vec<Peer> + Send + Sync>,
    pub(crate) close: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl AppHandle {
    pub(crate) fn new(
        identity: Identity,
        build: BuildInfo,
        flags: Flags,
        settings: Settings,
        config: Arc<AppConfig>,
        sockets: Sockets,
    ) -> Self {
        let debug = flags.debug;
        let measured = settings.load_or_default::<MetricsConfig>("metrics", "metrics").get();
        let metrics = Metrics::with_config((*measured).clone());
        let build = BuildInfo { name: identity.name.clone(), ..build };
        let mut labels = build.labels();
        for (label, value) in
            [("mode", &identity.mode), ("region", &identity.region), ("zone", &identity.zone)]
        {
            labels.push((label.to_owned(), value.clone()));
        }
        metrics.build_info(&labels);
        let stop = CancellationToken::new();
        Self(Arc::new(Inner {
            build,
            identity,
            config,
            hooks: Hooks::default(),
            jobs: Jobs::default(),
            job_metrics: JobMetrics::new(&metrics),
            panics: Panics::new(&metrics),
            sockets,
            running: CancellationToken::new(),
            flags,
            settings,
            metrics,
            logs: OnceLock::new(),
            tail: Tail::default(),
            debug,
            phase: watch::Sender::new(Phase::Starting),
            stop_asked: CancellationToken::new(),
            stop,
            stop_last: CancellationToken::new(),
            tasks: TaskTracker::new(),
            works: AtomicBool::new(false),
            stop_began: OnceLock::new(),
            traces: OnceLock::new(),
            inventory: Inventory::default(),
            instances: Mutex::default(),
            provided: Mutex::default(),
        }))
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.identity.name
    }

    /// Who this is: service, installation, replica, place in the cluster.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The `[app]` table as it was at the start.
    #[must_use]
    pub fn config(&self) -> &AppConfig {
        &self.0.config
    }

    /// What was built, from what.
    #[must_use]
    pub fn build_info(&self) -> &BuildInfo {
        &self.0.build
    }

    /// The configuration.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The logs, to change their levels. Those of the process: its first app decided what they are.
    #[must_use]
    pub fn logs(&self) -> LogControl {
        self.0.logs.get().cloned().unwrap_or_else(LogControl::current)
    }

    /// The calls of this app's components as they happen.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.0.tail.clone()
    }

    pub(crate) fn set_logs(&self, logs: LogControl) {
        // Set once, while the app is made.
        let _set = self.0.logs.set(logs);
    }

    /// Whether calls print their six-tuple.
    #[must_use]
    pub fn debug(&self) -> bool {
        self.0.debug
    }

    /// Where the app is in its life; the receiver also tells of changes.
    #[must_use]
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.0.phase.subscribe()
    }

    /// The components built so far, in that order.
    #[must_use]
    pub fn instances(&self) -> Vec<Arc<Instance>> {
        self.0.instances.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The servers bound so far, and what each offers.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        self.0.inventory.offers()
    }

    /// Starts a graceful stop, as SIGTERM does.
    pub fn stop(&self) {
        self.0.stop_asked.cancel();
    }

    /// Runs `work` beside the servers, as part of the trace at hand. Shutdown waits for it, so it must end when `stopping`
    /// is cancelled. A panic in it is logged and counted, and ends it alone.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.works.store(true, Ordering::Relaxed);
        let work = trace::in_current(self.caught(Edge::Task, "task", work));
        self.0.tasks.spawn(async move {
            let _logged = work.await;
        });
    }

    /// Cancelled when servers are to stop accepting and finish what is in flight.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// What the user gave the app with [`App::provide`](crate::App::provide).
    #[must_use]
    pub fn provided<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let provided = self.0.provided.lock().unwrap_or_else(PoisonError::into_inner);
        provided.get(&TypeId::of::<T>())?.downcast_ref().cloned()
    }

    pub(crate) fn provide<T: Clone + Send + Sync + 'static>(&self, value: T) {
        let mut provided = self.0.provided.lock().unwrap_or_else(PoisonError::into_inner);
        provided.insert(TypeId::of::<T>(), Box::new(value));
    }

    /// When what is in flight must be done: `stop_within` after the first that asks.
    pub(crate) fn stop_deadline(&self) -> Instant {
        *self.0.stop_began.get_or_init(Instant::now) + *self.0.config.stop_within
    }

    /// Before anything is built: every problem found so far, or the end of `--check`.
    ///
    /// More may be loaded after this. So `--check` refuses a table that nothing has read only if no later load can
    /// explain it, and shows the others.
    pub(crate) fn begin_building(&self) -> Result<(), Error> {
        let settings = &self.0.settings;
        if !self.0.flags.check {
            return self.0.settings.problems().into_result().map_err(Error::from);
        }
        let misspelt = settings.misspelt_tables();
        let is_misspelt = |fault: &Fault| misspelt.iter().any(|table| table.key == fault.key);
        let unread = settings.unread_tables().into_iter().filter(|fault| !is_misspelt(fault));
        let hint = "--check ends at the first `build`: if the table is loaded after that, load it before";
        let warnings: Problems = unread.map(|fault| fault.hint(hint)).collect();
        self.end_check(misspelt, warnings.with_severity(Severity::Warning))
    }

    /// Before anything runs, when all that the service reads has been loaded: every problem found, or the end of
    /// `--check`.
    pub(crate) fn begin_running(&self) -> Result<(), Error> {
        if !self.0.flags.check {
            return self.0.settings.problems().into_result().map_err(Error::from);
        }
        self.end_check(self.0.settings.unread_tables(), Problems::default())
    }

    fn end_check(&self, unread: Problems, warnings: Problems) -> Result<(), Error> {
        let mut problems = self.0.settings.problems();
        problems.append(unread.with_severity(Severity::Error));
        if problems.has_errors() {
            problems.append(warnings);
            return Err(problems.into());
        }
        problems.append(warnings);
        Err(Error::checked(problems))
    }

    /// Adds an instance, which may be one that is built later.
    pub(crate) fn add<C: Component>(&self, cx: &Cx, required: Live<bool>, component: Optional<C>) {
        let (health, closing, counted, connected) =
            (component.clone(), component.clone(), component.clone(), component);
        let instance = Instance {
            kind: cx.kind,
            name: cx.name.clone(),
            required,
            app: Arc::downgrade(&self.0),
            health: Box::new(move || {
                let component = health.clone();
                async move { component.health().await }.boxed()
            }),
            stats: Box::new(move || counted.get().map(|component| component.stats()).unwrap_or_default()),
            peers: Box::new(move || connected.get().map(|component| component.peers()).unwrap_or_default()),
            close: Box::new(move || {
                let component = closing.clone();
                async move { component.close().await }.boxed()
            }),
        };
        self.0.instances.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(instance));
    }

    pub(crate) fn take_instances(&self) -> Vec<Arc<Instance>> {
        std::mem::take(&mut self.0.instances.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Instance {
    /// Whether the app needs it to be ready: `required` in its table.
    #[must_use]
    pub fn required(&self) -> bool {
        *self.required.get()
    }

    /// Whether it can serve now; asked anew each time. One that is not required is never worse than degraded.
    pub async fn health(&self) -> Health {
        let health = match self.app.upgrade() {
            Some(app) => AppHandle(app).caught(Edge::Health, self.name.clone(), (self.health)()).await,
            None => Ok((self.health)().await),
        };
        match health.unwrap_or_else(|panicked| Health::Down(format!("the check of its health {panicked}"))) {
            Health::Down(why) if !self.required() => Health::Degraded(why),
            health => health,
        }
    }

    /// What it counts now.
    #[must_use]
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        (self.stats)()
    }

    /// Whom it is connected to now, or tries to be.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        (self.peers)()
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("kind", &self.kind).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for AppHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppHandle").field("name", &self.name()).finish_non_exhaustive()
    }
}
