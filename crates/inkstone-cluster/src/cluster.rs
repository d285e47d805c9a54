//! The cluster as a whole: API server, controllers and kubelet over one store.

use std::{
    ffi::OsString,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Access, private_dir},
    api::{self, Api},
    controllers,
    kubelet::{self, RestartDelay},
    store::{NAMESPACES, Store, StoreOptions},
};

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Where everything is kept: objects, certificates, the token, the pods' files and logs.
    pub state_dir: PathBuf,
    /// The loopback address of the API; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the programs of images such as `inkstone.local/catalog` are looked up, in this order.
    pub bin_dirs: Vec<PathBuf>,
    /// The program, and its first arguments, that calls [`exec_pod`](crate::exec_pod): containers are started
    /// through it.
    pub shim: Vec<OsString>,
    /// How many past changes a watch can start from.
    pub history: usize,
    /// Pauses between restarts of a container.
    pub restart_delay: RestartDelay,
    /// The longest that a container may take to end when the cluster stops.
    pub shutdown_grace: Duration,
}

impl ClusterOptions {
    /// A cluster on a free port, with its state in `state_dir`, whose containers are started through `shim`.
    pub fn new(state_dir: impl Into<PathBuf>, shim: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            state_dir: state_dir.into(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            bin_dirs: Vec::new(),
            shim: shim.into_iter().map(Into::into).collect(),
            history: StoreOptions::default().history,
            restart_delay: RestartDelay::default(),
            shutdown_grace: Duration::from_secs(5), // a person waits for it after Ctrl-C
        }
    }
}

/// A running cluster. Dropping it ends it at once; [`Cluster::stop`] lets the pods end first.
#[derive(Debug)]
pub struct Cluster {
    address: SocketAddr,
    kubeconfig: PathBuf,
    store: Store,
    /// Ends controllers and kubelet, and with it the pods.
    work: CancellationToken,
    /// Ends the API, which pods may still need while they end.
    api: CancellationToken,
    workers: JoinSet<io::Result<()>>,
    server: JoinSet<()>,
}

impl Cluster {
    /// Starts a cluster: new, or what is kept in the state directory.
    ///
    /// # Errors
    /// When the address is not loopback or taken, the state directory cannot be used or is in use, or containers
    /// cannot be started.
    pub async fn start(options: ClusterOptions) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            let message = format!(
                "the local cluster listens on loopback only, not on {}: whoever reaches it can run programs here",
                options.listen
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let dir = &options.state_dir;
        private_dir(dir)?;
        let store = Store::open(&dir.join("store"), &StoreOptions { history: options.history })?;
        let access = Access::open(&dir.join("access"))?;
        let listener = TcpListener::bind(options.listen).await.map_err(|e| {
            let message = format!(
                "cannot bind the cluster API to {}: {e}; choose another port, or 0 for a free one",
                options.listen
            );
            io::Error::new(e.kind(), message)
        })?;
        let address = listener.local_addr()?;
        let kubeconfig = access.kubeconfig(address)?;
        let (work, stop) = (CancellationToken::new(), CancellationToken::new());
        let api = Api::new(store.clone(), &access.token, dir.join("pods"), stop.clone());
        let mut server = JoinSet::new();
        server.spawn(api::serve(api, listener, access.tls, stop.clone()));
        let kubelet = kubelet::Options {
            state_dir: options.state_dir,
            bin_dirs: options.bin_dirs,
            shim: options.shim,
            kubeconfig: kubeconfig.clone(),
            api: address,
            restart_delay: options.restart_delay,
            shutdown_grace: options.shutdown_grace,
        };
        let mut workers = JoinSet::new();
        let controllers = controllers::run(store.clone(), work.clone());
        workers.spawn(async move {
            controllers.await;
            Ok(())
        });
        workers.spawn(kubelet::run(store.clone(), kubelet, work.clone()));
        let mut cluster = Self { address, kubeconfig, store, work, api: stop, workers, server };
        cluster.settle().await?;
        Ok(cluster)
    }

    /// The address of the API: `https://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The kubeconfig that reaches the cluster; its context is `inkstone-dev`.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The objects, for whoever runs in the same process.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Waits until a part of the cluster ends, which none does by itself.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn wait(&mut self) -> io::Result<()> {
        tokio::select! {
            Some(ended) = self.workers.join_next() => report(ended),
            Some(ended) = self.server.join_next() => report(ended.map(Ok)),
            else => Ok(()),
        }
    }

    /// Stops everything: pods first, gracefully, then the API.
    ///
    /// # Errors
    /// When a part had failed before.
    pub async fn stop(mut self) -> io::Result<()> {
        self.work.cancel();
        let mut outcome = Ok(());
        while let Some(ended) = self.workers.join_next().await {
            outcome = outcome.and(report(ended));
        }
        self.api.cancel();
        self.store.close_watches();
        while let Some(ended) = self.server.join_next().await {
            outcome = outcome.and(report(ended.map(Ok)));
        }
        outcome
    }

    /// Waits until the cluster has what every cluster has, so that a client's first request finds it.
    async fn settle(&mut self) -> io::Result<()> {
        let mut versions = self.store.versions();
        while self.store.get(NAMESPACES, "", "default").is_err() {
            tokio::select! {
                _ = versions.changed() => {}
                Some(ended) = self.workers.join_next() => return report(ended),
            }
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.work.cancel();
        self.api.cancel();
        self.store.close_watches();
    }
}

fn report(ended: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    ended.map_err(io::Error::other)?
}
