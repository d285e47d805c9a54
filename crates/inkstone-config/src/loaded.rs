//! A table that has been read, and follows the files.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Config, Live, Problems,
    layers::Layers,
    leaves::{Leaves, changes, leaves},
    node::Node,
    section::{Asked, Shape, read},
};

/// Takes a checked table over.
pub(crate) type Commit = Box<dyn FnOnce() -> Committed + Send>;

/// The keys that changed, and what hands the new value to those who follow it.
pub(crate) struct Committed {
    pub(crate) changed: Vec<String>,
    pub(crate) publish: Box<dyn FnOnce() + Send>,
}

/// A table that was loaded, whatever its type.
pub(crate) trait Section: Send + Sync {
    fn path(&self) -> &[String];
    fn prepare(self: Arc<Self>, layers: &Layers) -> Result<Commit, Problems>;
    fn leaves(&self) -> Leaves;
    fn pending_restart(&self) -> Vec<String>;
}

pub(crate) struct Loaded<C: Config> {
    asked: Asked,
    shape: Shape,
    live: Live<C>,
    leaves: Mutex<Held>,
}

/// The values at the start, which what cannot change still uses, and the values now.
struct Held {
    start: Leaves,
    now: Leaves,
}

impl<C: Config> Loaded<C> {
    /// The table with its value, and the handle that the program reads it through.
    pub(crate) fn new(asked: Asked, shape: Shape, value: C, node: &Node) -> (Arc<Self>, Live<C>) {
        let now = leaves(&value, node, &shape.schema, &asked.path);
        let live = Live::fixed(value);
        let leaves = Mutex::new(Held { start: now.clone(), now });
        (Arc::new(Self { asked, shape, live: live.clone(), leaves }), live)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.leaves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Config> Section for Loaded<C> {
    fn path(&self) -> &[String] {
        &self.asked.path
    }

    fn prepare(self: Arc<Self>, layers: &Layers) -> Result<Commit, Problems> {
        let reading = read::<C>(&self.shape, layers, &self.asked);
        let Some(value) = reading.value else { return Err(reading.problems) };
        let now = leaves(&value, &reading.node, &self.shape.schema, &self.asked.path);
        Ok(Box::new(move || {
            let mut held = self.held();
            let before = mem::replace(&mut held.now, now);
            let changed: Vec<String> =
                changes(&before, &held.now).into_iter().map(|(key, _)| key.to_owned()).collect();
            drop(held);
            let publish: Box<dyn FnOnce() + Send> = match changed.is_empty() {
                true => Box::new(|| {}),
                false => Box::new(move || self.live.set(value)),
            };
            Committed { changed, publish }
        }))
    }

    fn leaves(&self) -> Leaves {
        self.held().now.clone()
    }

    fn pending_restart(&self) -> Vec<String> {
        let held = self.held();
        let waiting = changes(&held.start, &held.now).into_iter().filter(|(_, live)| !live);
        waiting.map(|(key, _)| key.to_owned()).collect()
    }
}
