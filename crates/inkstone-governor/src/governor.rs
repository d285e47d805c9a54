//! The governor's listener.

use std::net::IpAddr;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use futures::FutureExt;
use inkstone_config::Live;
use inkstone_core::{AppHandle, Bound, Cx, Error, Load, Section, Server};

use crate::access;
use crate::config::GovernorConfig;
use crate::pages;
use crate::serving;

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
    pub(crate) config: Live<GovernorConfig>,
    /// Where it listens, whatever the configuration says by now: a new host needs a restart, a new token does not.
    pub(crate) address: IpAddr,
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
        let state = State { app: self.cx.app().clone(), config: self.config, address: endpoint.ip() };
        let router = router(state);
        let serve = serving::serve(listener, router, stopping);
        Ok(Bound { endpoint: Some(endpoint), serve: serve.map(Ok).boxed() })
    }

    fn cx(&self) -> &Cx {
        &self.cx
    }
}

fn router(state: State) -> Router {
    let protected = Router::new()
        .route("/build", get(pages::build))
        .route("/components", get(pages::components))
        .route("/config", get(pages::config))
        .route_layer(from_fn_with_state(state.clone(), access::require_token));
    Router::new()
        .route("/live", get(pages::live))
        .route("/ready", get(pages::ready))
        .route("/metrics", get(pages::metrics))
        .merge(protected)
        .with_state(state)
}
