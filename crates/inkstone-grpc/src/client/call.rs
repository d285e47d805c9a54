//! One call: pick an endpoint, send, and try another one if the first certainly did not begin with it.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri, header::USER_AGENT, request};
use inkstone_observe::trace;
use tonic::Status;
use tonic::body::Body;

use crate::client::links::{Link, Links};
use crate::client::replay::{Replay, Source};
use crate::client::response::Received;
use crate::protocol::Found;
use crate::timed::Timed;
use crate::timeout;

/// Most endpoints that one call is sent to. Each of them has refused it unseen.
const ATTEMPTS: usize = 5;

/// How long before its deadline a call stops waiting for an endpoint, so that it can still say why there is none.
const BEFORE: Duration = Duration::from_millis(2);

/// What all calls of a client have in common.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) links: Arc<Links>,
    pub(crate) ready_timeout: Duration,
    pub(crate) debug: bool,
}

impl Calls {
    /// Makes a call. What goes wrong is a response, too.
    pub(crate) async fn call(&self, request: Request<Body>) -> Response<Timed<Received>> {
        let deadline = timeout::read(request.headers()).map(|allowed| Instant::now() + allowed);
        let (head, body) = request.into_parts();
        let source = Source::new(body);
        match self.send(&head, &source, deadline).await {
            Ok((response, link)) => {
                source.settle();
                let mut response = response.map(|body| Timed::new(Received::new(body, link.addr), deadline));
                // Who answered is for the six-tuple and the span.
                if self.debug || trace::current_ids().is_some_and(|ids| ids.sampled) {
                    response.extensions_mut().insert(Found(link.label.clone()));
                }
                response
            }
            Err(status) => status.into_http(),
        }
    }

    async fn send(
        &self,
        head: &request::Parts,
        source: &Source,
        deadline: Option<Instant>,
    ) -> Result<(Response<hyper::body::Incoming>, Arc<Link>), Status> {
        let mut left = ATTEMPTS;
        loop {
            let link = match self.links.pick() {
                Some(link) => link,
                None => self.wait(deadline).await?,
            };
            let Some(body) = source.attempt() else {
                return Err(Status::unavailable(format!(
                    "{} refused the call, which is too large to be sent again",
                    link.addr
                )));
            };
            left -= 1;
            let mut sender = link.sender.clone();
            match sender.try_send_request(addressed(head, &link, body)).await {
                Ok(response) => return Ok((response, link)),
                Err(mut unsent) => {
                    let untouched = unsent.take_message().is_some() || refused(unsent.error());
                    if !untouched || left == 0 {
                        return Err(broken(&link, unsent.error()));
                    }
                    tracing::debug!(addr = %link.addr, "trying another endpoint: {}", unsent.error());
                }
            }
        }
    }

    /// Waits for an endpoint until shortly before the deadline.
    async fn wait(&self, deadline: Option<Instant>) -> Result<Arc<Link>, Status> {
        let started = Instant::now();
        let latest = started + self.ready_timeout;
        let until =
            deadline.map_or(latest, |deadline| latest.min(deadline.checked_sub(BEFORE).unwrap_or(started)));
        match tokio::time::timeout_at(until.into(), self.links.ready()).await {
            Ok(Some(link)) => Ok(link),
            Ok(None) => Err(Status::unavailable(self.links.why())),
            Err(_elapsed) => {
                let waited =
                    inkstone_config::Dur::from(Duration::from_millis(started.elapsed().as_millis() as u64));
                Err(Status::unavailable(format!("{}; waited {waited}", self.links.why())))
            }
        }
    }
}

/// The request as this link's server wants it.
fn addressed(head: &request::Parts, link: &Link, body: Replay) -> Request<Replay> {
    let mut uri = head.uri.clone().into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(link.authority.clone());
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.version_mut() = head.version;
    *request.uri_mut() =
        Uri::from_parts(uri).expect("scheme, authority and the path that was there make a URI");
    *request.headers_mut() = head.headers.clone();
    request
        .headers_mut()
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("grpc-rust-inkstone/", env!("CARGO_PKG_VERSION"))));
    request
}

/// Whether the other side said that it has not begun with the call: it refused the stream, or went away before it.
fn refused(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(|error| {
        error.is_remote()
            && (error.is_go_away()
                || (error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM)))
    })
}

/// A call that may have been begun with, and whose answer will not come.
fn broken(link: &Link, error: &hyper::Error) -> Status {
    status(link.addr, error, "before the answer")
}

/// What a broken connection or stream means to the caller.
pub(crate) fn status(addr: std::net::SocketAddr, error: &hyper::Error, when: &str) -> Status {
    let why = deepest(error);
    let reset =
        h2_error(error).filter(|error| error.is_reset() && error.is_remote()).and_then(h2::Error::reason);
    match reset {
        None | Some(h2::Reason::REFUSED_STREAM) => {
            Status::unavailable(format!("the connection to {addr} broke {when}: {why}"))
        }
        Some(h2::Reason::CANCEL) => Status::cancelled(format!("{addr} cancelled the call {when}")),
        Some(h2::Reason::ENHANCE_YOUR_CALM) => {
            Status::resource_exhausted(format!("{addr} has too much to do: {why}"))
        }
        Some(reason) => Status::internal(format!("{addr} reset the call {when}: {reason}")),
    }
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

/// The error that caused all others: hyper's own says little.
fn deepest(error: &hyper::Error) -> String {
    let mut deepest: &dyn StdError = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
