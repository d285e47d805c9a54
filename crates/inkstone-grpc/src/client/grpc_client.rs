//! The gRPC client component.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::Authority;
use http::{Request, Response};
use inkstone_config::{Code, Live};
use inkstone_core::{Component, Cx, Error, Health, Peer};
use inkstone_discover::{Resolution, ResolveError, Resolvers, Target};
use inkstone_guard::{GuardLayer, GuardService};
use inkstone_observe::Protocol;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::client::call::Calls;
use crate::client::config::GrpcClientConfig;
use crate::client::keeper;
use crate::client::link::Connector;
use crate::client::links::Links;
use crate::client::response::{Received, ResponseBody};
use crate::protocol::Calling;
use crate::timed::Timed;

/// A gRPC client: what generated clients are made from, `StockClient::new(handle)`. Cloning it is cheap.
///
/// It has one connection to each ready endpoint of its target, and calls them in turn. A call that an endpoint has
/// certainly not begun with is sent to another one.
#[derive(Clone)]
pub struct GrpcClient {
    service: GuardService<Send, Calling>,
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    links: Arc<Links>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// A client that is dropped without being closed lets go of its connections, too.
    _stop: DropGuard,
}

impl GrpcClient {
    /// What it calls.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    fn start(config: &Live<GrpcClientConfig>, cx: &Cx, resolution: Resolution) -> Self {
        let settings = config.get();
        let target = settings.addr.clone();
        let links = Arc::new(Links::new(target.to_string(), settings.balance.balancer()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let connector =
            Connector { config: settings.clone(), authority: authority(&target), tasks: tasks.clone() };
        tasks.spawn(keeper::keep(links.clone(), connector, resolution, stop.clone()));

        let guard =
            cx.guard(Protocol::RpcClient, target.to_string(), config.map(|config| config.guard.clone()));
        let guard = guard.access(config.map(|config| config.access.clone()));
        let protocol = Calling { target: target.to_string().into() };
        let calls =
            Calls { links: links.clone(), ready_timeout: *settings.ready_timeout, debug: cx.app().debug() };
        let service = GuardLayer::new(guard, protocol).layer(Send(Arc::new(calls)));
        let _stop = stop.clone().drop_guard();
        Self { service, inner: Arc::new(Inner { target, links, tasks, stop, _stop }) }
    }

    /// Waits for an endpoint: without one, a service that requires it does not start.
    async fn required(&self, config: &GrpcClientConfig, cx: &Cx) -> Result<(), Error> {
        let within = config.ready_timeout;
        if tokio::time::timeout(*within, self.inner.links.ready()).await.is_ok() {
            return Ok(());
        }
        let message = format!("{}; waited {within}", self.inner.links.why());
        let hint = format!(
            "start what is called, correct {name}.addr, or do not wait for it: {name}.connect_at_start = false",
            name = cx.name
        );
        Err(cx.fault(Code::ConnectFailed, message).target(&config.addr).hint(hint).into())
    }
}

impl Component for GrpcClient {
    const KIND: &'static str = "grpc";
    type Config = GrpcClientConfig;

    async fn build(config: Live<GrpcClientConfig>, cx: Cx) -> Result<Self, Error> {
        let settings = config.get();
        let resolvers = cx.app().provided::<Resolvers>().unwrap_or_default();
        let resolution =
            resolvers.resolve(&settings.addr).map_err(|error| unresolvable(&error, &settings.addr, &cx))?;
        let client = Self::start(&config, &cx, resolution);
        if settings.connect_at_start {
            client.required(&settings, &cx).await?;
        }
        Ok(client)
    }

    async fn health(&self) -> Health {
        if self.inner.links.is_ready() { Health::Up } else { Health::Degraded(self.inner.links.why()) }
    }

    fn stats(&self) -> Vec<(&'static str, u64)> {
        let peers = self.inner.links.peers();
        let up = peers.iter().filter(|peer| peer.up).count();
        vec![("endpoints", peers.len() as u64), ("connections", up as u64)]
    }

    fn peers(&self) -> Vec<Peer> {
        self.inner.links.peers()
    }

    async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

fn unresolvable(error: &ResolveError, target: &Target, cx: &Cx) -> inkstone_config::Fault {
    let (code, hint) = match error {
        ResolveError::UnknownScheme { .. } => {
            let hint = format!(
                "give the app its resolver with `app.provide(Resolvers::new().with(…))`, or change {}.addr",
                cx.name
            );
            (Code::UnknownScheme, hint)
        }
        _ => (Code::InvalidValue, format!("correct {}.addr", cx.name)),
    };
    cx.fault(code, error.to_string()).key(format!("{}.addr", cx.name)).target(target).hint(hint)
}

/// The name of what is called, as servers see it; none for addresses and for a list, where each has its own.
fn authority(target: &Target) -> Option<Authority> {
    if target.scheme() == "static" || target.endpoint().contains(',') {
        return None;
    }
    // `catalog.shop:grpc` has no port number, which is what an authority may have after its colon.
    let name = match target.endpoint().rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_err() => host,
        _ => target.endpoint(),
    };
    name.parse().ok()
}

/// The service inside the guard.
#[derive(Debug, Clone)]
struct Send(Arc<Calls>);

type Sending<R> = Pin<Box<dyn Future<Output = Result<R, Infallible>> + std::marker::Send>>;

impl Service<Request<Body>> for Send {
    type Response = Response<Timed<Received>>;
    type Error = Infallible;
    type Future = Sending<Self::Response>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let calls = self.0.clone();
        Box::pin(async move { Ok(calls.call(request).await) })
    }
}

impl Service<Request<Body>> for GrpcClient {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Sending<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = self.service.call(request);
        // The last handle may go away before the answer comes.
        let inner = self.inner.clone();
        Box::pin(async move {
            let response = response.await?;
            drop(inner);
            Ok(response.map(ResponseBody::new))
        })
    }
}

impl fmt::Debug for GrpcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcClient").field("target", &self.inner.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn calls_name_what_was_asked_for_unless_that_is_several() {
        let check = |target: &str, expected: Option<&str>| {
            let found = authority(&target.parse().unwrap());
            assert_eq!(found.as_ref().map(|name| name.as_str()), expected, "{target}");
        };
        check("k8s:///catalog.shop:grpc", Some("catalog.shop"));
        check("dns:///catalog.internal:9002", Some("catalog.internal:9002"));
        check("catalog.internal:9002", Some("catalog.internal:9002"));
        check("127.0.0.1:9002", None);
        check("one.internal:9002,two.internal:9002", None);
    }
}
