//! The cluster as the console sees it: applications, pods and ConfigMaps, read from the Kubernetes API.
//!
//! Everything is asked for when it is needed. A page costs two lists and a few gets, and it can never show
//! something that has stopped being true without anybody noticing that the watch had broken.

mod application;
mod config_map;
mod error;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use error::ClusterError;

pub(crate) use application::{Governor, PodView, Workload, base_name};
pub(crate) use config_map::{Write, took_effect};
pub(crate) use error::chain;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What a pod, or all pods of an application, made of the live content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// There is no file to load. Only of applications.
    None,
    /// It has loaded it.
    Loaded,
    /// It cannot be asked.
    Unknown,
    /// The ConfigMap has it, the pod has not loaded it yet.
    Written,
    /// It looked at it and keeps its old values.
    Refused,
}

/// A cluster. Cloning it shares the connections.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    name: Arc<str>,
    place: Arc<str>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares to talk to a cluster; nothing is sent yet, so that a cluster that is down does not keep the
    /// console from starting. Without a kubeconfig, the usual places are tried: `KUBECONFIG`,
    /// `~/.kube/config`, the service account of the pod.
    ///
    /// # Errors
    /// When there is no kubeconfig, or it cannot be read, or its certificates are unusable.
    pub async fn connect(name: &str, kubeconfig: Option<&Path>) -> Result<Self, ClusterError> {
        // A second provider is refused, and the first is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let source = kubeconfig.map_or_else(usual_place, |path| format!("kubeconfig {}", path.display()));
        let unusable = |error: &dyn std::fmt::Display| ClusterError::unusable(&source, error);
        let mut config = match kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|e| unusable(&e))?;
                let options = KubeConfigOptions::default();
                Config::from_custom_kubeconfig(file, &options).await.map_err(|e| unusable(&e))?
            }
            None => Config::infer().await.map_err(|e| unusable(&e))?,
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(READ_TIMEOUT);
        // The console retries what may be retried, and says so; a hidden retry only makes an error late.
        config.default_retry = false;
        let place = format!("the Kubernetes API at {} ({source})", config.cluster_url);
        let client = Client::try_from(config).map_err(|e| unusable(&e))?;
        Ok(Self { client, name: name.into(), place: place.into() })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which server it is, and where that was read.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The token of the governors in a namespace; None when the namespace has none.
    pub(crate) async fn governor_token(&self, namespace: &str) -> Result<Option<String>, ClusterError> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("read Secret {namespace}/inkstone-governor");
        let secret = secrets.get_opt("inkstone-governor").await.map_err(|e| self.error(&what, e))?;
        let token = secret.and_then(|secret| secret.data?.remove("token"));
        Ok(token.map(|token| String::from_utf8_lossy(&token.0).trim().to_owned()))
    }

    fn error(&self, action: &str, error: kube::Error) -> ClusterError {
        ClusterError::of(action, &self.place, error)
    }
}

fn usual_place() -> String {
    match std::env::var("KUBECONFIG") {
        Ok(path) if !path.is_empty() => format!("kubeconfig {path}, from KUBECONFIG"),
        _ => "kubeconfig ~/.kube/config or the pod's service account".to_owned(),
    }
}
