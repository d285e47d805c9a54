//! Connections, each with an end to its patience: a client that says half a thing must not hold the governor up, nor
//! keep others from it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use inkstone_core::ServerTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::access::Visitor;

/// Longest time for the head of a request. An idle connection is closed after it too; Prometheus asks more often than this.
const HEAD: Duration = Duration::from_secs(75);

/// Largest head of a request, in bytes, and most fields in it.
const HEAD_SIZE: usize = 32 << 10;
const HEAD_FIELDS: usize = 64;

/// Longest wait for what is in flight at the stop. What takes longer ends when it is told to.
const LAST: Duration = Duration::from_secs(2);

/// What is listened with.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) most: usize,
    pub(crate) stopping: CancellationToken,
}

/// How many answers of a connection are under way.
#[derive(Debug, Default)]
pub(crate) struct Activity(AtomicUsize);

/// Counts as an answer under way until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Activity {
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.0.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.count() == 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves until told to stop, then lets answers in flight be finished.
pub(crate) async fn serve(door: Door, router: Router) {
    let Door { listener, tls, most, stopping } = door;
    let mut open = JoinSet::new();
    // Oldest first.
    let mut connections: VecDeque<(Arc<Activity>, AbortHandle)> = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            Some(_ended) = open.join_next() => connections.retain(|(_, task)| !task.is_finished()),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if connections.len() >= most && !make_room(&mut connections) {
                        tracing::debug!(%peer, "refused: {most} connections are busy");
                        continue;
                    }
                    let activity = Arc::<Activity>::default();
                    let connection =
                        Connection { peer, activity: activity.clone(), router: router.clone(), stopping: stopping.clone() };
                    connections.push_back((activity, open.spawn(connection.serve(stream, tls.clone()))));
                }
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

/// Ends the oldest connection that nothing is asked on.
fn make_room(connections: &mut VecDeque<(Arc<Activity>, AbortHandle)>) -> bool {
    let idle = connections.iter().position(|(activity, _)| activity.is_idle());
    let ended = idle.and_then(|at| connections.remove(at));
    ended.inspect(|(_, task)| task.abort()).is_some()
}

struct Connection {
    peer: SocketAddr,
    activity: Arc<Activity>,
    router: Router,
    stopping: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<ServerTls>) {
        let peer = self.peer;
        let Some(tls) = tls else { return self.speak(stream, None).await };
        match tls.accept(stream).await {
            Ok(stream) => {
                let certificate = ServerTls::client(&stream).map(Arc::from);
                self.speak(stream, certificate).await;
            }
            Err(error) => tracing::debug!(%peer, "handshake failed: {error}"),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin, certificate: Option<Arc<str>>) {
        let Self { peer, activity, router, stopping } = self;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_SIZE)
            .max_headers(HEAD_FIELDS);
        let visitor = Visitor { peer, certificate };
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let busy = activity.busy();
            request.extensions_mut().insert(visitor.clone());
            request.extensions_mut().insert(activity.clone());
            let router = router.clone();
            async move {
                let response = router.oneshot(request.map(Body::new)).await;
                drop(busy);
                response.map_err(|never: Infallible| never)
            }
        });
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
            tracing::debug!(%peer, "connection ended: {error}");
        }
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
