//! Connections, each with an end to its patience: a client that says half a thing must not hold the governor up.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest time for the head of a request. An idle connection is closed after it too; Prometheus asks more often than this.
const HEAD: Duration = Duration::from_secs(75);

/// Longest wait for what is in flight at the stop. Every page is written within a second.
const LAST: Duration = Duration::from_secs(2);

/// Serves until `stopping`, then lets answers in flight be finished.
pub(crate) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            Some(_ended) = open.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => { open.spawn(speak(stream, router.clone(), stopping.clone())); }
                Err(error) => refused(&error, &stopping).await,
            },
        }
    }
    drop(listener);
    let finished = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST, finished).await.is_err() {
        tracing::debug!(connections = open.len(), "cut off");
    }
    open.shutdown().await;
}

async fn speak(stream: TcpStream, router: Router, stopping: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = TowerToHyperService::new(router);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("connection ended: {error}");
    }
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
