//! `inkstone dev`: a local cluster, the console, and the pods of a folder of manifests.

mod manifests;
mod pods;
mod process;
mod signals;
mod state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anstream::{eprintln, println};
use clap::Args;
use inkstone::Result;
use inkstone::config::{Code, Fault};
use inkstone::observe::{LogConfig, LogFormat};
use inkstone_cluster::{Cluster, ClusterOptions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::report;
use manifests::Manifest;
use process::ConsoleProcess;
use signals::Signals;
use state::{Places, State};

/// Runs a local cluster and the console, with the manifests of a folder applied.
#[derive(Debug, Clone, Args)]
pub(crate) struct Dev {
    /// A folder with manifests in `kubernetes/*.yaml`, or with manifests itself.
    folder: Option<PathBuf>,
    /// Where everything is kept: the cluster's objects and logs, the console's database.
    #[arg(long, default_value = ".inkstone")]
    state_dir: PathBuf,
    /// Where the programs of `inkstone.local/…` images are looked up first; then beside this program.
    #[arg(long)]
    bin_dir: Vec<PathBuf>,
    /// The console's port, in place of the one in its configuration; 0 takes a free one.
    #[arg(long)]
    console_port: Option<u16>,
    /// Leave the console out.
    #[arg(long, conflicts_with = "console_port")]
    no_console: bool,
    /// The port of the cluster's API; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    api_port: u16,
}

impl Dev {
    pub(crate) fn run(self) -> ExitCode {
        let started = Instant::now();
        let quiet = LogConfig { level: "warn".to_owned(), format: LogFormat::Text, ..LogConfig::default() };
        quiet.install();
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return report(&error.into()),
        };
        let result = runtime.block_on(self.serve(started));
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report(&error),
        }
    }

    /// Runs until it is told to stop, or something fails; then stops everything that it has started.
    async fn serve(self, started: Instant) -> Result {
        let manifests = self.folder.as_deref().map(manifests::read).transpose()?.unwrap_or_default();
        let state = State::lock(&self.state_dir)?;
        let this = std::env::current_exe()?;
        let mut signals = Signals::listen()?;
        let mut cluster = self.start_cluster(&this, &state).await?;
        println!("cluster    {}   {}", cluster.url(), since(started));
        println!("           export KUBECONFIG={}", cluster.kubeconfig().display());
        println!("           kubectl get pods --all-namespaces");

        let mut console = None;
        let mut places = Places::new(&cluster, &state);
        let kubeconfig = cluster.kubeconfig().to_owned();
        let work = async {
            if !self.no_console {
                console = Some(ConsoleProcess::spawn(&this, &state, &kubeconfig, self.console_port)?);
            }
            run(&mut console, &kubeconfig, &manifests, &state, &mut places, started).await
        };
        let result = tokio::select! {
            result = work => result,
            () = signals.stop() => Ok(()),
            ended = cluster.wait() => Err(cluster_failed(ended)),
        };
        println!("stopping");
        let stopping = async {
            if let Some(console) = &mut console {
                console.stop().await;
            }
            cluster.stop().await
        };
        let stopped = tokio::select! {
            stopped = stopping => stopped.map_err(|error| cluster_failed(Err(error))),
            () = signals.stop() => {
                eprintln!("told to stop a second time: ending at once");
                Ok(())
            }
        };
        state.clear();
        result.and(stopped)
    }

    async fn start_cluster(&self, this: &Path, state: &State) -> Result<Cluster> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, self.api_port));
        let options = ClusterOptions {
            listen,
            bin_dirs: self.bin_dirs(this)?,
            ..ClusterOptions::new(state.dir().join("cluster"), [this.as_os_str(), "pod-shim".as_ref()])
        };
        Cluster::start(options).await.map_err(|error| {
            let fault = match error.kind() {
                io::ErrorKind::AddrInUse => fault(Code::PortTaken, error, listen)
                    .hint("choose another --api-port; 0 takes a free one"),
                io::ErrorKind::PermissionDenied => {
                    fault(Code::PermissionDenied, error, state.dir().display())
                }
                _ => fault(Code::BuildFailed, error, state.dir().display()),
            };
            fault.into()
        })
    }

    /// The folders named, then the one this program is in.
    fn bin_dirs(&self, this: &Path) -> Result<Vec<PathBuf>, Fault> {
        let named = self.bin_dir.iter().map(|dir| {
            let unusable = |error| {
                fault(Code::UnreadableFile, format_args!("--bin-dir cannot be used: {error}"), dir.display())
            };
            dir.canonicalize().map_err(unusable)
        });
        named.chain(this.parent().map(|dir| Ok(dir.to_owned()))).collect()
    }
}

/// Brings everything up, says where it is, and then looks after the console for as long as it is polled.
async fn run(
    console: &mut Option<ConsoleProcess>,
    kubeconfig: &Path,
    manifests: &[Manifest],
    state: &State,
    places: &mut Places,
    started: Instant,
) -> Result {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let client =
        Client::try_from(Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)?;
    let listening = async {
        match console {
            Some(console) => console.listening().await.map(Some),
            None => Ok(None),
        }
    };
    let (announced, ()) = tokio::try_join!(listening, manifests::apply(&client, manifests))?;
    if let Some(announced) = announced {
        println!("console    {}   {}", announced.url, since(started));
        match &announced.setup {
            Some(link) => {
                println!("first login: {link}\n           works once, and makes the administrator's account");
            }
            None => println!("           log in with your account"),
        }
        places.console_is(announced, console.as_ref().and_then(ConsoleProcess::pid));
    }
    state.write(places)?;
    let ready = async {
        pods::watch(&client, manifests, started).await?;
        places.seconds_to_ready = Some(started.elapsed().as_secs_f64());
        state.write(places)?;
        println!("state      {}", state.dir().display());
        println!("Ctrl-C stops everything");
        std::future::pending::<Result>().await
    };
    let ended = async {
        if let Some(console) = console {
            console.ended().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = ready => result,
        () = ended => Ok(()),
    }
}

fn cluster_failed(ended: io::Result<()>) -> inkstone::Error {
    let why = ended.map_or_else(|error| error.to_string(), |()| "a part of it ended".to_owned());
    fault(Code::ServeFailed, format_args!("the local cluster failed: {why}"), "cluster").into()
}

/// How long it has taken so far, as a person reads it.
fn since(started: Instant) -> String {
    format!("{:.1} s", started.elapsed().as_secs_f64())
}

/// An error of this command: what could not be done, on what.
fn fault(code: Code, message: impl std::fmt::Display, target: impl std::fmt::Display) -> Fault {
    Fault::new(code, message).component("inkstone dev").target(target)
}
