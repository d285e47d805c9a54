//! Removes what its owners have left behind, and events that nobody reads any more.
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::RETRY;
use super::feed::{Change, Feed};
use super::owner::{self, references};
use crate::store::{
    ApiError, DeleteOptions, EVENTS, Event, Object, Part, Propagation, RESOURCES, Resource, Selector, Store,
    object,
};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// How long events are kept, as in Kubernetes, and how often old ones are looked for.
const EVENT_AGE: SignedDuration = SignedDuration::from_hours(1);
const EVENT_SWEEP: Duration = Duration::from_secs(300);

/// Deletes dependents whose owners are gone, until `stop`.
pub(super) async fn collect(store: Store, stop: CancellationToken) {
    let kinds: Vec<_> = RESOURCES.iter().copied().filter(|resource| *resource != EVENTS).collect();
    let mut feed = Feed::new(&store, &kinds);
    let mut failed = false;
    loop {
        let mut due = tokio::select! {
            () = stop.cancelled() => return,
            change = feed.next() => match change {
                Some(change) => matters(&change),
                None => return,
            },
            () = tokio::time::sleep(RETRY), if failed => true,
        };
        while let Some(Some(change)) = feed.next().now_or_never() {
            due |= matters(&change);
        }
        if due || failed {
            let swept = sweep(&store);
            failed = swept.is_err();
            if let Err(error) = swept {
                tracing::warn!(%error, "cannot remove objects without owners; trying again soon");
            }
        }
    }
}

/// Whether a change can leave something without an owner, or let an owner go.
fn matters(change: &Change) -> bool {
    match change {
        Change::Event(_, Event::Added(object) | Event::Modified(object)) => {
            // A new dependent may have come after its owner went.
            !references(object).is_empty() || (object::is_deleting(object) && object::has_finalizers(object))
        }
        _ => true,
    }
}

fn sweep(store: &Store) -> Result<(), ApiError> {
    let listed = |resource: &'static Resource| {
        store.list(resource, None, &Selector::all()).items.into_iter().map(move |object| (resource, object))
    };
    let all: Vec<_> =
        RESOURCES.iter().copied().filter(|resource| *resource != EVENTS).flat_map(listed).collect();
    for (resource, object) in &all {
        if !references(object).is_empty() && !object::is_deleting(object) {
            settle(store, resource, object)?;
        }
    }
    for (resource, owner) in all.iter().filter(|(_, object)| object::is_deleting(object)) {
        let uid = object::uid(owner);
        let dependents = all.iter().filter(|(_, object)| references(object).iter().any(|r| r["uid"] == uid));
        if has_finalizer(owner, ORPHAN) {
            for (kind, dependent) in dependents {
                gone_is_fine(owner::disown(store, kind, dependent, uid))?;
            }
            release(store, resource, owner, ORPHAN)?;
        } else if has_finalizer(owner, FOREGROUND) {
            let mut dependents = dependents;
            let blocks = |dependent: &Object| {
                references(dependent).iter().any(|r| r["uid"] == uid && r["blockOwnerDeletion"] == true)
            };
            // Those just deleted are in the list still; their going brings us here again.
            if !dependents.any(|(_, dependent)| blocks(dependent)) {
                release(store, resource, owner, FOREGROUND)?;
            }
        }
    }
    Ok(())
}

/// What becomes of one dependent: deleted when no owner is left, or when all that are left wait for it to go.
fn settle(store: &Store, resource: &'static Resource, object: &Object) -> Result<(), ApiError> {
    let namespace = object::namespace(object);
    let owners: Vec<_> =
        references(object).iter().map(|reference| (reference, find(store, namespace, reference))).collect();
    let waits = |owner: &Owner| matches!(owner, Owner::Known(owner) if object::is_deleting(owner) && has_finalizer(owner, FOREGROUND));
    let mut options = DeleteOptions { uid: Some(object::uid(object).to_owned()), ..DeleteOptions::default() };
    if owners.iter().all(|(_, owner)| matches!(owner, Owner::Gone)) {
        return gone_is_fine(store.delete(resource, namespace, object::name(object), &options));
    }
    if owners.iter().all(|(_, owner)| matches!(owner, Owner::Gone) || waits(owner)) {
        options.propagation = Propagation::Foreground;
        return gone_is_fine(store.delete(resource, namespace, object::name(object), &options));
    }
    for (reference, _) in owners.iter().filter(|(_, owner)| matches!(owner, Owner::Gone)) {
        let uid = reference["uid"].as_str().unwrap_or_default();
        gone_is_fine(owner::disown(store, resource, object, uid))?;
    }
    Ok(())
}

enum Owner {
    Known(std::sync::Arc<Object>),
    /// Of a kind that is not served here: nobody can tell whether it exists.
    Foreign,
    Gone,
}

fn find(store: &Store, namespace: &str, reference: &Value) -> Owner {
    let Some(resource) = Resource::of(reference) else { return Owner::Foreign };
    let namespace = if resource.namespaced { namespace } else { "" };
    match store.get(resource, namespace, reference["name"].as_str().unwrap_or_default()) {
        Ok(owner) if reference["uid"] == object::uid(&owner) => Owner::Known(owner),
        _ => Owner::Gone,
    }
}

fn has_finalizer(object: &Object, finalizer: &str) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == finalizer))
}

fn release(
    store: &Store,
    resource: &'static Resource,
    owner: &Object,
    finalizer: &str,
) -> Result<(), ApiError> {
    let released =
        store.modify(resource, object::namespace(owner), object::name(owner), Part::Main, |object| {
            if let Some(all) = object["metadata"]["finalizers"].as_array_mut() {
                all.retain(|one| one != finalizer);
            }
            Ok(())
        });
    gone_is_fine(released)
}

/// Somebody else may have been faster.
fn gone_is_fine<T>(outcome: Result<T, ApiError>) -> Result<(), ApiError> {
    match outcome {
        Err(error) if error.code() != 404 && error.code() != 409 => Err(error),
        _ => Ok(()),
    }
}

/// Deletes events that are older than an hour, until `stop`.
pub(super) async fn forget_old_events(store: Store, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVENT_SWEEP) => {}
        }
        let limit = Timestamp::now() - EVENT_AGE;
        for event in store.list(EVENTS, None, &Selector::all()).items {
            let last =
                event["lastTimestamp"].as_str().or_else(|| event["metadata"]["creationTimestamp"].as_str());
            if last.and_then(|at| at.parse::<Timestamp>().ok()).is_some_and(|at| at < limit) {
                // Deleted by somebody else meanwhile, perhaps.
                let _ = store.delete(
                    EVENTS,
                    object::namespace(&event),
                    object::name(&event),
                    &DeleteOptions::default(),
                );
            }
        }
    }
}
