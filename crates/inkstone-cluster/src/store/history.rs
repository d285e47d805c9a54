//! The latest changes: what a watch can start from and an earlier list be told by.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{ApiError, Key, Resource, object::Object, watch::Change};

/// The past takes at most this much memory, however few changes that is.
const MOST_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct History {
    /// Oldest first, each with its size.
    changes: VecDeque<(Arc<Change>, usize)>,
    bytes: usize,
    limit: usize,
    /// The newest version that has been forgotten; nothing is known from before it.
    forgotten: u64,
}

impl History {
    /// An empty history of a store at this version.
    pub(super) fn new(limit: usize, version: u64) -> Self {
        Self { changes: VecDeque::new(), bytes: 0, limit: limit.max(1), forgotten: version }
    }

    pub(super) fn push(&mut self, change: Arc<Change>, size: usize) {
        self.changes.push_back((change, size));
        self.bytes += size;
        while self.changes.len() > self.limit || self.bytes > MOST_BYTES {
            let Some((oldest, size)) = self.changes.pop_front() else { break };
            self.bytes -= size;
            self.forgotten = oldest.version;
        }
    }

    /// The changes of a resource after a version, oldest first; 410 when some of them have been forgotten.
    pub(super) fn after(&self, version: u64, resource: &Resource) -> Result<VecDeque<Arc<Change>>, ApiError> {
        if version < self.forgotten {
            return Err(ApiError::too_old(version, self.forgotten));
        }
        let later = self.changes.iter().map(|(change, _)| change).filter(|c| c.version > version);
        Ok(later.filter(|c| c.resource == resource).cloned().collect())
    }

    /// The objects of a resource as they were at a version; 410 when that has been forgotten.
    pub(super) fn rewind(
        &self,
        mut objects: BTreeMap<Key, Arc<Object>>,
        version: u64,
        resource: &Resource,
    ) -> Result<BTreeMap<Key, Arc<Object>>, ApiError> {
        for change in self.after(version, resource)?.iter().rev() {
            match &change.old {
                Some(old) => objects.insert(change.key.clone(), old.clone()),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects)
    }
}
