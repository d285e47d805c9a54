//! The HTTP server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use futures::FutureExt;
use inkstone_config::{Code, Live};
use inkstone_core::{Bound, Cx, Edge, Error, Load, Phase, Section, Server, backlog};
use inkstone_guard::GuardLayer;
use inkstone_observe::Protocol;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::layer::layer_fn;
use tower::util::{MapRequestLayer, MapResponseLayer};

use crate::capture;
use crate::config::HttpServerConfig;
use crate::connection::Connections;
use crate::ending;
use crate::panics::Catching;
use crate::protocol::Http;
use crate::routes;

/// An HTTP server: routes, served when the app runs.
#[derive(Debug)]
#[must_use = "a server does nothing until the app serves it"]
pub struct HttpServer {
    config: Live<HttpServerConfig>,
    cx: Cx,
    routes: Router,
}

impl HttpServer {
    /// Adds routes. Routes that were added before stay.
    ///
    /// # Panics
    /// When two routes are the same, as axum's `merge` does.
    pub fn routes(self, routes: Router) -> Self {
        Self { routes: self.routes.merge(routes), ..self }
    }

    /// The routes with what surrounds every request: from the outside in, guard, the end of streams, panics, limits.
    fn guarded(&self, endpoint: &str, streams_end: CancellationToken) -> Router {
        let config = self.config.get();
        let settings = self.config.map(|config| config.guard.clone());
        let guard = self.cx.guard(Protocol::HttpServer, endpoint, settings);
        let guard = guard.access(self.config.map(|config| config.access.clone()));
        let max_body = config.max_body.as_usize();
        // Cloned for each request, which must not take the token's lock.
        let streams_end = Arc::new(streams_end);
        let app = self.cx.app();
        let handlers = app.catcher(Edge::Handler, self.cx.name.clone());
        let streams = app.catcher(Edge::Stream, self.cx.name.clone());
        // As one layer: a router boxes its services and their futures anew for each that it is given.
        let around = ServiceBuilder::new()
            .layer(GuardLayer::new(guard, Http))
            .layer(MapResponseLayer::new(capture::response))
            .layer(MapRequestLayer::new(capture::request))
            .layer(MapResponseLayer::new(move |response| ending::streams(response, &streams_end, &streams)))
            .layer(layer_fn(move |inner| Catching { inner, catcher: handlers.clone() }))
            .layer(DefaultBodyLimit::max(max_body));
        // With its state, though it has none: else each request would build its route, with all that is around it, anew.
        self.routes.clone().layer(around).with_state(())
    }
}

impl Load for HttpServer {
    const KIND: &'static str = "server.http";
    type Config = HttpServerConfig;
    type Loaded = Self;

    fn loaded(section: Section<HttpServerConfig>) -> Self {
        Self { config: section.config, cx: section.cx, routes: Router::new() }
    }
}

impl Server for HttpServer {
    async fn bind(self) -> Result<Bound, Error> {
        let config = self.config.get();
        let listener = self.cx.listen(&config.host, config.port).await?;
        let endpoint = listener
            .local_addr()
            .map_err(|error| self.cx.fault(Code::AddressUnavailable, error.to_string()))?;
        self.cx.announce(routes::of(&self.routes));
        let streams_end = CancellationToken::new();
        let routes = self.guarded(&endpoint.to_string(), streams_end.clone());
        let draining = Arc::new(AtomicBool::new(false));
        let connections = Connections::new(routes, &config, draining.clone());
        let grace = self.config.map(|config| config.stream_grace);
        let grace = ending::after_grace(self.cx.stopping(), grace, streams_end);
        let serve = serve(listener, connections, self.cx, draining);
        let serve = async move {
            tokio::select! {
                () = serve => Ok(()),
                never = grace => match never {},
            }
        };
        Ok(Bound { endpoint: Some(endpoint), serve: serve.boxed() })
    }

    fn cx(&self) -> &Cx {
        &self.cx
    }
}

/// Accepts until the app stops, then waits for the connections. They are aborted when this is dropped.
async fn serve(listener: TcpListener, connections: Connections, cx: Cx, draining: Arc<AtomicBool>) {
    let stopping = cx.stopping();
    let mut open = JoinSet::new();
    let mut phase = cx.app().phase();
    let mut drain = std::pin::pin!(async move {
        // The app owns the sender; when that is gone there is nothing left to drain.
        let _gone = phase.wait_for(|phase| *phase == Phase::Draining).await.is_err();
        draining.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    });
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            () = &mut drain => {}
            Some(_ended) = open.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => { open.spawn(connections.serve(stream, peer, stopping.clone())); }
                Err(error) => refused(&error, &stopping).await,
            },
        }
    }
    // From here on new connections are refused rather than left waiting; those that wait already are served.
    for (stream, peer) in backlog(listener) {
        open.spawn(connections.serve(stream, peer, stopping.clone()));
    }
    while open.join_next().await.is_some() {}
}

/// A client that went away before it was accepted is nothing; no file descriptor left means to wait for some.
async fn refused(error: &io::Error, stopping: &CancellationToken) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!("cannot accept a connection: {error}; trying again in 100 ms");
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
        () = stopping.cancelled() => {}
    }
}
