//! An app: what is loaded, served and run.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use clap::Parser;
use futures::FutureExt;
use futures::future::BoxFuture;
use inkstone_config::{Config, Dur, Live, Settings, Sources};
use inkstone_observe::LogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build_info::BuildInfo;
use crate::component::{Load, Server};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flags::Flags;
use crate::handle::AppHandle;
use crate::lifecycle;
use crate::load::Section;

/// The service itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// The service's name. Empty means the name of its crate.
    pub name: String,
    /// How long the service goes on serving after it was told to stop and has reported itself not ready, so that
    /// callers learn of it first. A stop from the keyboard does not wait.
    pub drain: Dur,
    /// Longest time a stop may take, drain included; then what is left is cut off. Closing what is still open then
    /// takes at most 3 s more. Keep the pod's `terminationGracePeriodSeconds` above both.
    pub stop_within: Dur,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            // endpoints reach callers within milliseconds on an idle cluster, within a second on a busy one
            drain: Dur::from(std::time::Duration::from_secs(1)),
            // Kubernetes kills after 30 s unless told otherwise
            stop_within: Dur::from(std::time::Duration::from_secs(20)),
        }
    }
}

impl Config for AppConfig {
    fn check(&self, problems: &mut inkstone_config::Problems) {
        if *self.drain >= *self.stop_within {
            problems.reject(
                "drain",
                format_args!("{} leaves nothing of stop_within ({})", self.drain, self.stop_within),
            );
        }
    }
}

/// A service: load components, put servers and jobs on it, run it.
///
/// ```
/// use inkstone_core::App;
///
/// let app = App::from_toml("service.toml", "[app]\nname = \"shop\"");
/// assert_eq!(app.handle().name(), "shop");
/// ```
#[must_use = "an app does nothing until it runs"]
pub struct App {
    pub(crate) handle: AppHandle,
    pub(crate) config: Arc<AppConfig>,
    pub(crate) servers: Vec<ServerEntry>,
    pub(crate) jobs: Vec<Job>,
}

pub(crate) struct ServerEntry {
    pub(crate) cx: Cx,
    pub(crate) last: bool,
    pub(crate) bind: BoxFuture<'static, Result<crate::Bound>>,
    pub(crate) asked_at: &'static Location<'static>,
}

pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) run: BoxFuture<'static, Result>,
}

impl App {
    /// An app from the process's command line and environment. [`main`](crate::main()) does this for a service.
    /// Its configuration is files; remote sources take [`Main`](crate::Main).
    ///
    /// Nothing fails here: what is wrong with the configuration is reported by the first `build`, or by `run`.
    ///
    /// With `--check` the service ends there, before anything is touched. A table that nothing has read is an error in
    /// `run`. At a `build`, where more may be loaded later, it is one only if it must be misspelt: its first word is
    /// almost that of a table that was loaded (`[reids.cart]`), or its key almost one that is loaded and is not there.
    /// The others are warnings. So load all tables before the first `build`.
    pub fn new(build: BuildInfo) -> Self {
        let flags = Flags::parse();
        let sources = flags.sources(Sources::new());
        Self::from_flags(build, flags, sources)
    }

    /// An app from a text, for tests. Neither command line nor environment are looked at. The name's ending says
    /// whether the text is TOML, YAML or JSON.
    pub fn from_toml(name: &str, text: &str) -> Self {
        Self::from_sources(crate::build_info!(), Flags::default(), Sources::new().text(name, text))
    }

    /// An app from these sources, for a program with a command line of its own and for tests with files. Remote
    /// sources among them must have been read: [`Sources::fetch`].
    pub fn with_sources(build: BuildInfo, sources: Sources) -> Self {
        Self::from_sources(build, Flags::default(), sources)
    }

    pub(crate) fn from_flags(build: BuildInfo, flags: Flags, sources: Sources) -> Self {
        let app = Self::from_sources(build, flags, sources);
        let config = app.handle.settings().load_or_default::<LogConfig>("log", "log");
        let logs = config.get().install_for(&[("app", app.handle.name())]);
        logs.follow(&config);
        logs.register(app.handle.metrics());
        app.handle.set_logs(logs);
        app
    }

    fn from_sources(build: BuildInfo, flags: Flags, sources: Sources) -> Self {
        let settings = Settings::open(sources);
        let config = settings.load_or_default::<AppConfig>("app", "app").get();
        let name = if config.name.is_empty() { build.name.clone() } else { config.name.clone() };
        let handle = AppHandle::new(name, build, flags, settings, *config.stop_within);
        Self { handle, config, servers: Vec::new(), jobs: Vec::new() }
    }

    /// Reads and checks the table at `key`. Touches nothing, and does not fail: problems are recorded, and the first
    /// `build` reports all of them.
    #[track_caller]
    pub fn load<L: Load>(&self, key: &str) -> L::Loaded {
        let config = self.handle.settings().load::<L::Config>(L::KIND, key);
        let cx = Cx::new(key.into(), L::KIND, self.handle.clone());
        L::loaded(Section { config, cx, asked_at: Location::caller() })
    }

    /// Reads a table of the application's own, which then follows the configuration. A table that is missing is
    /// complete with its defaults.
    #[track_caller]
    pub fn live<C: Config>(&self, key: &str) -> Live<C> {
        self.handle.settings().load_or_default::<C>("application", key)
    }

    /// Gives components something they may ask for by its type, such as the resolvers of a gRPC client.
    pub fn provide<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.handle.provide(value);
        self
    }

    /// Adds a job: what `--job=name` runs instead of serving. It should be safe to run twice.
    pub fn job<F, E>(mut self, name: &'static str, job: F) -> Self
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        self.jobs.push(Job { name, run: job.map(|result| result.map_err(Into::into)).boxed() });
        self
    }

    /// Adds a server. It is bound by [`run`](Self::run), in the order in which servers were added.
    #[track_caller]
    pub fn serve<S: Server>(mut self, server: S) -> Self {
        let cx = server.cx().clone();
        self.servers.push(ServerEntry {
            cx,
            last: S::LAST,
            bind: server.bind().boxed(),
            asked_at: Location::caller(),
        });
        self
    }

    /// The view of this app that its parts have.
    #[must_use]
    pub fn handle(&self) -> &AppHandle {
        &self.handle
    }

    /// Runs the jobs that the command line asks for, or serves until the service is told to stop; then closes
    /// everything in reverse order.
    ///
    /// # Errors
    /// What kept it from starting, what made a server or job fail, and what was still running at the deadline.
    pub async fn run(self) -> Result {
        lifecycle::run(self).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("handle", &self.handle).finish_non_exhaustive()
    }
}
