//! Which endpoints can be called now, and why the others cannot.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::client::conn::http2::SendRequest;
use inkstone_core::Peer;
use inkstone_discover::{Balancer, Endpoints};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::client::replay::Replay;

/// A connection that calls may be sent over.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) addr: SocketAddr,
    /// The address as the six-tuple shows it.
    pub(crate) label: Arc<str>,
    /// The authority that calls name.
    pub(crate) authority: http::uri::Authority,
    pub(crate) sender: SendRequest<Replay>,
}

/// The state of all links of a client.
#[derive(Debug)]
pub(crate) struct Links {
    target: String,
    balancer: Box<dyn Balancer>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    up: Arc<[Arc<Link>]>,
    /// Endpoints that cannot be called, and why; empty while the first attempt is under way.
    down: BTreeMap<SocketAddr, String>,
    resolved: bool,
    /// What is wrong with the source of endpoints.
    source: Option<String>,
    closed: bool,
}

/// Most endpoints whose errors a message tells.
const TOLD: usize = 3;

impl Links {
    pub(crate) fn new(target: String, balancer: Box<dyn Balancer>) -> Self {
        Self { target, balancer, state: watch::Sender::default() }
    }

    /// The next link to call, if one is up.
    pub(crate) fn pick(&self) -> Option<Arc<Link>> {
        let up = self.state.borrow().up.clone();
        if up.is_empty() {
            return None;
        }
        let first = self.balancer.pick(up.len());
        // A connection that has just closed is still listed for a moment.
        (0..up.len())
            .map(|step| &up[(first + step) % up.len()])
            .find(|link| !link.sender.is_closed())
            .cloned()
    }

    /// Waits for a link that is up. Cancel safe. `None` once the client is closed.
    pub(crate) async fn ready(&self) -> Option<Arc<Link>> {
        let mut state = self.state.subscribe();
        loop {
            if state.borrow_and_update().closed {
                return None;
            }
            if let Some(link) = self.pick() {
                return Some(link);
            }
            // The sender is in `self`, so this cannot fail.
            let _ = state.changed().await;
        }
    }

    /// Whether a call would find an endpoint now.
    pub(crate) fn is_ready(&self) -> bool {
        self.pick().is_some()
    }

    /// The source has spoken: a new set of endpoints, or an error.
    pub(crate) fn resolved(&self, endpoints: &Endpoints) {
        self.state.send_modify(|state| {
            state.resolved = endpoints.is_resolved();
            state.source = endpoints.error().map(str::to_owned);
        });
    }

    /// An endpoint is being connected for the first time.
    pub(crate) fn connecting(&self, addr: SocketAddr) {
        self.state.send_modify(|state| {
            state.down.insert(addr, String::new());
        });
    }

    /// An endpoint can be called, unless it was taken away meanwhile: `stop` is cancelled before [`Links::removed`].
    pub(crate) fn up(&self, link: Link, stop: &CancellationToken) {
        self.state.send_modify(|state| {
            if stop.is_cancelled() {
                return;
            }
            state.down.remove(&link.addr);
            let others = state.up.iter().filter(|other| other.addr != link.addr).cloned();
            let mut up: Vec<Arc<Link>> = others.collect();
            up.push(Arc::new(link));
            up.sort_unstable_by_key(|link| link.addr);
            state.up = up.into();
        });
    }

    /// An endpoint can no longer be called. Nothing is said of one that was taken away meanwhile.
    pub(crate) fn down(&self, addr: SocketAddr, why: String, stop: &CancellationToken) {
        self.state.send_modify(|state| {
            if stop.is_cancelled() {
                return;
            }
            state.up = without(&state.up, addr);
            state.down.insert(addr, why);
        });
    }

    /// An endpoint is no longer one of the target's.
    pub(crate) fn removed(&self, addr: SocketAddr) {
        self.state.send_modify(|state| {
            state.up = without(&state.up, addr);
            state.down.remove(&addr);
        });
    }

    /// No endpoint will be up any more.
    pub(crate) fn close(&self) {
        self.state.send_modify(|state| {
            state.closed = true;
            state.up = Arc::default();
        });
    }

    /// Every endpoint, and why those that cannot be called cannot.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let state = self.state.borrow();
        let up = state.up.iter().map(|link| Peer::up(&*link.label));
        let down = state.down.iter().map(|(addr, why)| {
            let why = if why.is_empty() { "still connecting" } else { why };
            Peer::down(addr.to_string(), why)
        });
        up.chain(down).collect()
    }

    /// Why no endpoint can be called.
    pub(crate) fn why(&self) -> String {
        let state = self.state.borrow();
        let target = &self.target;
        let source = state.source.as_deref();
        if state.closed {
            return format!("the client of {target} is closed");
        }
        match (state.resolved, source, state.down.len()) {
            (false, Some(error), _) => format!("{target} cannot be looked up: {error}"),
            (false, None, _) => format!("{target} is still being looked up"),
            (true, None, 0) => format!("{target} has no ready endpoint"),
            (true, Some(error), 0) => {
                format!("{target} had no ready endpoint, and cannot be looked up again: {error}")
            }
            (true, _, all) => {
                let mut text = format!("none of the {all} endpoints of {target} can be reached");
                if all == 1 {
                    text = format!("the only endpoint of {target} cannot be reached");
                }
                for (nth, (addr, why)) in state.down.iter().take(TOLD).enumerate() {
                    let why = if why.is_empty() { "still connecting" } else { why };
                    let _infallible = write!(text, "{} {addr}: {why}", if nth == 0 { ":" } else { ";" });
                }
                text
            }
        }
    }
}

fn without(up: &[Arc<Link>], addr: SocketAddr) -> Arc<[Arc<Link>]> {
    up.iter().filter(|link| link.addr != addr).cloned().collect()
}

#[cfg(test)]
mod tests {
    use inkstone_discover::{Endpoint, Policy, Resolution};

    use super::*;

    #[tokio::test]
    async fn an_endpoint_that_was_taken_away_while_it_connected_is_neither_called_nor_told_of() {
        let links = Links::new("test:///echo".to_owned(), Policy::RoundRobin.balancer());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (sender, _connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        let link =
            || Link { addr, label: "".into(), authority: "echo".parse().unwrap(), sender: sender.clone() };

        let stop = CancellationToken::new();
        links.connecting(addr);
        links.up(link(), &stop);
        assert!(links.pick().is_some());

        links.resolved(&Resolution::fixed(Vec::<Endpoint>::new()).current());
        stop.cancel();
        links.removed(addr);
        links.up(link(), &stop);
        assert!(links.pick().is_none());
        links.down(addr, "connection refused".to_owned(), &stop);
        assert_eq!(links.why(), "test:///echo has no ready endpoint");
    }
}
