//! What a service is made of.

use std::future::Future;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use inkstone_config::{Config, Live};

use crate::cx::Cx;
use crate::error::Error;
use crate::inventory::Peer;
use crate::load::{Loader, Section};
use crate::table::Table;

/// One kind of thing a service uses: an SQL database, a gRPC client.
///
/// The value is a handle: cloning it is cheap and shares what is behind it.
pub trait Component: Clone + Send + Sync + 'static {
    /// How logs, metrics, docs and the console name this kind: `"redis"`, `"grpc"`.
    const KIND: &'static str;
    /// Its settings.
    type Config: Config;

    /// Connects and warms up. The configuration has been checked.
    ///
    /// # Errors
    /// When the component cannot serve; the message names the target and what to do.
    fn build(config: Live<Self::Config>, cx: Cx) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Whether the instance can serve now.
    fn health(&self) -> impl Future<Output = Health> + Send {
        async { Health::Up }
    }

    /// What there is to count now, by name and number: connections of a pool, calls in flight. Asked by the governor, so
    /// it must not wait.
    fn stats(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Whom it is connected to now, or tries to be. Asked by the governor, so it must not wait.
    fn peers(&self) -> Vec<Peer> {
        Vec::new()
    }

    /// Finishes what is in flight and lets go. Called once, in reverse order of building.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Something that serves from [`App::run`](crate::App::run) until the app stops: an HTTP server, a gRPC server.
///
/// Its value is what the user has put on it so far (routes, services); it is bound when the app runs, and never when
/// a job runs instead.
pub trait Server: Send + 'static {
    /// Whether it is stopped only after the others have finished. The governor is: it shows them stopping.
    const LAST: bool = false;

    /// Binds the listener. Serving starts when the returned future is polled, and ends after [`Cx::stopping`] and the
    /// work then in flight.
    ///
    /// # Errors
    /// When the address cannot be bound; the message says why and what to do.
    fn bind(self) -> impl Future<Output = Result<Bound, Error>> + Send;

    /// Where it was loaded from.
    fn cx(&self) -> &Cx;
}

/// A server that is bound, or work that is ready to begin.
#[allow(missing_debug_implementations, reason = "holds a future")]
pub struct Bound {
    /// Where it listens, if it does; what is announced to discovery.
    pub endpoint: Option<SocketAddr>,
    /// Serves until it is told to stop.
    pub serve: BoxFuture<'static, Result<(), Error>>,
}

/// What [`App::load`](crate::App::load) can load: every [`Component`], and the servers.
pub trait Load: Sized {
    /// The kind's name in messages.
    const KIND: &'static str;
    /// Its settings.
    type Config: Config;
    /// What loading gives: for components a [`Loader`] to build, for servers the server itself, to be added to.
    type Loaded;

    /// Wraps the section that was read.
    fn loaded(section: Section<Self::Config>) -> Self::Loaded;
}

impl<C: Component> Load for C {
    const KIND: &'static str = <C as Component>::KIND;
    type Config = Table<<C as Component>::Config>;
    type Loaded = Loader<C>;

    fn loaded(section: Section<Self::Config>) -> Loader<C> {
        Loader::new(section)
    }
}

/// Whether something can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Up,
    /// It can, but not all it depends on is there, for this reason. Shown; the app stays ready.
    Degraded(String),
    /// It cannot, for this reason. The app is not ready.
    Down(String),
}
