//! The controllers: each brings one kind of object from what is to what its spec wants.
//!
//! All work the same way: a change names the objects it concerns, and each of those is looked at as a whole and
//! brought one step nearer. Nothing depends on which change it was, so nothing is lost when several come at once
//! or the cluster starts again.
mod deployment;
mod endpoints;
pub(crate) mod events;
pub(crate) mod feed;
mod garbage;
mod namespace;
mod owner;
mod replicas;
mod rollout;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::deployment::Deployments;
use self::endpoints::Endpoints;
use self::feed::{Change, Feed};
use self::namespace::Namespaces;
use self::replicas::ReplicaSets;
use crate::store::{ApiError, Event, Object, Resource, Store};

/// When an object that could not be brought forward is looked at again.
const RETRY: Duration = Duration::from_secs(1);

/// However far away the next thing is that an object waits for, it is looked at this often.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Namespace and name.
type Key = (String, String);

/// Brings objects of one kind to what their spec wants.
trait Controller: Send + 'static {
    /// As logs name it.
    const NAME: &'static str;
    /// The kinds whose changes matter.
    const WATCHES: &'static [&'static Resource];

    /// Which of this controller's objects the change of `object` concerns.
    fn concerned(&self, resource: &'static Resource, object: &Object) -> Vec<Key>;

    /// Looks at one object, which may be gone, and does what is to be done. Returns when to look again although
    /// nothing changes.
    fn reconcile(&mut self, namespace: &str, name: &str) -> Result<Option<Duration>, ApiError>;
}

/// Runs all controllers until `stop`, or until the store closes its watches.
pub async fn run(store: Store, stop: CancellationToken) {
    if let Err(error) = namespace::create_first(&store) {
        tracing::error!(%error, "cannot create the first namespaces");
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(drive(store.clone(), Namespaces::new(store.clone()), stop.clone()));
    tasks.spawn(drive(store.clone(), Deployments::new(store.clone()), stop.clone()));
    tasks.spawn(drive(store.clone(), ReplicaSets::new(store.clone()), stop.clone()));
    tasks.spawn(drive(store.clone(), Endpoints::new(store.clone()), stop.clone()));
    tasks.spawn(garbage::collect(store.clone(), stop.clone()));
    tasks.spawn(garbage::forget_old_events(store, stop));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a controller failed; its objects are left as they are until the next start");
        }
    }
}

async fn drive<C: Controller>(store: Store, mut controller: C, stop: CancellationToken) {
    let mut feed = Feed::new(&store, C::WATCHES);
    let mut due: BTreeMap<Key, Instant> = BTreeMap::new();
    loop {
        let next = due.values().min().copied();
        let timer = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            change = feed.next() => {
                let Some(change) = change else { return };
                note(&controller, &mut due, change);
                // What has happened meanwhile is looked at together.
                while let Some(Some(change)) = feed.next().now_or_never() {
                    note(&controller, &mut due, change);
                }
            }
            () = timer => {}
        }
        let now = Instant::now();
        let ready: Vec<Key> = due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        for key in ready {
            due.remove(&key);
            match controller.reconcile(&key.0, &key.1) {
                Ok(None) => {}
                Ok(Some(later)) => drop(due.insert(key, Instant::now() + later.min(LONGEST_WAIT))),
                Err(error) => {
                    tracing::warn!(controller = C::NAME, namespace = key.0, name = key.1, %error, "trying again soon");
                    due.insert(key, Instant::now() + RETRY);
                }
            }
        }
    }
}

fn note<C: Controller>(controller: &C, due: &mut BTreeMap<Key, Instant>, change: Change) {
    let Change::Event(resource, event) = change else { return };
    if let Event::Added(object) | Event::Modified(object) | Event::Deleted(object) = event {
        let now = Instant::now();
        due.extend(controller.concerned(resource, &object).into_iter().map(|key| (key, now)));
    }
}
