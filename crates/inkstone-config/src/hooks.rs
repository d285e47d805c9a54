//! Tells the program what reloads did.

use std::{
    collections::VecDeque,
    mem,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Code, ReloadOutcome};

type Hook = Arc<dyn Fn(&ReloadOutcome) + Send + Sync>;

/// What is called after each reload, and the outcomes it has not been told yet.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    hooks: Vec<Hook>,
    waiting: VecDeque<ReloadOutcome>,
    /// Somebody is calling the hooks, and goes on until nothing waits.
    calling: bool,
}

impl Hooks {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, hook: Hook) {
        self.queue().hooks.push(hook);
    }

    /// Leaves an outcome to be told. Called while no other reload can be, so that the order is that of the reloads.
    pub(crate) fn push(&self, outcome: ReloadOutcome) {
        self.queue().waiting.push_back(outcome);
    }

    /// Tells the hooks what waits, without any lock: they may reload themselves. What that leaves is told by the
    /// call that is under way already.
    pub(crate) fn call(&self) {
        let mut queue = self.queue();
        if mem::replace(&mut queue.calling, true) {
            return;
        }
        while let Some(outcome) = queue.waiting.pop_front() {
            let hooks = queue.hooks.clone();
            drop(queue);
            for hook in hooks {
                caught("a hook of `Settings::on_reload`", || hook(&outcome));
            }
            queue = self.queue();
        }
        queue.calling = false;
    }
}

/// Runs the program's own code where a panic must not keep the rest from happening: it is reported instead.
pub(crate) fn caught<T>(what: &str, run: impl FnOnce() -> T) -> Option<T> {
    // What the code leaves half done is its own: nothing of ours is lent to it.
    panic::catch_unwind(AssertUnwindSafe(run))
        .inspect_err(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
            tracing::error!(
                code = Code::Panic.as_str(),
                "{what} panicked while a change was applied: {said}"
            );
        })
        .ok()
}
