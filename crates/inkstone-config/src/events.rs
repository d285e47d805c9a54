//! What the kernel tells about the files: when to look at them again, and whether somebody is still writing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use notify::{
    ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};

use crate::chain::Chain;

/// How long nothing may happen before the files are read.
const QUIET: Duration = Duration::from_millis(20);
/// How long a stream of events may put off the reading.
const LONGEST_BURST: Duration = Duration::from_millis(200);
/// How long a file that was written to and not closed puts off the reading.
const LONGEST_OPEN: Duration = Duration::from_secs(5);

/// What wakes the watching thread.
pub(crate) enum Signal {
    Changed,
    Stop,
}

/// Watching ends.
pub(crate) struct Stopped;

/// The watches of the kernel on the directories of a chain.
pub(crate) struct Events {
    signals: Sender<Signal>,
    watcher: Option<RecommendedWatcher>,
    /// The watched directories. One that was replaced has another identity under the same path.
    dirs: BTreeMap<PathBuf, Identity>,
    /// What matters, shared with the callback of the watcher.
    interest: Arc<Mutex<Interest>>,
    /// Why not everything is watched.
    failure: Option<String>,
    /// What is watched, or would be.
    chain: Chain,
}

#[derive(Default)]
struct Interest {
    names: BTreeSet<PathBuf>,
    /// Files that were written to and not closed since, with the time of the last write.
    open: BTreeMap<PathBuf, Instant>,
}

impl Events {
    pub(crate) fn new(signals: Sender<Signal>) -> Self {
        let interest = Arc::new(Mutex::default());
        Self {
            signals,
            watcher: None,
            dirs: BTreeMap::new(),
            interest,
            failure: None,
            chain: Chain::default(),
        }
    }

    /// Why changes are found by looking from time to time, if they are.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Everything that leads to the files.
    pub(crate) const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Watches whatever leads to the files. What changes while the watches are set would go unseen, so this
    /// looks again until nothing has.
    pub(crate) fn follow_all(&mut self, files: &[PathBuf]) {
        let mut chain = Chain::of(files);
        for _ in 0..10 {
            self.follow(&chain);
            let followed = chain.dirs.iter().all(|dir| self.dirs.get(dir).copied() == identity(dir));
            let now = Chain::of(files);
            if followed && now == chain {
                break;
            }
            chain = now;
        }
        self.chain = chain;
    }

    /// Watches the directories of these chains and no others.
    fn follow(&mut self, chain: &Chain) {
        let mut names = chain.names.clone();
        names.extend(chain.dirs.iter().cloned());
        locked(&self.interest).names = names;
        self.failure = None;
        if self.watcher.is_none() {
            // What is used up now may be free the next time.
            match watcher(Arc::clone(&self.interest), self.signals.clone()) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) => self.failure = Some(reason(&error)),
            }
        }
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
                // Gone meanwhile: the next look finds what is there instead.
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                Err(error) => self.failure = Some(format!("{}: {}", dir.display(), reason(&error))),
            }
        }
    }

    /// Waits until nothing has happened for a moment, and nobody has a file open that was written to.
    pub(crate) fn settle(&self, signals: &Receiver<Signal>) -> Result<(), Stopped> {
        let start = Instant::now();
        loop {
            let burst = Instant::now();
            while wait(signals, QUIET)? && burst.elapsed() < LONGEST_BURST {}
            match LONGEST_OPEN.checked_sub(start.elapsed()) {
                Some(left) if self.is_written() => {
                    wait(signals, left)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn is_written(&self) -> bool {
        let mut interest = locked(&self.interest);
        interest.open.retain(|_, since| since.elapsed() < LONGEST_OPEN);
        !interest.open.is_empty()
    }
}

/// Waits for a change, at most this long; says whether there was one.
pub(crate) fn wait(signals: &Receiver<Signal>, at_most: Duration) -> Result<bool, Stopped> {
    match signals.recv_timeout(at_most) {
        Ok(Signal::Changed) => Ok(true),
        Err(RecvTimeoutError::Timeout) => Ok(false),
        Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => Err(Stopped),
    }
}

fn locked(interest: &Mutex<Interest>) -> MutexGuard<'_, Interest> {
    interest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watcher(interest: Arc<Mutex<Interest>>, signals: Sender<Signal>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| locked(&interest).note(&event)) {
            // Nobody listens any more when watching has stopped.
            let _ = signals.send(Signal::Changed);
        }
    })
}

impl Interest {
    /// Whether the event matters; remembers which files are being written.
    fn note(&mut self, event: &Event) -> bool {
        if is_reading(event.kind) {
            return false;
        }
        let mut matters = event.paths.is_empty();
        for path in event.paths.iter().filter(|path| self.names.contains(*path)) {
            matters = true;
            // A write leaves the file open; whatever else happens to it, closing above all, ends that.
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) => {
                    self.open.insert(path.clone(), Instant::now());
                }
                EventKind::Modify(ModifyKind::Metadata(_)) => {}
                _ => {
                    self.open.remove(path);
                }
            }
        }
        matters
    }
}

/// Reading a file is an event too; ours would wake us for ever.
const fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(AccessMode::Write)))
}

/// What keeps the kernel from telling of changes, and what to do about it.
fn reason(error: &notify::Error) -> String {
    /// `EMFILE` of Linux: `inotify_init` gives it for the limit of instances and for that of open files.
    const TOO_MANY: i32 = 24;
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "no inotify watch is left for this user; raise fs.inotify.max_user_watches".to_owned()
        }
        ErrorKind::Io(error) if error.raw_os_error() == Some(TOO_MANY) => {
            "no inotify instance is left for this user; raise fs.inotify.max_user_instances \
             (or the limit of open files)"
                .to_owned()
        }
        ErrorKind::Io(error) => crate::sources::plain(error),
        _ => error.to_string(),
    }
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
