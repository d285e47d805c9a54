//! What every part of the scenario works with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Client;
use serde_json::Value;
use tokio::process::Child;

use crate::Args;
use crate::cluster::Cluster;
use crate::console::Console;
use crate::dev::Dev;
use crate::load::ask;

/// A running demo and the means to look at it.
pub(crate) struct World {
    pub(crate) bin_dir: PathBuf,
    pub(crate) shop: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) http: Client,
    pub(crate) dev: Dev,
    pub(crate) cluster: Cluster,
    pub(crate) console: Option<Console>,
    /// A console that was started in place of one that was killed.
    pub(crate) console_process: Option<Child>,
}

impl World {
    /// Starts the demo. `state` is where it keeps everything.
    pub(crate) async fn start(args: &Args, state: &Path) -> anyhow::Result<Self> {
        let bin_dir =
            args.bin_dir.canonicalize().with_context(|| format!("find {}", args.bin_dir.display()))?;
        let shop = args.shop.canonicalize().with_context(|| format!("find {}", args.shop.display()))?;
        let dev = Dev::start(&bin_dir.join("inkstone"), &shop, state).await?;
        let cluster = Cluster::connect(&dev.at.kubeconfig, &args.kubectl).await?;
        let http = Client::builder().connect_timeout(Duration::from_secs(5)).no_proxy().build()?;
        Ok(Self {
            bin_dir,
            shop,
            state: state.to_owned(),
            http,
            dev,
            cluster,
            console: None,
            console_process: None,
        })
    }

    /// A program of the demo.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }

    /// The process of the console that runs now.
    pub(crate) fn console_pid(&self) -> Option<u32> {
        self.console_process.as_ref().map_or(self.dev.at.console_pid, Child::id)
    }

    /// The console, once somebody has signed in.
    pub(crate) fn console(&self) -> anyhow::Result<&Console> {
        self.console.as_ref().context("nobody is signed in to the console: see the lines above")
    }

    /// What the storefront answers at a path of its API.
    pub(crate) async fn shop(&self, path: &str) -> anyhow::Result<Value> {
        let url = self.cluster.url("storefront", "http").await? + path;
        ask(self.http.clone(), url).await
    }

    /// What the governor of a pod answers, with the token of the Secret.
    pub(crate) async fn governor(
        &self,
        pod: &k8s_openapi::api::core::v1::Pod,
        path: &str,
    ) -> anyhow::Result<String> {
        let url = crate::cluster::url(pod, "governor")? + path;
        let token = self.cluster.governor_token().await?;
        let answer = self.http.get(&url).bearer_auth(token).timeout(Duration::from_secs(5)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}
