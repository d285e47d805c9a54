//! Following changes: each watch has its own queue, filled under the store's lock, so nothing is ever missed.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;
use tokio::sync::mpsc;

use super::{ApiError, Key, Resource, Selector, object, object::Object};

/// Changes a slow watcher may be behind before it is told to list again.
const QUEUE: usize = 8192;

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchFrom {
    /// With everything there is, as `Added`, then a `Bookmark`, then what follows.
    Now,
    /// With what happened after this version.
    After(u64),
}

/// What a watch tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// The object is new, or begins to match the selector.
    Added(Arc<Object>),
    /// The object changed.
    Modified(Arc<Object>),
    /// The object is gone, or no longer matches the selector; this is its last state.
    Deleted(Arc<Object>),
    /// Everything up to this version has been told.
    Bookmark(u64),
    /// The watcher fell too far behind and must list again. Nothing follows.
    Error(ApiError),
}

/// One write, as the journal keeps it and watchers see it.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) resource: &'static Resource,
    pub(crate) key: Key,
    pub(crate) old: Option<Arc<Object>>,
    /// None when the object was removed.
    pub(crate) new: Option<Arc<Object>>,
}

/// A stream of events about one resource.
#[derive(Debug)]
pub struct Watch {
    ready: VecDeque<Event>,
    past: VecDeque<Arc<Change>>,
    live: Option<Subscription>,
    namespace: Option<String>,
    selector: Selector,
    seen: u64,
}

#[derive(Debug)]
pub(super) struct Subscription {
    changes: mpsc::Receiver<Arc<Change>>,
    overrun: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn snapshot(present: Vec<Arc<Object>>, version: u64) -> Self {
        let mut ready: VecDeque<_> = present.into_iter().map(Event::Added).collect();
        ready.push_back(Event::Bookmark(version));
        Self {
            ready,
            past: VecDeque::new(),
            live: None,
            namespace: None,
            selector: Selector::all(),
            seen: version,
        }
    }

    pub(super) fn replay(past: VecDeque<Arc<Change>>, after: u64) -> Self {
        Self {
            ready: VecDeque::new(),
            past,
            live: None,
            namespace: None,
            selector: Selector::all(),
            seen: after,
        }
    }

    pub(super) fn follow(&mut self, live: Subscription) {
        self.live = Some(live);
    }

    pub(super) fn select(&mut self, namespace: Option<&str>, selector: Selector) {
        self.namespace = namespace.map(str::to_owned);
        self.selector = selector;
    }

    /// The next event; `None` once the store has closed its watches, or after an `Error`.
    ///
    /// Cancel safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let change = if let Some(change) = self.past.pop_front() {
                change
            } else {
                let live = self.live.as_mut()?;
                let Some(change) = live.changes.recv().await else {
                    let overrun = live.overrun.load(Ordering::Acquire);
                    self.live = None;
                    return overrun.then(|| Event::Error(fell_behind()));
                };
                change
            };
            if change.version <= self.seen {
                continue; // the watcher asked for what comes after a version that is still to come
            }
            self.seen = change.version;
            if let Some(event) = self.event(&change) {
                return Some(event);
            }
        }
    }

    /// The version of the last change looked at, whether or not it matched.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether nothing waits to be told.
    pub(super) fn is_drained(&self) -> bool {
        self.ready.is_empty()
            && self.past.is_empty()
            && self.live.as_ref().is_none_or(|l| l.changes.is_empty())
    }

    fn event(&self, change: &Change) -> Option<Event> {
        if self.namespace.as_ref().is_some_and(|ns| *ns != change.key.0) {
            return None;
        }
        let matched = change.old.as_ref().filter(|o| self.selector.matches(o));
        let matches = change.new.as_ref().filter(|o| self.selector.matches(o));
        match (matched, matches) {
            (None, Some(new)) => Some(Event::Added(new.clone())),
            (Some(_), Some(new)) => Some(Event::Modified(new.clone())),
            (Some(old), None) => Some(Event::Deleted(last_state(old, change.version))),
            (None, None) => None,
        }
    }
}

/// A deleted object is shown as it last was, under the version of its deletion.
pub(super) fn last_state(old: &Object, version: u64) -> Arc<Object> {
    let mut last = old.clone();
    object::metadata_mut(&mut last).insert("resourceVersion".into(), Value::String(version.to_string()));
    Arc::new(last)
}

fn fell_behind() -> ApiError {
    ApiError::expired(format!(
        "the watch fell more than {QUEUE} changes behind; list again and watch from there"
    ))
}

/// Everyone who follows the store.
#[derive(Debug, Default)]
pub(super) struct Watchers(Vec<Watcher>);

#[derive(Debug)]
struct Watcher {
    resource: &'static Resource,
    changes: mpsc::Sender<Arc<Change>>,
    overrun: Arc<AtomicBool>,
}

impl Watchers {
    pub(super) fn register(&mut self, resource: &'static Resource) -> Subscription {
        let (sender, changes) = mpsc::channel(QUEUE);
        let overrun = Arc::new(AtomicBool::new(false));
        self.0.retain(|w| !w.changes.is_closed()); // those who left without another change to notice it by
        self.0.push(Watcher { resource, changes: sender, overrun: overrun.clone() });
        Subscription { changes, overrun }
    }

    pub(super) fn send(&mut self, change: &Arc<Change>) {
        self.0.retain(|watcher| {
            if watcher.resource != change.resource {
                return true;
            }
            match watcher.changes.try_send(change.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    watcher.overrun.store(true, Ordering::Release);
                    false
                }
            }
        });
    }

    pub(super) fn close(&mut self) {
        self.0.clear();
    }
}
