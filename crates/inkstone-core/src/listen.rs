//! Listening sockets, and errors that say who is in the way.

use std::io;
use std::net::SocketAddr;

use inkstone_config::{Code, Fault};
use tokio::net::{TcpListener, TcpStream};

use crate::cx::Cx;
use crate::error::Error;
use crate::holder;

/// Most connections that wait to be accepted: what tokio asks the system for.
const BACKLOG: usize = 1024;

impl Cx {
    /// Listens on `host` and `port` of this server's table. No host is that of the app (`app.host`, `--host`); port 0
    /// takes a free one. A socket that the process was started with (`LISTEN_FDS`) comes first: the one of this server's
    /// key in `LISTEN_FDNAMES`, or else one on this port.
    ///
    /// # Errors
    /// When the address cannot be bound: whose port it is, if that can be found out, and what to do.
    pub async fn listen(&self, host: &str, port: u16) -> Result<TcpListener, Error> {
        let host = if host.trim().is_empty() { self.app().config().host.as_str() } else { host };
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let passed = self.app().0.sockets.take(&self.name, port);
        if let Some(listener) =
            passed.map_err(|error| self.cannot_listen(&error, port).target(target.clone()))?
        {
            tracing::info!(name = %self.name, "the listening socket was passed at the start");
            return Ok(listener);
        }
        match bind(host, port).await {
            Ok(listener) => Ok(listener),
            Err(error) => Err(self.cannot_listen(&error, port).target(target).into()),
        }
    }

    fn cannot_listen(&self, error: &io::Error, port: u16) -> Fault {
        let key = &self.name;
        let (code, message, hint) = match error.kind() {
            io::ErrorKind::AddrInUse => {
                let holder = holder::of_port(port).unwrap_or_else(|| "another process".to_owned());
                let message = format!("{holder} listens on this port already");
                (Code::PortTaken, message, format!("end it, or change {key}.port; 0 takes a free port"))
            }
            io::ErrorKind::PermissionDenied => (
                Code::PermissionDenied,
                format!("this process may not listen there: {error}"),
                format!("use a port above 1023: {key}.port"),
            ),
            _ => (
                Code::AddressUnavailable,
                format!("this machine cannot listen there: {error}"),
                format!("let {key}.host be one of its own addresses, such as 127.0.0.1 or 0.0.0.0"),
            ),
        };
        self.fault(code, message).hint(hint)
    }
}

/// Closes a listener: the connections that have come already and that nobody has accepted. Without this the system
/// resets them, and the requests on them are lost.
#[must_use]
pub fn backlog(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    // The system's own answer: the runtime may not have heard yet that there is something to accept.
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let waiting = std::iter::from_fn(|| listener.accept().ok()).take(BACKLOG);
    let registered = waiting.filter_map(|(stream, peer)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    });
    registered.collect()
}

/// Binds the first address of the host that works.
async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    // An IPv6 address is written in a configuration as it is, without brackets.
    if let Ok(ip) = host.parse() {
        return TcpListener::bind(SocketAddr::new(ip, port)).await;
    }
    TcpListener::bind((host, port)).await
}
