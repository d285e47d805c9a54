//! The gRPC server component.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use futures::{FutureExt, Stream, StreamExt, stream};
use http::Request;
use inkstone_config::{Code, Dur, Fault, Live};
use inkstone_core::{Bound, Cx, Error, Load, Phase, Section, Server, backlog};
use inkstone_guard::GuardLayer;
use inkstone_observe::Protocol;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::RoutesBuilder;
use tower::{Layer, Service};

use crate::protocol::Serving;
use crate::server::config::GrpcServerConfig;
use crate::server::health;
use crate::server::methods::Methods;
use crate::server::opening::Opening;
use crate::server::serving::{Catching, Serve};

/// How often an idle connection is asked whether it still lives, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// A gRPC server: services, served when the app runs, with health and reflection beside them.
#[must_use = "a server does nothing until the app serves it"]
pub struct GrpcServer {
    config: Live<GrpcServerConfig>,
    cx: Cx,
    routes: RoutesBuilder,
    services: Vec<&'static str>,
    descriptors: Vec<&'static [u8]>,
    twice: Option<&'static str>,
}

impl GrpcServer {
    /// Adds a service: a generated server around your implementation, `CatalogServer::new(catalog)`.
    ///
    /// The same service added twice is an error when the server is bound.
    #[expect(clippy::should_implement_trait, reason = "adds a service, as `Router::merge` merges routes")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        if self.services.contains(&S::NAME) {
            self.twice = Some(S::NAME);
        } else {
            self.services.push(S::NAME);
            self.routes.add_service(service);
        }
        self
    }

    /// Describes the services added: the `FILE_DESCRIPTOR_SET` of generated code. Reflection shows it, and metrics name
    /// methods by it. Without it, metrics know a method once it has succeeded.
    pub fn descriptors(mut self, encoded: &'static [u8]) -> Self {
        self.descriptors.push(encoded);
        self
    }

    fn failed(&self, what: &str, error: &dyn fmt::Display) -> Fault {
        self.cx
            .fault(Code::BuildFailed, format!("{what}: {error}"))
            .hint("give `descriptors` the FILE_DESCRIPTOR_SET of generated code")
    }

    fn add_reflection(&mut self) -> Result<(), Fault> {
        let configure = || {
            let builder = tonic_reflection::server::Builder::configure();
            let known = [tonic_health::pb::FILE_DESCRIPTOR_SET];
            let sets = known.into_iter().chain(self.descriptors.iter().copied());
            sets.fold(builder, tonic_reflection::server::Builder::register_encoded_file_descriptor_set)
        };
        let failed = |error: tonic_reflection::server::Error| {
            self.failed("reflection cannot read the descriptors", &error)
        };
        // Older clients ask for the alpha version only.
        let (alpha, v1) =
            (configure().build_v1alpha().map_err(failed)?, configure().build_v1().map_err(failed)?);
        self.routes.add_service(alpha);
        self.routes.add_service(v1);
        Ok(())
    }
}

impl Load for GrpcServer {
    const KIND: &'static str = "server.grpc";
    type Config = GrpcServerConfig;
    type Loaded = Self;

    fn loaded(section: Section<GrpcServerConfig>) -> Self {
        let Section { config, cx, .. } = section;
        let routes = RoutesBuilder::default();
        Self { config, cx, routes, services: Vec::new(), descriptors: Vec::new(), twice: None }
    }
}

impl Server for GrpcServer {
    async fn bind(mut self) -> Result<Bound, Error> {
        if let Some(name) = self.twice {
            return Err(self
                .cx
                .fault(Code::DuplicateName, format!("the service {name} was added twice"))
                .into());
        }
        let config = self.config.get();
        let mut described = self.descriptors.clone();
        described.push(tonic_health::pb::FILE_DESCRIPTOR_SET);
        described.push(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET);
        described.push(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET);
        let mut known = self.services.clone();
        known.extend(OWN);
        let methods = Methods::new(&known, &described)
            .map_err(|error| self.failed("the descriptors cannot be read", &error))?;
        self.cx.announce(Methods::interfaces(&known, &described));
        let (reporter, health) = tonic_health::server::health_reporter();
        self.routes.add_service(health);
        if config.reflection {
            self.add_reflection()?;
        }
        health::report(&reporter, &self.services, Phase::Starting).await;

        let listener = self.cx.listen(&config.host, config.port).await?;
        let endpoint = listener
            .local_addr()
            .map_err(|error| self.cx.fault(Code::AddressUnavailable, error.to_string()))?;
        let guard = self.cx.guard(
            Protocol::RpcServer,
            endpoint.to_string(),
            self.config.map(|config| config.guard.clone()),
        );
        let guard = guard.access(self.config.map(|config| config.access.clone()));
        let stopping = self.cx.stopping();
        let reporting = health::follow(self.cx.app().clone(), self.services, reporter, stopping.clone());
        let methods = Arc::new(methods);
        let guard = GuardLayer::new(guard, Serving { methods: methods.clone() });
        let streams_end = Arc::new(CancellationToken::new());
        let grace = self.config.map(|config| config.stream_grace);
        let grace = after_grace(stopping.clone(), grace, streams_end.clone());
        let serving = transport(&config, guard, methods, streams_end, Catching::new(&self.cx))
            .add_routes(self.routes.routes())
            // The end of what comes in is its signal to stop.
            .serve_with_incoming_shutdown(incoming(listener, stopping), std::future::pending());
        let cx = self.cx;
        let serve = async move {
            let (served, ()) = tokio::select! {
                ended = futures::future::join(serving, reporting) => ended,
                never = grace => match never {},
            };
            served.map_err(|error| cx.fault(Code::ServeFailed, error.to_string()).target(endpoint).into())
        };
        Ok(Bound { endpoint: Some(endpoint), serve: serve.boxed() })
    }

    fn cx(&self) -> &Cx {
        &self.cx
    }
}

/// The services that every server has.
const OWN: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Whether `path` is of a service that every server has.
pub(crate) fn is_own(path: &str) -> bool {
    path.split_once('/').is_some_and(|(service, _)| OWN.contains(&service))
}

/// Tells streams to end once the server has been stopping for `grace`.
async fn after_grace(
    stopping: CancellationToken,
    grace: Live<Dur>,
    streams_end: Arc<CancellationToken>,
) -> Infallible {
    stopping.cancelled().await;
    tokio::time::sleep(**grace.get()).await;
    streams_end.cancel();
    std::future::pending().await
}

/// HTTP/2 with the guard, and what is inside it, around each call.
fn transport(
    config: &GrpcServerConfig,
    guard: GuardLayer<Serving>,
    methods: Arc<Methods>,
    streams_end: Arc<CancellationToken>,
    catching: Catching,
) -> tonic::transport::Server<impl Layer<tonic::service::Routes, Service = Guarded> + Clone + use<>> {
    let layer = tower::layer::layer_fn(move |routes| {
        guard.layer(Serve::new(routes, methods.clone(), streams_end.clone(), catching.clone()))
    });
    let transport = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PING.0))
        .http2_keepalive_timeout(Some(PING.1))
        .max_concurrent_streams(config.max_streams);
    let transport = match *config.max_connection_age {
        Duration::ZERO => transport,
        age => transport.max_connection_age(age),
    };
    transport.layer(layer)
}

type Guarded = inkstone_guard::GuardService<Serve<tonic::service::Routes>, Serving>;

/// Connections as they come, until the server stops: then those that wait already, and no more.
fn incoming(
    listener: TcpListener,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<Opening, Infallible>> {
    let until = stopping.clone();
    stream::unfold(Some(listener), move |listener| accept(listener, until.clone()))
        .flat_map(stream::iter)
        .map(move |stream| {
            // Without it small answers wait for the client's acknowledgement of the one before.
            let _best_effort = stream.set_nodelay(true);
            Ok(Opening::new(stream, stopping.clone()))
        })
}

/// What is accepted next, and the listener, which is closed when the server stops.
async fn accept(
    listener: Option<TcpListener>,
    stopping: CancellationToken,
) -> Option<(Vec<TcpStream>, Option<TcpListener>)> {
    let listener = listener?;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.cancelled() => {
                let waiting = backlog(listener).into_iter().map(|(stream, _peer)| stream);
                return Some((waiting.collect(), None));
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => return Some((vec![stream], Some(listener))),
            Err(error) => refused(&error).await,
        }
    }
}

/// A client that went away before it was accepted is nothing; no file descriptor left means to wait for some.
async fn refused(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!("cannot accept a connection: {error}; trying again in 100 ms");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl fmt::Debug for GrpcServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcServer")
            .field("cx", &self.cx)
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}
