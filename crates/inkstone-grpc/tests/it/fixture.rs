//! Services and clients in this process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inkstone_core::{App, AppHandle, Component, Phase, Result, Server};
use inkstone_discover::{Endpoint, Publisher, Resolution, ResolveError, Resolver, Resolvers, Target};
use inkstone_grpc::{GrpcClient, GrpcServer, Status};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::echo::{Echo, say};

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A running service with one gRPC server.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) addr: SocketAddr,
    pub(crate) app: AppHandle,
    /// What tells the server to stop accepting.
    pub(crate) stopping: CancellationToken,
    running: JoinHandle<Result>,
}

impl Backend {
    pub(crate) async fn start(echo: Echo) -> Self {
        Self::with("0s", |grpc| grpc.add(echo)).await
    }

    /// Serves what `add` adds.
    pub(crate) async fn with(drain: &str, add: impl FnOnce(GrpcServer) -> GrpcServer) -> Self {
        Self::of("", drain, add).await
    }

    /// The same, with further lines of its table.
    pub(crate) async fn of(settings: &str, drain: &str, add: impl FnOnce(GrpcServer) -> GrpcServer) -> Self {
        let text = format!("[app]\ndrain = \"{drain}\"\n[server.grpc]\nport = 0\n{settings}\n");
        let app = App::from_toml("t.toml", &text);
        let handle = app.handle().clone();
        let (told, addr) = tokio::sync::oneshot::channel();
        let grpc = Announced { grpc: add(app.load::<GrpcServer>("server.grpc")), told };
        let stopping = grpc.cx().stopping();
        let running = tokio::spawn(app.serve(grpc).run());
        let addr = addr.await.expect("the server is bound");
        handle.phase().wait_for(|phase| *phase == Phase::Ready).await.unwrap();
        Self { addr, app: handle, stopping, running }
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) {
        self.app.stop();
        tokio::time::timeout(SOON, self.running).await.expect("stops in time").unwrap().unwrap();
    }

    /// A client that is not ours.
    pub(crate) async fn channel(&self) -> tonic::transport::Channel {
        let endpoint = tonic::transport::Endpoint::new(format!("http://{}", self.addr)).unwrap();
        endpoint.connect().await.unwrap()
    }
}

/// Tells where the server listens.
struct Announced {
    grpc: GrpcServer,
    told: tokio::sync::oneshot::Sender<SocketAddr>,
}

impl Server for Announced {
    async fn bind(self) -> Result<inkstone_core::Bound> {
        let bound = self.grpc.bind().await?;
        self.told.send(bound.endpoint.expect("it listens")).expect("the test waits");
        Ok(bound)
    }

    fn cx(&self) -> &inkstone_core::Cx {
        self.grpc.cx()
    }
}

/// A client with its app, and the source of its endpoints in the test's hand.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) client: GrpcClient,
    pub(crate) app: AppHandle,
    pub(crate) source: Publisher,
}

impl Caller {
    /// A client of `test:///echo`; `settings` are further lines of its table.
    pub(crate) async fn new(settings: &str) -> Self {
        let by_hand = ByHand::default();
        let text = format!("[grpc.echo]\naddr = \"test:///echo\"\n{settings}");
        let app = App::from_toml("t.toml", &text).provide(Resolvers::new().with(by_hand.clone()));
        let client = app.load::<GrpcClient>("grpc.echo").build().await.unwrap();
        let source = by_hand.0.lock().unwrap().take().expect("resolved");
        Self { client, app: app.handle().clone(), source }
    }

    /// With these endpoints, all of them connected.
    pub(crate) async fn of(settings: &str, backends: &[&Backend]) -> Self {
        let caller = Self::new(settings).await;
        caller.endpoints(backends.iter().map(|backend| backend.addr));
        caller.reaches(backends.len()).await;
        caller
    }

    pub(crate) fn endpoints(&self, addrs: impl IntoIterator<Item = SocketAddr>) {
        self.source.ready(addrs.into_iter().map(Endpoint::new));
    }

    /// Waits until calls are answered by this many different backends.
    pub(crate) async fn reaches(&self, backends: usize) {
        let reached = async {
            loop {
                let mut names = std::collections::BTreeSet::new();
                for _ in 0..backends * 2 {
                    names.extend(self.say("who").await);
                }
                if names.len() == backends {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, reached).await.expect("all are reached");
    }

    pub(crate) async fn say(&self, text: &str) -> Result<String, Status> {
        say(&self.client, text).await
    }

    pub(crate) fn metrics(&self) -> String {
        self.app.metrics().encode()
    }

    /// Closes the client, as the app would at its end.
    pub(crate) async fn close(self) {
        tokio::time::timeout(SOON, self.client.close()).await.expect("closes in time");
    }
}

/// A resolver whose endpoints are published by the test.
#[derive(Debug, Clone, Default)]
struct ByHand(Arc<Mutex<Option<Publisher>>>);

impl Resolver for ByHand {
    fn scheme(&self) -> &str {
        "test"
    }

    fn resolve(&self, _target: &Target) -> Result<Resolution, ResolveError> {
        let (publisher, resolution) = Resolution::channel();
        *self.0.lock().unwrap() = Some(publisher);
        Ok(resolution)
    }
}
