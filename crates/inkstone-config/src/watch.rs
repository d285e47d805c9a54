//! Reloads when a file changes.
//!
//! The directories are watched, never the files: a ConfigMap volume swaps the link `..data`, editors save
//! by rename, and a watch on a file would stay with the file that was replaced. Which event arrives does not
//! matter; it only says when to look at the content again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

use crate::{Settings, chain::Chain, layers::Layers, remote::Following};

/// How long nothing may happen before the files are read.
const QUIET: Duration = Duration::from_millis(20);
/// How long a stream of events may put off the reading.
const LONGEST_BURST: Duration = Duration::from_millis(200);
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

enum Signal {
    Changed,
    Stop,
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
    watcher: Option<RecommendedWatcher>,
    /// The watched directories. One that was replaced has another identity under the same path.
    dirs: BTreeMap<PathBuf, Identity>,
    /// The paths that matter, shared with the callback of the watcher.
    names: Arc<Mutex<BTreeSet<PathBuf>>>,
    /// Stands for the content that was looked at last.
    seen: String,
}

/// Watching ends.
struct Stopped;

impl Watch {
    fn new(settings: Settings, signals: Sender<Signal>) -> Self {
        let names = Arc::new(Mutex::default());
        let watcher = watcher(Arc::clone(&names), signals);
        if let Err(error) = &watcher {
            tracing::warn!(%error, "no file events: the configuration is looked at every {POLL:?}");
        }
        Self { settings, watcher: watcher.ok(), dirs: BTreeMap::new(), names, seen: String::new() }
    }

    fn run(mut self, signals: &Receiver<Signal>) {
        loop {
            // The first look finds what changed between reading and watching.
            match panic::catch_unwind(AssertUnwindSafe(|| self.look(signals))) {
                Ok(Ok(())) => {}
                Ok(Err(Stopped)) => return,
                // The panic has been printed; the next change must arrive all the same.
                Err(_) => {
                    tracing::error!("what follows the configuration panicked while a change was applied")
                }
            }
            match signals.recv_timeout(POLL) {
                Ok(Signal::Changed) if settle(signals).is_ok() => {}
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
        }
    }

    /// Reads the files if their content is new. A refusal stands only after the writer had time to finish.
    fn look(&mut self, signals: &Receiver<Signal>) -> Result<(), Stopped> {
        let start = Instant::now();
        loop {
            let files = self.settings.files();
            self.follow_all(&files);
            let now = Layers::fingerprint(&files);
            if now == self.seen {
                return Ok(());
            }
            let patient = start.elapsed() < LONGEST_WRITE;
            // An emptied file is a valid one, and mostly one that is about to be written.
            let applied =
                !(patient && files.iter().any(|file| is_empty(file))) && self.settings.reload_if_good();
            if !applied && patient && wait(signals, GRACE)? {
                settle(signals)?;
                continue;
            }
            if !applied {
                // The refusal is kept in the status and told to the hooks.
                let _ = self.settings.reload();
            }
            self.seen = now;
        }
    }

    /// Watches whatever leads to the files. What changes while the watches are set would go unseen, so this
    /// looks again until nothing has.
    fn follow_all(&mut self, files: &[PathBuf]) {
        for _ in 0..10 {
            let chain = Chain::of(files);
            self.follow(&chain);
            let followed = chain.dirs.iter().all(|dir| self.dirs.get(dir).copied() == identity(dir));
            if followed && Chain::of(files) == chain {
                break;
            }
        }
    }

    /// Watches the directories of these chains and no others.
    fn follow(&mut self, chain: &Chain) {
        let mut names = chain.names.clone();
        names.extend(chain.dirs.iter().cloned());
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let Some(watcher) = &mut self.watcher else { return };
        self.dirs.retain(|dir, known| {
            let keep = chain.dirs.contains(dir) && identity(dir) == Some(*known);
            if !keep {
                // The kernel has forgotten a directory that is gone by itself.
                let _ = watcher.unwatch(dir);
            }
            keep
        });
        for dir in &chain.dirs {
            if self.dirs.contains_key(dir) {
                continue;
            }
            let Some(before) = identity(dir) else { continue };
            match watcher.watch(dir, RecursiveMode::NonRecursive) {
                // If another directory took its place meanwhile, the next look sees the difference.
                Ok(()) => drop(self.dirs.insert(dir.clone(), before)),
                Err(error) => {
                    tracing::debug!(dir = %dir.display(), %error, "cannot watch; looking every {POLL:?}");
                }
            }
        }
    }
}

fn watcher(
    names: Arc<Mutex<BTreeSet<PathBuf>>>,
    signals: Sender<Signal>,
) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        let matters = event.is_ok_and(|event| {
            let names = names.lock().unwrap_or_else(PoisonError::into_inner);
            !is_reading(event.kind)
                && (event.paths.is_empty() || event.paths.iter().any(|path| names.contains(path)))
        });
        if matters {
            // Nobody listens any more when watching has stopped.
            let _ = signals.send(Signal::Changed);
        }
    })
}

/// Reading a file is an event too; ours would wake us for ever.
const fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(AccessMode::Write)))
}

/// Waits until nothing has happened for a moment.
fn settle(signals: &Receiver<Signal>) -> Result<(), Stopped> {
    let start = Instant::now();
    while wait(signals, QUIET)? && start.elapsed() < LONGEST_BURST {}
    Ok(())
}

/// Waits for a change, at most this long; says whether there was one.
fn wait(signals: &Receiver<Signal>, at_most: Duration) -> Result<bool, Stopped> {
    match signals.recv_timeout(at_most) {
        Ok(Signal::Changed) => Ok(true),
        Err(RecvTimeoutError::Timeout) => Ok(false),
        Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => Err(Stopped),
    }
}

fn is_empty(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() == 0)
}

/// Tells a directory from another one that took its place.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(dir: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(dir).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(dir: &Path) -> Option<Identity> {
    fs::metadata(dir).ok().map(|_| (0, 0))
}
