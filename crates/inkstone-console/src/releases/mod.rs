//! Releases on their way: written to the ConfigMap, then watched until every pod has said what it made of them.

mod prove;
mod publish;
mod settle;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use publish::{Expected, Publish};

use crate::cluster::Cluster;
use crate::governor::Governors;
use crate::store::{FileId, Release, ReleaseState, Store, StoreError};

/// How closely pods are watched while a release is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Between two looks, at first.
    pub(crate) eager: Duration,
    /// Between two looks, after a while.
    pub(crate) patient: Duration,
    /// How long the first lasts.
    pub(crate) eager_for: Duration,
    /// How long the pods have altogether.
    pub(crate) deadline: Duration,
    /// How long the other pods have once one has refused.
    pub(crate) after_refusal: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            eager: Duration::from_millis(50),
            patient: Duration::from_millis(500),
            eager_for: Duration::from_secs(10),
            deadline: Duration::from_secs(180),
            after_refusal: Duration::from_secs(5),
        }
    }
}

/// The releases that are on their way, and how more are sent. Cloning it shares them.
#[derive(Debug, Clone)]
pub(crate) struct Releases {
    store: Store,
    cluster: Cluster,
    governors: Governors,
    pace: Pace,
    tasks: TaskTracker,
    stop: CancellationToken,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// One publish of a file at a time. Held across awaits on purpose: a turn lasts as long as the publish.
    turns: Mutex<HashMap<FileId, Arc<tokio::sync::Mutex<()>>>>,
    /// How each open release stands, for those who watch it.
    open: Mutex<HashMap<String, watch::Sender<Arc<Release>>>>,
}

impl Releases {
    pub(crate) fn new(
        store: Store,
        cluster: Cluster,
        governors: Governors,
        pace: Pace,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { store, cluster, governors, pace, tasks, stop, shared: Arc::default() }
    }

    /// Takes up what an earlier run left open: a release that may or may not have reached its ConfigMap is
    /// compared with it, one that has is watched again. What belongs to another cluster is left alone: this one
    /// cannot tell what became of it.
    pub(crate) async fn resume(&self) -> Result<(), StoreError> {
        for release in self.store.open_releases().await? {
            if release.cluster != self.cluster.name() {
                tracing::warn!(
                    release = release.id,
                    file = %release.file(),
                    cluster = release.cluster,
                    here = self.cluster.name(),
                    "an open release of another cluster is left alone; start the console with that cluster's name to \
                     see it end"
                );
                continue;
            }
            self.announce(&release);
            match release.state {
                ReleaseState::Publishing => self.settle_later(release),
                _ => self.prove_later(release),
            }
        }
        Ok(())
    }

    /// Tells those who watch a release how it stands.
    fn announce(&self, release: &Release) {
        let mut open = self.shared.open.lock().expect("nothing panics while it holds this");
        let latest = Arc::new(release.clone());
        if release.state.is_final() {
            // Those who watch still see the last value; then their stream ends.
            if let Some(sender) = open.remove(&release.id) {
                sender.send_replace(latest);
            }
            return;
        }
        match open.get(&release.id) {
            Some(sender) => _ = sender.send_replace(latest),
            None => _ = open.insert(release.id.clone(), watch::Sender::new(latest)),
        }
    }

    /// A release as it changes; None when it is not on its way.
    fn watching(&self, id: &str) -> Option<watch::Receiver<Arc<Release>>> {
        self.shared
            .open
            .lock()
            .expect("nothing panics while it holds this")
            .get(id)
            .map(watch::Sender::subscribe)
    }

    fn turn(&self, file: &FileId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.shared.turns.lock().expect("nothing panics while it holds this");
        // A turn that nobody holds or waits for is forgotten.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(file.clone()).or_default())
    }
}
