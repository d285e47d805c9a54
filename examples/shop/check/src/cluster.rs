//! The cluster, through the Kubernetes API and through kubectl.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{ListParams, LogParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::Value;

use crate::program::{self, Ran};
use crate::wait::until;

/// The namespace of the shop.
pub(crate) const SHOP: &str = "shop";

/// The cluster as its kubeconfig gives it.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
}

impl Cluster {
    pub(crate) async fn connect(kubeconfig: &Path, kubectl: &Path) -> anyhow::Result<Self> {
        let file =
            Kubeconfig::read_from(kubeconfig).with_context(|| format!("read {}", kubeconfig.display()))?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        Ok(Self {
            client: Client::try_from(config)?,
            kubectl: kubectl.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
        })
    }

    /// Runs kubectl in the shop's namespace.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let kubeconfig = self.kubeconfig.to_string_lossy();
        let args: Vec<&str> = ["--kubeconfig", &kubeconfig, "--namespace", SHOP]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        let ran: Ran = program::run(&self.kubectl, Path::new("."), &args, &[]).await?;
        ran.succeeded().with_context(|| format!("kubectl {}", args[4..].join(" ")))?;
        Ok(ran.stdout)
    }

    /// The pods of one application that are not on their way out.
    pub(crate) async fn pods(&self, app: &str) -> anyhow::Result<Vec<Pod>> {
        let of_app = ListParams::default().labels(&format!("app.kubernetes.io/name={app}"));
        let pods = self.api::<Pod>().list(&of_app).await?;
        Ok(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Waits until the application has exactly `count` pods, all ready.
    pub(crate) async fn ready(&self, app: &str, count: usize, within: Duration) -> anyhow::Result<Vec<Pod>> {
        until(within, &format!("{count} ready pods of {app}"), || async {
            let pods = self.pods(app).await?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            ensure!(ready == count && pods.len() == count, "{ready} of {} are ready", pods.len());
            Ok(pods)
        })
        .await
    }

    /// The URL of a port, by its name, of a ready pod of the application.
    pub(crate) async fn url(&self, app: &str, port: &str) -> anyhow::Result<String> {
        let pods = self.pods(app).await?;
        let pod =
            pods.iter().find(|pod| is_ready(pod)).with_context(|| format!("no pod of {app} is ready"))?;
        url(pod, port)
    }

    pub(crate) async fn pod(&self, name: &str) -> anyhow::Result<Pod> {
        Ok(self.api::<Pod>().get(name).await?)
    }

    pub(crate) async fn logs(&self, pod: &str) -> anyhow::Result<String> {
        Ok(self.api::<Pod>().logs(pod, &LogParams::default()).await?)
    }

    /// The content of one file of a ConfigMap.
    pub(crate) async fn file(&self, configmap: &str, key: &str) -> anyhow::Result<String> {
        let configmap = self.api::<ConfigMap>().get(configmap).await?;
        configmap
            .data
            .and_then(|mut data| data.remove(key))
            .with_context(|| format!("the ConfigMap has no {key}"))
    }

    /// The token of the governors, from its Secret.
    pub(crate) async fn governor_token(&self) -> anyhow::Result<String> {
        let secret = self.api::<Secret>().get("inkstone-governor").await?;
        let token =
            secret.data.and_then(|mut data| data.remove("token")).context("the Secret has no token")?;
        Ok(String::from_utf8(token.0)?)
    }

    /// Changes a Deployment as `kubectl patch` does.
    pub(crate) async fn patch_deployment(&self, name: &str, patch: &Value) -> anyhow::Result<()> {
        self.api::<Deployment>().patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await?;
        Ok(())
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), SHOP)
    }
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

pub(crate) fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// The URL of a port of this pod, by the port's name.
pub(crate) fn url(pod: &Pod, port: &str) -> anyhow::Result<String> {
    let ip =
        pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).context("the pod has no address")?;
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let number = containers
        .iter()
        .flat_map(|container| container.ports.as_deref().unwrap_or_default())
        .find(|found| found.name.as_deref() == Some(port))
        .with_context(|| format!("the pod has no port named {port}"))?
        .container_port;
    Ok(format!("http://{ip}:{number}"))
}
