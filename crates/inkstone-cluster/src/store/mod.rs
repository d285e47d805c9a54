//! Objects with resource versions: kept in memory, written ahead to a journal, watched by anyone.
//!
//! One counter numbers every write. A write is checked, appended to the journal and only then visible, so what
//! a caller was told is stored survives the death of the process.

mod defaults;
mod delete;
mod error;
mod history;
mod journal;
pub mod object;
mod resource;
mod selector;
mod validate;
mod watch;
mod write;

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch as latest;

pub use self::{
    defaults::SERVICE_NETWORK,
    delete::{DeleteOptions, Propagation},
    error::{ApiError, Cause},
    object::Object,
    resource::{
        CONFIGMAPS, DEPLOYMENTS, ENDPOINTSLICES, EVENTS, LEASES, NAMESPACES, NODES, PODS, REPLICASETS,
        RESOURCES, Resource, SECRETS, SERVICEACCOUNTS, SERVICES,
    },
    selector::Selector,
    watch::{Event, Watch, WatchFrom},
    write::Part,
};
pub(crate) use self::{defaults::complete, delete::LONGEST_GRACE};
use self::{
    history::History,
    journal::Journal,
    watch::{Change, Watchers},
};

/// Namespace and name; the namespace of a cluster-wide object is empty.
pub(crate) type Key = (String, String);

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How many past changes a watch can start from; asking for an older version is answered with 410 Expired.
    pub history: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { history: 4096 } // minutes of a busy development cluster; an informer that is later lists again
    }
}

/// The objects of one cluster. Cloning the handle is cheap and shares what is behind it.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// Writes are checked and answered, but not kept (`dryRun=All`).
    dry: bool,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    version: latest::Sender<u64>,
    /// Held as long as the store lives, so that no second cluster writes into the same directory.
    _lock: fs::File,
}

#[derive(Debug)]
struct State {
    objects: HashMap<&'static str, BTreeMap<Key, Arc<Object>>>,
    version: u64,
    history: History,
    watchers: Watchers,
    journal: Journal,
    closed: bool,
}

/// The objects that a list found, and the version of the store when it looked.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The objects, ordered by namespace and name.
    pub items: Vec<Arc<Object>>,
    /// The store's version at that moment: where a watch continues.
    pub resource_version: u64,
}

impl Store {
    /// Opens the store kept in `dir`, or begins an empty one.
    ///
    /// # Errors
    /// When the directory cannot be used, another process holds it, or the journal is damaged anywhere but in its
    /// unfinished last record.
    pub fn open(dir: &Path, options: &StoreOptions) -> io::Result<Self> {
        fs::create_dir_all(dir).map_err(|e| explain(&e, "create the state directory", dir))?;
        let lock = lock(dir)?;
        let (journal, recovered) = Journal::open(dir)?;
        let state = State {
            objects: recovered.objects,
            version: recovered.version,
            history: History::new(options.history, recovered.version),
            watchers: Watchers::default(),
            journal,
            closed: false,
        };
        let (version, _) = latest::channel(state.version);
        let inner = Inner { state: Mutex::new(state), version, _lock: lock };
        Ok(Self { inner: Arc::new(inner), dry: false })
    }

    /// The same store, but writes through this handle are only tried: checked and answered, never kept.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self { inner: self.inner.clone(), dry: true }
    }

    /// One object.
    ///
    /// # Errors
    /// 404 when there is none of that name.
    pub fn get(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Object>, ApiError> {
        self.state().get(resource, namespace, name).ok_or_else(|| ApiError::not_found(resource, name))
    }

    /// The objects of one namespace, or of all, that the selector matches.
    #[must_use]
    pub fn list(&self, resource: &'static Resource, namespace: Option<&str>, selector: &Selector) -> Listed {
        let state = self.state();
        let items = state.of(resource, namespace).filter(|o| selector.matches(o)).cloned().collect();
        Listed { items, resource_version: state.version }
    }

    /// What a list found at an earlier version.
    ///
    /// # Errors
    /// 410 when that version is older than the history kept.
    pub fn list_at(
        &self,
        resource: &'static Resource,
        namespace: Option<&str>,
        selector: &Selector,
        version: u64,
    ) -> Result<Listed, ApiError> {
        let state = self.state();
        let now = state.objects.get(resource.plural).cloned().unwrap_or_default();
        let then = state.history.rewind(now, version, resource)?;
        let here = |key: &Key| namespace.is_none_or(|ns| ns == key.0);
        let items =
            then.into_iter().filter(|(key, o)| here(key) && selector.matches(o)).map(|(_, o)| o).collect();
        Ok(Listed { items, resource_version: version })
    }

    /// Follows the objects that the selector matches, from now or from a version seen earlier.
    ///
    /// # Errors
    /// 410 when that version is older than the history kept.
    pub fn watch(
        &self,
        resource: &'static Resource,
        namespace: Option<&str>,
        selector: Selector,
        from: WatchFrom,
    ) -> Result<Watch, ApiError> {
        let mut state = self.state();
        let mut watch = match from {
            WatchFrom::Now => {
                let present =
                    state.of(resource, namespace).filter(|o| selector.matches(o)).cloned().collect();
                Watch::snapshot(present, state.version)
            }
            WatchFrom::After(version) => Watch::replay(state.history.after(version, resource)?, version),
        };
        if !state.closed {
            watch.follow(state.watchers.register(resource));
        }
        watch.select(namespace, selector);
        Ok(watch)
    }

    /// The version up to which a watch has told everything: what a bookmark says.
    #[must_use]
    pub fn bookmark(&self, watch: &Watch) -> u64 {
        let state = self.state(); // nothing is queued while this is held
        if watch.is_drained() { state.version.max(watch.seen()) } else { watch.seen() }
    }

    /// The version of the last write.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.state().version
    }

    /// Changes whenever anything in the store does: for those who look again rather than follow each event.
    #[must_use]
    pub fn versions(&self) -> latest::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// Ends every watch, so that their streams finish. Reads and writes go on working.
    pub fn close_watches(&self) {
        let mut state = self.state();
        state.closed = true;
        state.watchers.close();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with the lock did so before its change was committed: the state is whole.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.objects.get(resource.plural)?.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    fn of(&self, resource: &Resource, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Object>> {
        let first = (namespace.unwrap_or_default().to_owned(), String::new());
        let objects = self.objects.get(resource.plural);
        objects
            .into_iter()
            .flat_map(move |all| {
                let here = namespace.map(str::to_owned);
                all.range(first.clone()..)
                    .take_while(move |((ns, _), _)| here.as_ref().is_none_or(|h| h == ns))
            })
            .map(|(_, object)| object)
    }

    /// Journals a change, then makes it visible; without the journal's word nothing changes.
    fn commit(&mut self, change: Change, latest: &latest::Sender<u64>) -> Result<(), ApiError> {
        let size = self.journal.append(&change).map_err(|e| ApiError::storage(&e))?;
        self.version = change.version;
        let objects = self.objects.entry(change.resource.plural).or_default();
        match &change.new {
            Some(object) => objects.insert(change.key.clone(), object.clone()),
            None => objects.remove(&change.key),
        };
        let change = Arc::new(change);
        self.watchers.send(&change);
        self.history.push(change, size);
        self.journal.compact_if_due(self.version, &self.objects);
        latest.send_replace(self.version);
        Ok(())
    }
}

fn lock(dir: &Path) -> io::Result<fs::File> {
    let path: PathBuf = dir.join("lock");
    let file = fs::File::create(&path).map_err(|e| explain(&e, "create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("another cluster uses {}; stop it, or choose another state directory", dir.display()),
        )),
        Err(fs::TryLockError::Error(e)) => Err(explain(&e, "lock", &path)),
    }
}

fn explain(error: &io::Error, tried: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {tried} {}: {error}", path.display()))
}
