//! The governor's listener.

use std::net::IpAddr;
use std::sync::Arc;

use futures::FutureExt;
use inkstone_config::Live;
use inkstone_core::{AppHandle, Bound, Cx, Error, Load, Section, Server, ServerTls};
use tokio_util::sync::CancellationToken;

use crate::config::GovernorConfig;
use crate::endpoints;
use crate::serving::{self, Activity, Door};

/// The port a service is governed through. Bound when the app runs, stopped after all other servers.
#[derive(Debug)]
pub struct Governor {
    config: Live<GovernorConfig>,
    cx: Cx,
}

/// What a request is answered from.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) app: AppHandle,
    /// The governor's own key.
    pub(crate) name: Arc<str>,
    pub(crate) config: Live<GovernorConfig>,
    /// Where it listens, whatever the configuration says by now: a new host needs a restart, a new token does not.
    pub(crate) address: IpAddr,
    /// Whether clients can be known by a certificate; needs a restart as well.
    pub(crate) knows_clients: bool,
    pub(crate) stopping: CancellationToken,
    /// Who watches calls.
    pub(crate) readers: Arc<Activity>,
}

impl State {
    /// Whether whoever reaches it may see everything.
    pub(crate) fn is_open(&self, config: &GovernorConfig) -> bool {
        !config.has_token() && !self.knows_clients && self.address.to_canonical().is_loopback()
    }
}

impl Load for Governor {
    const KIND: &'static str = "server.governor";
    type Config = GovernorConfig;
    type Loaded = Self;

    fn loaded(section: Section<GovernorConfig>) -> Self {
        Self { config: section.config, cx: section.cx }
    }
}

impl Server for Governor {
    const LAST: bool = true;

    async fn bind(self) -> Result<Bound, Error> {
        let config = self.config.get();
        let listener = self.cx.listen(&config.host, config.port).await?;
        let endpoint = listener.local_addr()?;
        if !config.protects(endpoint.ip()) {
            return Err(config.insecure().target(endpoint).into());
        }
        let stopping = self.cx.stopping_last();
        let tls = ServerTls::open(&config.tls, &["http/1.1"], &self.cx).await?;
        let state = State {
            app: self.cx.app().clone(),
            name: self.cx.name.clone(),
            address: endpoint.ip(),
            knows_clients: config.tls.knows_clients(),
            stopping: stopping.clone(),
            readers: Arc::default(),
            config: self.config,
        };
        let door = Door { listener, tls, most: config.max_connections, stopping };
        let serve = serving::serve(door, endpoints::router(state));
        Ok(Bound { endpoint: Some(endpoint), serve: serve.map(Ok).boxed() })
    }

    fn cx(&self) -> &Cx {
        &self.cx
    }
}
