//! Reloads when a file changes.
//!
//! The directories are watched, never the files: a ConfigMap volume swaps the link `..data`, editors save
//! by rename, and a watch on a file would stay with the file that was replaced. Which event arrives does not
//! matter; it only says when to look at the content again.

use std::{
    fmt, fs,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    Settings, WatchStatus,
    chain::Chain,
    events::{Events, Signal, Stopped, wait},
    layers::Layers,
    mounts,
    remote::Following,
};

/// How long a refusal waits for the rest of a file that was written in parts.
const GRACE: Duration = Duration::from_millis(100);
/// How long a file may stay half-written before the refusal is reported.
const LONGEST_WRITE: Duration = Duration::from_millis(500);
/// How often to look without being told to: events can be lost, and some file systems send none.
const POLL: Duration = Duration::from_secs(2);

/// Keeps the settings up to date until it is dropped. See [`Settings::watch`].
#[must_use = "watching stops when this is dropped"]
pub struct Watching {
    signals: Sender<Signal>,
    thread: Option<JoinHandle<()>>,
    _remote: Option<Following>,
}

impl Watching {
    pub(crate) fn start(settings: Settings) -> Self {
        let remote = Following::start(&settings);
        let (signals, received) = mpsc::channel();
        let sender = signals.clone();
        let body = move || Watch::new(settings, sender).run(&received);
        let thread = thread::Builder::new().name("inkstone-config".to_owned()).spawn(body);
        if let Err(error) = &thread {
            tracing::error!(%error, "cannot watch the configuration: changes apply after a restart");
        }
        Self { signals, thread: thread.ok(), _remote: remote }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // The receiver is gone if the thread is; then there is nothing to stop.
        let _ = self.signals.send(Signal::Stop);
        // A hook that drops this runs on the thread itself, which cannot wait for its own end.
        if let Some(thread) =
            self.thread.take().filter(|thread| thread.thread().id() != thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

/// The owner of everything that watching takes.
struct Watch {
    settings: Settings,
    events: Events,
    /// The links and files on the way for which mounts were looked up.
    chain: Chain,
    /// Stands for the content that was looked at last.
    seen: String,
    status: WatchStatus,
}

impl Watch {
    fn new(settings: Settings, signals: Sender<Signal>) -> Self {
        let status = WatchStatus { running: true, ..WatchStatus::default() };
        Self { settings, events: Events::new(signals), chain: Chain::default(), seen: String::new(), status }
    }

    fn run(mut self, signals: &Receiver<Signal>) {
        let mut told = true;
        loop {
            // The first look finds what changed between reading and watching.
            match panic::catch_unwind(AssertUnwindSafe(|| self.look(told, signals))) {
                Ok(Ok(())) => {}
                Ok(Err(Stopped)) => break,
                // The panic has been printed; the next change must arrive all the same.
                Err(_) => {
                    tracing::error!("what follows the configuration panicked while a change was applied")
                }
            }
            self.report();
            told = match signals.recv_timeout(POLL) {
                Ok(Signal::Changed) if self.events.settle(signals).is_ok() => true,
                Err(RecvTimeoutError::Timeout) => false,
                _ => break,
            }
        }
        self.settings.set_watch(WatchStatus::default());
    }

    /// Reads the files if their content is new. A refusal stands only after the writer had time to finish.
    fn look(&mut self, told: bool, signals: &Receiver<Signal>) -> Result<(), Stopped> {
        let start = Instant::now();
        let mut last = String::new();
        loop {
            let files = self.settings.files();
            self.events.follow_all(&files);
            let now = Layers::fingerprint(&files);
            if now == self.seen {
                return Ok(());
            }
            let patient = start.elapsed() < LONGEST_WRITE;
            // Without events nobody says when the writer is done, so the content must stand still for a moment.
            if !told && patient && last != now {
                last = now;
                wait(signals, GRACE)?;
                continue;
            }
            // An emptied file is a valid one, and mostly one that is about to be written.
            let applied =
                !(patient && files.iter().any(|file| is_empty(file))) && self.settings.reload_if_good();
            if !applied && patient && wait(signals, GRACE)? {
                self.events.settle(signals)?;
                continue;
            }
            if !applied {
                // The refusal is kept in the status and told to the hooks.
                let _ = self.settings.reload();
            }
            self.seen = now;
        }
    }

    /// Says whether changes arrive by themselves, where that has changed.
    fn report(&mut self) {
        let polling = self.events.failure().map(str::to_owned);
        if polling != self.status.polling {
            match &polling {
                Some(why) => tracing::warn!(
                    "no file events ({why}): the configuration is looked at every {POLL:?} instead"
                ),
                None => {
                    tracing::info!("file events are there again: changes of the configuration arrive at once")
                }
            }
        }
        let mut single_files = std::mem::take(&mut self.status.single_files);
        let chain = self.events.chain();
        if *chain != self.chain {
            let found = mounts::single_files(&chain.names);
            for file in found.iter().filter(|file| !single_files.contains(file)) {
                tracing::warn!("{}", mounts::warning(file));
            }
            single_files = found;
            self.chain = chain.clone();
        }
        self.status = WatchStatus { polling, single_files, ..self.status };
        self.settings.set_watch(self.status.clone());
    }
}

fn is_empty(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() == 0)
}
