//! The way to the Kubernetes API, and what to say when it leads nowhere.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Longest wait for a connection: a caller waits behind it for its first endpoints.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest silence of a connection: longer than a watch may be silent, which the server ends
/// after a minute. So a listing that hangs is noticed too.
const SILENCE: Duration = Duration::from_secs(75);

/// How the API is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// In place of what the environment says.
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// A client, with what its errors must name.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) default_namespace: String,
    /// `https://10.0.0.1:6443 (kubeconfig /home/me/.kube/config)`
    pub(crate) server: String,
}

impl Access {
    /// A client made from what the files say now: they change when a cluster is made anew.
    pub(crate) async fn connect(&self) -> Result<Api, String> {
        let (mut config, source) = self.config().await?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(SILENCE);
        let server = format!("{} ({source})", config.cluster_url.to_string().trim_end_matches('/'));
        let default_namespace = config.default_namespace.clone();
        let client =
            Client::try_from(config).map_err(|error| format!("no client for {server}: {}", chain(&error)))?;
        Ok(Api { client, default_namespace, server })
    }

    async fn config(&self) -> Result<(Config, String), String> {
        let options = KubeConfigOptions::default();
        if let Some(path) = &self.kubeconfig {
            let source = format!("kubeconfig {}", path.display());
            let unusable =
                |error: kube::config::KubeconfigError| format!("{source} cannot be used: {}", chain(&error));
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            let config = Config::from_custom_kubeconfig(file, &options).await.map_err(unusable)?;
            return Ok((config, source));
        }
        let named = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty());
        if named.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
            let config = Config::incluster()
                .map_err(|error| format!("the pod's service account cannot be used: {}", chain(&error)))?;
            return Ok((config, "the pod's service account".to_owned()));
        }
        let source = match &named {
            Some(path) => format!("kubeconfig {}", path.display()),
            None => "kubeconfig ~/.kube/config".to_owned(),
        };
        match Config::from_kubeconfig(&options).await {
            Ok(config) => Ok((config, source)),
            Err(error) if named.is_some() => Err(format!("{source} cannot be used: {}", chain(&error))),
            Err(error) => Err(format!(
                "there is no way to a Kubernetes API: KUBECONFIG is not set, this is not a pod, and {source} cannot be used: {}",
                chain(&error)
            )),
        }
    }
}

/// An error with its causes, each said once: some libraries print their source, some do not.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
