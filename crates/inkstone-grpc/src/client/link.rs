//! One endpoint: a connection, kept up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use hyper::client::conn::http2::{self, Connection, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::config::GrpcClientConfig;
use crate::client::links::{Link, Links};
use crate::client::replay::Replay;

/// First wait after a connection failed; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// A connection that lived this long was a good one: its end is no reason to wait.
const GOOD: Duration = Duration::from_secs(1);

/// Opens connections. Their tasks are all in `tasks`.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) config: Arc<GrpcClientConfig>,
    /// What calls name as authority, if the target has a name.
    pub(crate) authority: Option<Authority>,
    pub(crate) tasks: TaskTracker,
}

type Dispatch = Connection<TokioIo<TcpStream>, Replay, Tasks>;

/// Runs hyper's tasks where they are waited for.
#[derive(Debug, Clone)]
struct Tasks(TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

impl Connector {
    /// Keeps `addr` connected until `stop`; then its connection ends with the calls that are on it.
    pub(crate) fn spawn_link(&self, addr: SocketAddr, links: Arc<Links>, stop: CancellationToken) {
        self.tasks.spawn(keep(self.clone(), addr, links, stop));
    }

    async fn connect(&self, addr: SocketAddr) -> Result<(SendRequest<Replay>, Dispatch), String> {
        let within = self.config.connect_timeout;
        match tokio::time::timeout(*within, self.handshake(addr)).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Err(format!("no connection within {within}")),
        }
    }

    async fn handshake(&self, addr: SocketAddr) -> Result<(SendRequest<Replay>, Dispatch), String> {
        let stream = TcpStream::connect(addr).await.map_err(|error| plain(&error))?;
        stream.set_nodelay(true).map_err(|error| plain(&error))?;
        let keep_alive = &self.config.keep_alive;
        let mut builder = http2::Builder::new(Tasks(self.tasks.clone()));
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(*keep_alive.interval)
            .keep_alive_timeout(*keep_alive.timeout)
            .keep_alive_while_idle(keep_alive.while_idle);
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| format!("HTTP/2 handshake: {error}"))
    }
}

async fn keep(connector: Connector, addr: SocketAddr, links: Arc<Links>, stop: CancellationToken) {
    let label: Arc<str> = addr.to_string().into();
    let own: Authority = label.parse().expect("an address and port are an authority");
    let authority = connector.authority.clone().unwrap_or(own);
    let mut wait = FIRST;
    loop {
        let connected = tokio::select! {
            connected = connector.connect(addr) => connected,
            () = stop.cancelled() => return,
        };
        let why = match connected {
            Ok((sender, connection)) => {
                let since = Instant::now();
                tracing::debug!(%addr, "connected");
                links.up(Link { addr, label: label.clone(), authority: authority.clone(), sender }, &stop);
                let Some(why) = up(connection, &stop).await else { return };
                if since.elapsed() >= GOOD {
                    wait = FIRST;
                }
                why
            }
            Err(why) => why,
        };
        tracing::debug!(%addr, again_in = ?wait, "not connected: {why}");
        links.down(addr, why, &stop);
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST),
            () = stop.cancelled() => return,
        }
    }
}

/// Why the connection takes no more calls; `None` after `stop`, when the last call has let go of it.
async fn up(connection: Dispatch, stop: &CancellationToken) -> Option<String> {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => Some(match ended {
            Ok(()) => "the other side closed the connection".to_owned(),
            Err(error) => format!("the connection broke: {error}"),
        }),
        () = stop.cancelled() => {
            // The link is listed no more. This ends once calls that picked it before have been sent.
            let _ended = connection.await;
            None
        }
    }
}

/// Without ` (os error 111)`, which tells nobody more.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}
