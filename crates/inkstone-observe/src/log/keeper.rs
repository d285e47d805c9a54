//! The thread that does what is due: writes files, sums up what repeats, takes back levels.

use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::control::Logs;

/// How the thread is woken.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    poked: bool,
    ended: bool,
    thread: Option<ThreadId>,
}

impl Keeper {
    /// Starts the thread. It ends with the logs.
    pub(super) fn start(keeper: &std::sync::Arc<Self>, logs: Weak<Logs>) {
        let mine = keeper.clone();
        let started = thread::Builder::new().name("inkstone-log".to_owned()).spawn(move || mine.run(&logs));
        keeper.state().thread = started.ok().map(|handle| handle.thread().id());
    }

    /// Has the thread look now.
    pub(super) fn poke(&self) {
        self.state().poked = true;
        self.wake.notify_one();
    }

    /// Whether somebody else than the one who asks does the writing.
    pub(super) fn is_there(&self) -> bool {
        self.state().thread.is_some_and(|thread| thread != thread::current().id())
    }

    pub(super) fn end(&self) {
        self.state().ended = true;
        self.wake.notify_one();
    }

    fn run(&self, logs: &Weak<Logs>) {
        loop {
            let Some(next) = logs.upgrade().map(|logs| logs.keep(Instant::now())) else { return };
            let mut state = self.state();
            while !state.poked && !state.ended {
                let Some(next) = next else {
                    state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                };
                let left = next.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.ended {
                return;
            }
            state.poked = false;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
