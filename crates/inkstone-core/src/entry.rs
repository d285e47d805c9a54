//! `main` of a service.

use std::ffi::OsString;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use inkstone_config::{Code, RemoteSource, Sources};

use crate::app::{self, App};
use crate::build_info::BuildInfo;
use crate::error::{Error, Result};
use crate::flags::Flags;
use crate::handle::AppHandle;
use crate::lifecycle;
use crate::notify::Notify;
use crate::panics::{self, Edge};
use crate::signal::{Signals, Stop};
use crate::sockets::Sockets;
use crate::usage;

/// `main` of a service: reads the command line, runs the service on a multi-threaded runtime, reports what went wrong
/// — highlighted on a terminal, one JSON line a problem elsewhere — and gives the shell the documented exit status.
///
/// ```no_run
/// use std::process::ExitCode;
/// use inkstone_core::{App, Result, build_info};
///
/// fn main() -> ExitCode {
///     inkstone_core::main(build_info!(), service)
/// }
///
/// async fn service(app: App) -> Result {
///     app.run().await
/// }
/// ```
pub fn main<F, Fut>(build: BuildInfo, service: F) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result>,
{
    Main::new(build).run(service)
}

/// [`main`](main()) with a command line other than the process's own, for a program in which running a service is one of
/// several commands. The first argument is the name shown in the usage.
pub fn main_with<F, Fut>(args: impl IntoIterator<Item = OsString>, build: BuildInfo, service: F) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result>,
{
    Main::new(build).args(args).run(service)
}

/// [`main`](main()) of a service that needs more than its defaults: configuration from elsewhere than files.
///
/// ```no_run
/// use std::process::ExitCode;
/// use inkstone_core::{App, Main, Result, build_info};
/// # struct Etcd;
/// # impl inkstone_config::RemoteSource for Etcd {
/// #     fn scheme(&self) -> &'static str { "etcd" }
/// #     fn open(&self, _: &inkstone_config::RemoteAddress) -> std::result::Result<inkstone_config::Remote, inkstone_config::Fault> { unimplemented!() }
/// # }
/// # fn config_source() -> Etcd { Etcd }
///
/// fn main() -> ExitCode {
///     // from here on there may be `--config a.toml,etcd://127.0.0.1:2379/config/shop.toml`
///     Main::new(build_info!()).config_source(config_source()).run(service)
/// }
///
/// async fn service(app: App) -> Result {
///     app.run().await
/// }
/// ```
#[must_use = "nothing happens before `run`"]
pub struct Main {
    build: BuildInfo,
    sources: Sources,
    args: Vec<OsString>,
}

impl Main {
    /// With the process's own command line.
    pub fn new(build: BuildInfo) -> Self {
        Self { build, sources: Sources::new(), args: std::env::args_os().collect() }
    }

    /// Lets `--config` and `INKSTONE_CONFIG` have addresses of this source. It is read before the app is made, and
    /// also under `--check`: the configuration is what that checks.
    pub fn config_source(mut self, source: impl RemoteSource) -> Self {
        self.sources = self.sources.remote(source);
        self
    }

    /// With this command line; its first argument is the name shown in the usage.
    pub fn args(mut self, args: impl IntoIterator<Item = OsString>) -> Self {
        self.args = args.into_iter().collect();
        self
    }

    /// Runs the service, as [`main`](main()) does.
    pub fn run<F, Fut>(self, service: F) -> ExitCode
    where
        F: FnOnce(App) -> Fut,
        Fut: Future<Output = Result>,
    {
        let Self { build, sources, args } = self;
        let flags = match Flags::try_parse_from(args) {
            Ok(flags) => flags,
            Err(refused) => return usage::end(&refused),
        };
        if flags.version {
            return print_version(&build, flags.json);
        }
        // Two TLS providers in one program would make the first handshake panic; the first installed stays.
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let panics = panics::install();
        let threads = app::worker_threads(&flags);
        // Before there are other threads: it takes variables away.
        let sockets = Sockets::of_process();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return report(&error.into()),
        };
        let result = runtime.block_on(async {
            let sources =
                panics::before_the_app(|| flags.sources(sources)).map_err(|panicked| panicked.fault())?;
            sources.fetch().await;
            let app = App::from_flags(build, flags, sources, sockets);
            let handle = app.handle().clone();
            let _once = panics.set(handle.0.panics.clone());
            live(&handle, threads, async move { service(app).await }).await
        });
        // A blocking call that nobody can cancel must not keep the process.
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report(&error),
        }
    }
}

impl fmt::Debug for Main {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Main").field("build", &self.build).finish_non_exhaustive()
    }
}

/// The whole life of a service that is a process.
async fn live(handle: &AppHandle, threads: usize, service: impl Future<Output = Result>) -> Result {
    let (version, instance, mode) =
        (&handle.build_info().version, &handle.identity().instance, &handle.identity().mode);
    tracing::info!(
        name = handle.name(),
        version,
        instance,
        mode,
        pid = std::process::id(),
        threads,
        "starting"
    );
    for source in &handle.settings().status().sources {
        tracing::info!(source = source.name, hash = source.hash, "configuration read");
    }
    if let Some(notify) = Notify::of_process() {
        // Not one of the app's tasks, which must end before the app has stopped.
        tokio::spawn(notify.follow(handle.clone()));
    }
    let mut signals = match Signals::listen(handle) {
        Ok(signals) => signals,
        Err(error) => return lifecycle::end(handle, Err(error), None).await,
    };
    let service = handle.caught(Edge::Start, handle.name(), service);
    let result = tokio::select! {
        ended = service => ended.unwrap_or_else(|panicked| Err(panicked.fault().into())),
        stop = early(handle, &mut signals) => {
            tracing::info!(reason = ?stop, "stopping before the start was done");
            match handle.0.flags.job.is_empty() {
                true => Ok(()),
                false => Err(Error::new(Code::JobFailed, "told to stop before the jobs began")),
            }
        }
    };
    // A service that fails before it runs has built something all the same.
    lifecycle::end(handle, result, Some(&mut signals)).await
}

/// A signal before `run` looks after signals. One that comes just as it begins to is handed on.
async fn early(handle: &AppHandle, signals: &mut Signals) -> Stop {
    let running = &handle.0.running;
    tokio::select! {
        biased;
        stop = signals.stop() => if !running.is_cancelled() { return stop },
        () = running.cancelled() => return std::future::pending().await,
    }
    handle.stop();
    std::future::pending().await
}

fn print_version(build: &BuildInfo, json: bool) -> ExitCode {
    let text = if json { serde_json::to_string(build).unwrap_or_default() } else { build.text(true) };
    let _closed = writeln!(anstream::stdout(), "{text}"); // plain unless a terminal wants colours
    ExitCode::SUCCESS
}

pub(crate) fn report(error: &Error) -> ExitCode {
    let problems = error.problems();
    let terminal = std::io::stderr().is_terminal();
    let text = if terminal { problems.render(true) } else { problems.to_json_lines() };
    if !problems.is_empty() {
        let _closed = writeln!(anstream::stderr(), "{}", text.trim_end()); // NO_COLOR is heard
    }
    if error.is_checked() {
        let _closed = writeln!(std::io::stdout(), "{error}");
    }
    ExitCode::from(error.exit_status())
}
