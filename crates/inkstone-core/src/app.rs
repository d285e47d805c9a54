//! An app: what is loaded, served and run.

use std::fmt;
use std::panic::Location;

use futures::FutureExt;
use futures::future::BoxFuture;
use inkstone_config::{Config, Live, Settings, Sources};
use inkstone_observe::LogConfig;

use crate::build_info::BuildInfo;
use crate::component::{Health, Load, Server};
use crate::config::AppConfig;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flags::Flags;
use crate::handle::AppHandle;
use crate::identity::Identity;
use crate::jobs::JobInput;
use crate::lifecycle;
use crate::load::Section;
use crate::sockets::Sockets;

/// A service: load components, put servers and jobs on it, run it. [`main`](crate::main()) makes it from the process's
/// command line and environment.
///
/// Loading does not fail: what is wrong with the configuration is reported by the first `build`, or by `run`.
///
/// With `--check` the service ends there, before anything is touched. A table that nothing has read is an error in
/// `run`. At a `build`, where more may be loaded later, it is one only if it must be misspelt: its first word is
/// almost that of a table that was loaded (`[reids.cart]`), or its key almost one that is loaded and is not there.
/// The others are warnings. So load all tables before the first `build`.
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
    pub(crate) parts: Vec<Part>,
    pub(crate) keep_running: bool,
}

/// What a start does, in order.
pub(crate) enum Part {
    Server(ServerEntry),
    /// Waits until something is there.
    Wait(Gate),
}

pub(crate) struct Gate {
    pub(crate) name: &'static str,
    pub(crate) check: Box<dyn Fn() -> BoxFuture<'static, Health> + Send + Sync>,
}

pub(crate) struct ServerEntry {
    pub(crate) cx: Cx,
    pub(crate) last: bool,
    pub(crate) bind: BoxFuture<'static, Result<crate::Bound>>,
    pub(crate) asked_at: &'static Location<'static>,
}

impl App {
    /// An app from a text, for tests. Neither command line nor environment are looked at. The name's ending says
    /// whether the text is TOML, YAML or JSON.
    pub fn from_toml(name: &str, text: &str) -> Self {
        Self::with_sources(crate::build_info!(), Sources::new().text(name, text))
    }

    /// An app from these sources, for a program with a command line of its own and for tests with files. Remote
    /// sources among them must have been read: [`Sources::fetch`].
    pub fn with_sources(build: BuildInfo, sources: Sources) -> Self {
        Self::from_sources(build, Flags::default(), sources, Sockets::default()).traced(|_| None)
    }

    pub(crate) fn from_flags(build: BuildInfo, flags: Flags, sources: Sources, sockets: Sockets) -> Self {
        let app = Self::from_sources(build, flags, sources, sockets);
        let config = app.handle.settings().load_or_default::<LogConfig>("log", "log");
        let me = app.handle.identity();
        let logs = config.get().install_for(&[("app", &me.name), ("instance", &me.instance)]);
        logs.follow(&config);
        logs.register(app.handle.metrics());
        app.handle.set_logs(logs);
        app.traced(|name| std::env::var(name).ok())
    }

    fn from_sources(build: BuildInfo, flags: Flags, sources: Sources, sockets: Sockets) -> Self {
        let settings = Settings::open(sources);
        let config = settings.load_or_default::<AppConfig>("app", "app").get();
        let name = if config.name.is_empty() { build.name.clone() } else { config.name.clone() };
        let identity = Identity::new(&name, &build.version, &config, &flags.downward());
        let handle = AppHandle::new(identity, build, flags, settings, config, sockets);
        Self { handle, parts: Vec::new(), keep_running: false }
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
    pub fn job<F, E>(self, name: &'static str, job: F) -> Self
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        self.handle.0.jobs.once(name, job.map(|result| result.map_err(Into::into)).boxed());
        self
    }

    /// Adds a job that is given data and headers (`--job-data`, `--job-header`), and that can run again and again: the
    /// governor may start it beside the servers.
    ///
    /// ```
    /// use inkstone_core::{App, Error, JobInput};
    ///
    /// let app = App::from_toml("t.toml", "").job_with("greet", |input: JobInput| async move {
    ///     let name = input.text()?.to_owned();
    ///     println!("hello {name}");
    ///     Ok::<_, Error>(())
    /// });
    /// assert!(app.handle().jobs()[0].repeatable);
    /// ```
    pub fn job_with<W, F, E>(self, name: &'static str, work: W) -> Self
    where
        W: Fn(JobInput) -> F + Send + Sync + 'static,
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        let work = move |input| work(input).map(|result| result.map_err(Into::into)).boxed();
        self.handle.0.jobs.often(name, work);
        self
    }

    /// Adds a server. It is bound by [`run`](Self::run), in the order in which servers were added.
    #[track_caller]
    pub fn serve<S: Server>(mut self, server: S) -> Self {
        let cx = server.cx().clone();
        let asked_at = Location::caller();
        self.parts.push(Part::Server(ServerEntry {
            cx,
            last: S::LAST,
            bind: server.bind().boxed(),
            asked_at,
        }));
        self
    }

    /// Starts what is added after this only once `check` says that what was added before is there: until then it is
    /// asked again and again, for `app.ready_within` at most. The servers added before serve already.
    ///
    /// ```
    /// use inkstone_core::{App, Health};
    ///
    /// let app = App::from_toml("t.toml", "")
    ///     // .serve(replica)
    ///     .wait_until("the replica has caught up", || async { Health::Up });
    ///     // .serve(http)
    /// # drop(app);
    /// ```
    pub fn wait_until<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Health> + Send + 'static,
    {
        self.parts.push(Part::Wait(Gate { name, check: Box::new(move || check().boxed()) }));
        self
    }

    /// Lets the app run until it is told to stop even if it has no server and no work of its own.
    pub fn keep_running(self) -> Self {
        Self { keep_running: true, ..self }
    }

    /// [`AppHandle::on_ready`], while the app is put together.
    pub fn on_ready<F, Fut, E>(self, name: &'static str, hook: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        self.handle.on_ready(name, hook);
        self
    }

    /// [`AppHandle::before_stop`], while the app is put together.
    pub fn before_stop<F, E>(self, name: &'static str, hook: F) -> Self
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        self.handle.before_stop(name, hook);
        self
    }

    /// [`AppHandle::after_stop`], while the app is put together. Added before the first `build`, it runs after a start that
    /// failed, too.
    pub fn after_stop<F, E>(self, name: &'static str, hook: F) -> Self
    where
        F: Future<Output = std::result::Result<(), E>> + Send + 'static,
        E: Into<Error>,
    {
        self.handle.after_stop(name, hook);
        self
    }

    /// The view of this app that its parts have.
    #[must_use]
    pub fn handle(&self) -> &AppHandle {
        &self.handle
    }

    /// Runs the jobs that the command line asks for, or serves until the service is told to stop; then closes
    /// everything in reverse order. Without a server it runs until the work that was spawned is done.
    ///
    /// # Errors
    /// What kept it from starting, what made a server, job or hook fail, and what was still running at the deadline; that
    /// there is nothing to run.
    pub async fn run(self) -> Result {
        lifecycle::run(self).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// How many threads run the service's tasks. They start before remote sources can be read, so flags, environment and
/// files are read for this alone; what is wrong with them is reported by the app.
pub(crate) fn worker_threads(flags: &Flags) -> usize {
    Settings::open(flags.sources(Sources::new())).load_or_default::<AppConfig>("app", "app").get().threads()
}
