//! A value that may change while the program runs.

use std::{
    any::Any,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use crate::hooks::caught;

/// Hands a new value on; `false` once there is nobody left to hand it to.
type Follower<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// A value that follows the configuration: read it when it is needed, do not keep a copy.
///
/// Reading takes no lock. Clones share the value.
///
/// ```
/// use inkstone_config::Live;
/// let (limit, adjust) = Live::adjustable(10);
/// let double = limit.map(|limit| limit * 2);
/// adjust.set(21);
/// assert_eq!((*limit.get(), *double.get()), (21, 42));
/// ```
pub struct Live<T>(Arc<Shared<T>>);

struct Shared<T> {
    value: ArcSwap<T>,
    version: watch::Sender<u64>,
    /// Locked while a value is set, so that a follower that joins misses nothing.
    followers: Mutex<Vec<Follower<T>>>,
    /// What a mapped value follows must live as long as the mapped value.
    _upstream: Option<Box<dyn Any + Send + Sync>>,
}

impl<T: Send + Sync + 'static> Live<T> {
    /// A value that never changes.
    pub fn fixed(value: T) -> Self {
        Self::new(value, None)
    }

    /// A value and the handle that changes it, for tests and for sources other than the configuration.
    pub fn adjustable(value: T) -> (Self, Adjust<T>) {
        let live = Self::fixed(value);
        (live.clone(), Adjust(live))
    }

    fn new(value: T, upstream: Option<Box<dyn Any + Send + Sync>>) -> Self {
        Self(Arc::new(Shared {
            value: ArcSwap::from_pointee(value),
            version: watch::Sender::new(0),
            followers: Mutex::default(),
            _upstream: upstream,
        }))
    }

    /// The value as it is now, to keep: over an `.await`, or in another task.
    pub fn get(&self) -> Arc<T> {
        self.0.value.load_full()
    }

    /// The value as it is now, for a look: cheaper than [`Live::get`], since nothing is counted that other threads
    /// count too. It stays the same for as long as it is held; hold it for an expression, not over an `.await`.
    ///
    /// ```
    /// use inkstone_config::Live;
    /// let limit = Live::fixed(10);
    /// if *limit.read() > 5 { /* … */ }
    /// ```
    #[inline]
    pub fn read(&self) -> LiveRef<T> {
        LiveRef(self.0.value.load())
    }

    /// Waits for changes from here on.
    pub fn changes(&self) -> LiveChanges<T> {
        LiveChanges { live: self.clone(), version: self.0.version.subscribe() }
    }

    /// The value as it is now, and then its changes: the first [`LiveChanges::changed`] returns at once.
    ///
    /// ```
    /// # use inkstone_config::Live;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (limit, adjust) = Live::adjustable(10);
    /// let mut limits = limit.follow();
    /// assert_eq!(*limits.changed().await, 10);
    /// adjust.set(20);
    /// assert_eq!(*limits.changed().await, 20);
    /// # }
    /// ```
    pub fn follow(&self) -> LiveChanges<T> {
        let mut changes = self.changes();
        changes.version.mark_changed();
        changes
    }

    /// A part or a product of this value, which follows its changes.
    ///
    /// `f` runs once now and once for every change, on the thread that applies the change. It must not reload the
    /// settings itself. If it panics at a change, that is logged and the mapped value stays as it was.
    pub fn map<U, F>(&self, f: F) -> Live<U>
    where
        U: Send + Sync + 'static,
        F: Fn(&T) -> U + Send + Sync + 'static,
    {
        let mut followers = self.0.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let mapped = Live::new(f(&self.get()), Some(Box::new(self.clone())));
        let weak = Arc::downgrade(&mapped.0);
        followers
            .push(Box::new(move |value| weak.upgrade().map(|shared| Live(shared).set(f(value))).is_some()));
        mapped
    }

    pub(crate) fn set(&self, value: T) {
        let mut followers = self.0.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let value = Arc::new(value);
        self.0.value.store(Arc::clone(&value));
        // One that panics keeps its old value; the others, and whoever waits, must learn of the new one.
        followers.retain(|follow| caught("a `Live::map` function", || follow(&value)).unwrap_or(true));
        self.0.version.send_modify(|version| *version += 1);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.0.value.load()).finish()
    }
}

/// A look at a [`Live`] value, from [`Live::read`].
pub struct LiveRef<T>(Guard<Arc<T>>);

impl<T> Deref for LiveRef<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for LiveRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// The changes of a [`Live`] value, from [`Live::changes`].
pub struct LiveChanges<T> {
    live: Live<T>,
    version: watch::Receiver<u64>,
}

impl<T: Send + Sync + 'static> LiveChanges<T> {
    /// Waits for a change that has not been seen and returns the newest value.
    ///
    /// Several changes between two calls count as one. Cancel safe. A value that no longer changes
    /// leaves this waiting, so wait beside something else that ends.
    pub async fn changed(&mut self) -> Arc<T> {
        // The sender lives in `self.live`, so it cannot have gone away.
        let _ = self.version.changed().await;
        self.live.get()
    }
}

impl<T> fmt::Debug for LiveChanges<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveChanges").finish_non_exhaustive()
    }
}

/// Changes a [`Live`] value made by [`Live::adjustable`].
pub struct Adjust<T>(Live<T>);

impl<T: Send + Sync + 'static> Adjust<T> {
    /// Puts a new value in force.
    pub fn set(&self, value: T) {
        self.0.set(value);
    }
}

impl<T> fmt::Debug for Adjust<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adjust").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_value_follows_through_several_steps() {
        let (live, adjust) = Live::adjustable(1);
        let last = live.map(|n| n + 1).map(|n| n * 10);
        assert_eq!(*last.get(), 20);
        adjust.set(4);
        assert_eq!(*last.get(), 50);
    }

    #[test]
    fn a_dropped_follower_is_forgotten() {
        let (live, adjust) = Live::adjustable(1);
        drop(live.map(|n| n + 1));
        adjust.set(2);
        assert_eq!(live.0.followers.lock().unwrap().len(), 0);
    }

    #[test]
    fn a_follower_that_panics_keeps_no_other_from_following() {
        let (live, adjust) = Live::adjustable(1);
        let fragile = live.map(|n| if *n == 2 { panic!("on purpose") } else { *n });
        let sturdy = live.map(|n| n * 10);
        let changes = live.changes();
        adjust.set(2);
        assert_eq!((*live.get(), *fragile.get(), *sturdy.get()), (2, 1, 20));
        assert!(changes.version.has_changed().unwrap(), "whoever waits is woken");
        adjust.set(3);
        assert_eq!((*fragile.get(), *sturdy.get()), (3, 30));
    }

    #[test]
    fn a_look_sees_the_value_it_began_with() {
        let (live, adjust) = Live::adjustable(1);
        let looks: Vec<_> = (0..20).map(|_| live.read()).collect();
        adjust.set(2);
        assert!(looks.iter().all(|look| **look == 1));
        assert_eq!(*live.read(), 2);
    }

    #[tokio::test]
    async fn whoever_follows_sees_the_current_value_first_and_each_change_once() {
        let (live, adjust) = Live::adjustable(1);
        adjust.set(2);
        let mut changes = live.follow();
        assert_eq!(*changes.changed().await, 2);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(5), changes.changed());
        assert!(waits.await.is_err(), "the current value comes once");
        adjust.set(3);
        assert_eq!(*changes.changed().await, 3);
    }

    #[tokio::test]
    async fn a_change_made_before_waiting_is_seen() {
        let (live, adjust) = Live::adjustable(1);
        let mut changes = live.changes();
        adjust.set(2);
        adjust.set(3);
        assert_eq!(*changes.changed().await, 3);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(5), changes.changed());
        assert!(waits.await.is_err());
    }
}
