//! Reloads when a remote source has changed.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
};

use crate::Settings;

/// What wakes the thread that reloads.
pub(crate) enum Ring {
    Changed,
    Stop,
}

/// Keeps the settings up to date with their remote sources until it is dropped.
///
/// A thread of its own: a reload reads files, and calls hooks that may take their time.
pub(crate) struct Following {
    bell: Sender<Ring>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// `None` if there is no remote source.
    pub(crate) fn start(settings: &Settings) -> Option<Self> {
        let (bell, rings) = mpsc::channel();
        if !settings.listen(&bell) {
            return None;
        }
        let settings = settings.clone();
        let body = move || run(&settings, &rings);
        let thread = thread::Builder::new().name("inkstone-remote".to_owned()).spawn(body);
        if let Err(error) = &thread {
            tracing::error!(%error, "cannot follow remote configuration: changes apply after a restart");
        }
        Some(Self { bell, thread: thread.ok() })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // The receiver is gone if the thread is; then there is nothing to stop.
        let _ = self.bell.send(Ring::Stop);
        // A hook that drops this runs on the thread itself, which cannot wait for its own end.
        if let Some(thread) = self.thread.take().filter(|it| it.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

fn run(settings: &Settings, rings: &Receiver<Ring>) {
    // The first time finds what changed between reading and following.
    loop {
        // A refusal is kept in the status and told to the hooks.
        if panic::catch_unwind(AssertUnwindSafe(|| settings.reload())).is_err() {
            // The panic has been printed; the next change must arrive all the same.
            tracing::error!("what follows the configuration panicked while a change was applied");
        }
        let Ok(Ring::Changed) = rings.recv() else { return };
        // Only the newest content counts.
        while let Ok(ring) = rings.try_recv() {
            if matches!(ring, Ring::Stop) {
                return;
            }
        }
    }
}
