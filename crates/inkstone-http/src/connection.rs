//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::HttpServerConfig;
use crate::protocol::explain;

/// How often an idle HTTP/2 connection is asked whether it still lives, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// How long the first byte may take once the server stops: the request may be on its way already.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// What all connections of a server have in common.
#[derive(Clone)]
pub(crate) struct Connections {
    routes: Router,
    builder: auto::Builder<TokioExecutor>,
    first_byte: Duration,
    draining: Arc<AtomicBool>,
}

impl Connections {
    pub(crate) fn new(routes: Router, config: &HttpServerConfig, draining: Arc<AtomicBool>) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(*config.header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .max_concurrent_streams(config.max_streams);
        Self { routes, builder, first_byte: *config.header_timeout, draining }
    }

    /// Serves one connection until it ends, or until what is in flight has ended after `stopping`.
    pub(crate) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        stopping: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let connections = self.clone();
        async move {
            // hyper's own time-out starts once it knows the version, which takes a byte.
            let mut byte = [0];
            let patience = async {
                if tokio::time::timeout(connections.first_byte, stopping.cancelled()).await.is_ok() {
                    tokio::time::sleep(ON_ITS_WAY).await;
                }
            };
            let spoke = tokio::select! {
                biased;
                spoke = stream.peek(&mut byte) => matches!(spoke, Ok(1..)),
                () = patience => false,
            };
            if spoke {
                // Without it small answers wait for the client's acknowledgement of the one before.
                let _best_effort = stream.set_nodelay(true);
                connections.speak(stream, peer, stopping).await;
            }
        }
    }

    async fn speak(self, stream: TcpStream, peer: SocketAddr, stopping: CancellationToken) {
        let Self { routes, builder, draining, .. } = self;
        let service = service_fn(move |request| respond(routes.clone(), peer, draining.clone(), request));
        let mut connection =
            std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let ended = tokio::select! {
            // What has come already is read before it is told to end.
            biased;
            ended = connection.as_mut() => ended,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, "connection ended: {error}");
        }
    }
}

async fn respond(
    routes: Router,
    peer: SocketAddr,
    draining: Arc<AtomicBool>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let reusable = request.version() == Version::HTTP_11;
    let mut response = explain(routes.oneshot(request.map(Body::new)).await?);
    if reusable && draining.load(Ordering::Relaxed) {
        // The client opens its next connection elsewhere, before this one is closed under it.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
