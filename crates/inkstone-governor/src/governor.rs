//! The governor's listener.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use futures::FutureExt;
use inkstone_config::{Code, Fault, Live};
use inkstone_core::{AppHandle, Bound, Cx, Error, Load, Section, Server};
use tokio::net::TcpListener;

use crate::access;
use crate::config::GovernorConfig;
use crate::pages;

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
}

impl Load for Governor {
    const KIND: &'static str = "governor";
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
        let target = format!("{}:{}", config.host, config.port);
        let listener = listen(&config).await.map_err(|error| cannot_listen(&error, &target, &self.cx))?;
        let endpoint = listener.local_addr().map_err(|error| cannot_listen(&error, &target, &self.cx))?;
        if !config.protects(endpoint.ip()) {
            return Err(config.insecure().into());
        }
        let stopping = self.cx.stopping_last();
        let router = router(State { app: self.cx.app().clone(), config: self.config });
        let cx = self.cx;
        let serve = async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned());
            serving
                .await
                .map_err(|error| cx.fault(Code::ServeFailed, error.to_string()).target(endpoint).into())
        };
        Ok(Bound { endpoint: Some(endpoint), serve: serve.boxed() })
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

/// Binds the first address of the host that works.
async fn listen(config: &GovernorConfig) -> io::Result<TcpListener> {
    // An IPv6 address is written in a configuration as it is, without brackets.
    if let Ok(address) = config.host.parse() {
        return TcpListener::bind(SocketAddr::new(address, config.port)).await;
    }
    TcpListener::bind((config.host.as_str(), config.port)).await
}

fn cannot_listen(error: &io::Error, target: &str, cx: &Cx) -> Fault {
    let key = &cx.name;
    let (code, message, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Code::PortTaken,
            "another process listens on this port".to_owned(),
            format!("end it (`ss -ltnp` shows it), or change {key}.port; 0 takes a free port"),
        ),
        io::ErrorKind::PermissionDenied => (
            Code::PermissionDenied,
            format!("this process may not listen there: {error}"),
            format!("use a port above 1023: {key}.port"),
        ),
        _ => (
            Code::AddressUnavailable,
            format!("this machine cannot listen there: {error}"),
            format!("let {key}.host be one of its own addresses"),
        ),
    };
    cx.fault(code, message).target(target).hint(hint)
}
