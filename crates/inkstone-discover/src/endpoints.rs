//! The changing set of endpoints behind a target.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One place that serves a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where it listens.
    pub addr: SocketAddr,
}

/// The endpoints of a target as they are known now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    ready: Arc<[Endpoint]>,
    error: Option<Arc<str>>,
    resolved: bool,
}

/// The endpoints of one target, followed. Following ends when this is dropped.
pub struct Resolution {
    endpoints: watch::Receiver<Endpoints>,
    following: Option<JoinHandle<()>>,
}

/// A resolver's side of a [`Resolution`].
#[derive(Debug)]
pub struct Publisher(watch::Sender<Endpoints>);

impl Endpoint {
    /// An endpoint that listens at `addr`.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr }
    }
}

impl Endpoints {
    /// The endpoints that may be given traffic, sorted. The last good set while the source fails; what there is of it
    /// while a part of it fails.
    #[must_use]
    pub fn ready(&self) -> &[Endpoint] {
        &self.ready
    }

    /// What is wrong with the source now, if anything is.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether the source has answered at all, be it with an empty set.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        self.resolved
    }
}

impl Resolution {
    /// Endpoints that never change.
    #[must_use]
    pub fn fixed(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let (publisher, mut resolution) = Self::channel();
        publisher.ready(endpoints);
        // A receiver whose sender is gone keeps the value; nothing will be new.
        resolution.endpoints.mark_changed();
        resolution
    }

    /// Endpoints that somebody else publishes: a test, or a resolver with a task of its own.
    #[must_use]
    pub fn channel() -> (Publisher, Self) {
        let (sender, endpoints) = watch::channel(Endpoints::default());
        (Publisher(sender), Self { endpoints, following: None })
    }

    /// Endpoints published by a task, which is ended when the resolution is dropped.
    #[must_use]
    pub fn follow<F, Fut>(follow: F) -> Self
    where
        F: FnOnce(Publisher) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (publisher, mut resolution) = Self::channel();
        resolution.following = Some(tokio::spawn(follow(publisher)));
        resolution
    }

    /// The endpoints now.
    #[must_use]
    pub fn current(&self) -> Endpoints {
        self.endpoints.borrow().clone()
    }

    /// Waits for a set, or an error, that this has not returned yet. Several changes between two calls count as one.
    /// Waits for ever once nothing can change any more. Cancel safe.
    pub async fn changed(&mut self) -> Endpoints {
        if self.endpoints.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.endpoints.borrow_and_update().clone()
    }
}

impl Drop for Resolution {
    fn drop(&mut self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

impl Publisher {
    /// Publishes the whole set of endpoints that may be given traffic, and that the source is well.
    pub fn ready(&self, endpoints: impl IntoIterator<Item = Endpoint>) {
        self.answered(endpoints, None);
    }

    /// Publishes what may be given traffic of a source that answered, and what is wrong with its answer.
    pub fn incomplete(&self, endpoints: impl IntoIterator<Item = Endpoint>, error: impl fmt::Display) {
        self.answered(endpoints, Some(error.to_string().into()));
    }

    fn answered(&self, endpoints: impl IntoIterator<Item = Endpoint>, error: Option<Arc<str>>) {
        let mut ready: Vec<Endpoint> = endpoints.into_iter().collect();
        ready.sort_unstable();
        ready.dedup();
        let new = Endpoints { ready: ready.into(), error, resolved: true };
        self.0.send_if_modified(|now| {
            let changed = *now != new;
            if changed {
                *now = new;
            }
            changed
        });
    }

    /// Publishes that the source fails. The last good set stays in force.
    pub fn failed(&self, error: impl fmt::Display) {
        let error: Arc<str> = error.to_string().into();
        self.0.send_if_modified(|now| {
            let changed = now.error.as_ref() != Some(&error);
            now.error = Some(error);
            changed
        });
    }

    /// Waits until nobody follows any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl fmt::Debug for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolution").field(&*self.endpoints.borrow()).finish()
    }
}
