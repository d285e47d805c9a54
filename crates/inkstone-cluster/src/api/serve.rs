//! The HTTPS listener: HTTP/1.1 and HTTP/2, until told to stop.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Api;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long requests in flight get to finish when the cluster stops.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves until `stop`, then lets requests in flight finish.
pub(crate) async fn serve(
    api: Api,
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    stop: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(api.clone(), acceptor.clone(), stream, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the cluster API could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await; // out of file handles, most likely
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(api: Api, acceptor: TlsAcceptor, stream: TcpStream, stop: CancellationToken) {
    let served = async {
        stream.set_nodelay(true)?; // a watch sends one small line at a time
        let stream = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake"))??;
        let service = service_fn(move |request| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request.map(Body::new)).await) }
        });
        let mut server = Builder::new(TokioExecutor::new());
        server.http2().max_concurrent_streams(1000); // one client may follow many things over one connection
        let connection = server.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            served = connection.as_mut() => return served.map_err(io::Error::other),
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(io::Error::other)
    };
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the cluster API ended early");
    }
}
