//! `inkstone dev`: a local cluster, the console, and the pods of a folder of manifests.

mod manifests;
mod pods;
mod state;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anstream::{eprintln, println};
use clap::Args;
use inkstone::config::{Code, Fault};
use inkstone::{App, AppHandle, Phase, Result, build_info};
use inkstone_cluster::{Cluster, ClusterOptions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::console;
use state::{Places, State};

/// Runs a local cluster and the console, with the manifests of a folder applied.
#[derive(Debug, Clone, Args)]
pub(crate) struct Dev {
    /// A folder with manifests in `kubernetes/*.yaml`, or with manifests itself.
    folder: Option<PathBuf>,
    /// Where everything is kept: the cluster's objects and logs, the console's database.
    #[arg(long, default_value = ".inkstone")]
    state_dir: PathBuf,
    /// Where the programs of `inkstone.local/…` images are looked up first.
    #[arg(long)]
    bin_dir: Vec<PathBuf>,
    /// The console's port; 0 takes a free one.
    #[arg(long)]
    console_port: Option<u16>,
    /// The port of the cluster's API; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    api_port: u16,
}

impl Dev {
    pub(crate) fn run(self) -> ExitCode {
        let started = Instant::now();
        let prepared = State::lock(&self.state_dir)
            .and_then(|state| Ok((console::prepare(&state.dir().join("console"), "warn")?, state)));
        let (config, state) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => {
                eprintln!("{fault}");
                return ExitCode::from(fault.code.exit_status());
            }
        };
        let mut flags: Vec<OsString> =
            vec!["inkstone dev".into(), format!("--config={}", config.display()).into()];
        if let Some(port) = self.console_port {
            flags.push(format!("--set=server.http.port={}", free(port)).into());
        }
        inkstone::main_with(flags, build_info!(), |app| self.service(app, &state, started))
    }

    async fn service(self, app: App, state: &State, started: Instant) -> Result {
        let manifests = self.folder.as_deref().map(manifests::read).transpose()?;
        let this = std::env::current_exe()?;
        let cluster = Cluster::start(ClusterOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, self.api_port)),
            bin_dirs: self.bin_dirs(&this),
            ..ClusterOptions::new(state.dir().join("cluster"), [this.into_os_string(), "pod-shim".into()])
        })
        .await?;
        let result = beside(app, &cluster, manifests.unwrap_or_default(), state, started).await;
        println!("stopping");
        cluster.stop().await?;
        result
    }

    /// The folders named, then the one this program is in.
    fn bin_dirs(&self, this: &Path) -> Vec<PathBuf> {
        self.bin_dir.iter().cloned().chain(this.parent().map(Path::to_owned)).collect()
    }
}

/// The console and the pods, beside a running cluster.
async fn beside(
    app: App,
    cluster: &Cluster,
    manifests: Vec<manifests::Manifest>,
    state: &State,
    started: Instant,
) -> Result {
    let console = console::open(&app, Some(cluster.kubeconfig())).await?;
    println!("cluster    {}", cluster.url());
    println!("           export KUBECONFIG={}", cluster.kubeconfig().display());
    println!("console    {}", console.url);
    match &console.setup {
        Some(link) => {
            println!("first login: {link}\n           works once, and makes the administrator's account")
        }
        None => println!("           log in with your account"),
    }
    let places = Places {
        pid: std::process::id(),
        kubeconfig: cluster.kubeconfig().to_owned(),
        cluster: cluster.url(),
        console: console.url.clone(),
        setup: console.setup.clone(),
    };
    let kubeconfig = cluster.kubeconfig().to_owned();
    let (handle, state) = (app.handle().clone(), state.clone());
    app.handle().spawn(async move {
        let work = deploy(&handle, &kubeconfig, manifests, &state, &places, started);
        if let Some(Err(error)) = until_stopped(&handle, work).await {
            eprintln!("{error}");
            handle.stop();
        }
    });
    console.run(app).await
}

/// Applies the manifests, says where everything is once the console serves, and shows how the pods become ready.
async fn deploy(
    handle: &AppHandle,
    kubeconfig: &Path,
    manifests: Vec<manifests::Manifest>,
    state: &State,
    places: &Places,
    started: Instant,
) -> Result {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let client =
        Client::try_from(Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)?;
    manifests::apply(&client, &manifests).await?;
    let mut phase = handle.phase();
    if phase.wait_for(|phase| *phase != Phase::Starting).await.is_ok_and(|phase| *phase == Phase::Ready) {
        state.write(places)?;
    }
    pods::watch(&client, &manifests, started).await?;
    println!("Ctrl-C stops everything");
    Ok(())
}

/// `work`, unless the app stops first.
async fn until_stopped<T>(handle: &AppHandle, work: impl Future<Output = T>) -> Option<T> {
    let mut phase = handle.phase();
    tokio::select! {
        done = work => Some(done),
        _ = phase.wait_for(|phase| matches!(phase, Phase::Draining | Phase::Stopped)) => None,
    }
}

/// The port itself, or for 0 one that is free now: the console's address must be known before it is bound.
fn free(port: u16) -> u16 {
    if port != 0 {
        return port;
    }
    let found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    found.map_or(0, |address| address.port())
}

/// An error of this command: what could not be done, on what.
fn fault(code: Code, message: impl std::fmt::Display, target: impl std::fmt::Display) -> Fault {
    Fault::new(code, message).component("inkstone dev").target(target)
}
