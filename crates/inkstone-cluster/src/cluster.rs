//! The cluster as a whole: API server, controllers and kubelet over one store.

use std::{net::SocketAddr, path::PathBuf};

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Where everything is kept: objects, certificates, the token, the pods' files and logs.
    pub state_dir: PathBuf,
    /// The loopback address of the API; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the programs of images such as `inkstone.local/catalog` are looked up, in this order.
    pub bin_dirs: Vec<PathBuf>,
    /// How many past changes a watch can start from.
    pub history: usize,
}

/// What controllers and kubelet are told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub state_dir: PathBuf,
    /// Where the programs of images are looked up, in this order.
    pub bin_dirs: Vec<PathBuf>,
    /// The kubeconfig that reaches this cluster.
    pub kubeconfig: PathBuf,
    /// The API server's address.
    pub api: SocketAddr,
    /// The certificate authority of the API server, in PEM.
    pub ca: String,
    /// The name of the one node.
    pub node: String,
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster;
