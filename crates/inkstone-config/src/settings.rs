//! The settings of a program: one snapshot, swapped whole.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    panic::Location,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, mpsc::Sender},
    time::SystemTime,
};

use crate::{
    Config, Effective, Live, Problems, Rejected, ReloadOutcome, SourceStatus, Sources, Status, WatchStatus,
    Watching,
    hooks::Hooks,
    layers::Layers,
    loaded::{Commit, Loaded, Section},
    node::split_key,
    remote::{Ring, SourceHook},
    section::{Asked, Reading, Shape, read},
};

/// The settings of one program: read, checked and kept up to date.
///
/// A handle: clones share the settings. Loading a table never fails; what is wrong is recorded, so that
/// everything can be reported at once before anything starts.
///
/// ```
/// use inkstone_config::{Config, Settings, Sources};
/// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # #[serde(default)]
/// # struct Limits { most: u32 }
/// # impl Config for Limits {}
/// let settings = Settings::open(Sources::new().text("shop.toml", "[limits]\nmost = \"many\""));
/// let limits = settings.load::<Limits>("limits", "limits");
/// let report = settings.problems().to_string();
/// assert!(report.contains("invalid type: string \"many\", expected u32"));
/// assert_eq!(limits.get().most, 0);
/// ```
#[derive(Clone)]
pub struct Settings(Arc<Inner>);

struct Inner {
    sources: Sources,
    state: Mutex<State>,
    /// Held for a whole reload, so that one follows the other.
    reloading: Mutex<()>,
    /// Held while the values of a reload are put in force one by one.
    publishing: RwLock<()>,
    hooks: Hooks,
}

thread_local! {
    /// Whether this thread is putting values in force, and so must not wait until that is done.
    static PUBLISHES: Cell<bool> = const { Cell::new(false) };
}

struct State {
    layers: Arc<Layers>,
    loaded: Vec<SourceStatus>,
    problems: Problems,
    sections: Vec<Arc<dyn Section>>,
    rejected: Option<Rejected>,
    reloads: u64,
    watch: WatchStatus,
}

impl State {
    /// The status of a source that is in force already, with its time.
    fn since(&self, status: &SourceStatus) -> Option<SourceStatus> {
        self.loaded.iter().find(|old| old.name == status.name && old.hash == status.hash).cloned()
    }
}

impl Settings {
    /// Reads the sources. Never fails: what is wrong is recorded in [`Settings::problems`].
    pub fn open(sources: Sources) -> Self {
        let layers = sources.read();
        let state = State {
            loaded: layers.status(SystemTime::now()),
            problems: layers.problems.clone(),
            layers: Arc::new(layers),
            sections: Vec::new(),
            rejected: None,
            reloads: 0,
            watch: WatchStatus::default(),
        };
        Self(Arc::new(Inner {
            sources,
            state: Mutex::new(state),
            reloading: Mutex::default(),
            publishing: RwLock::default(),
            hooks: Hooks::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything found wrong so far: unreadable sources and everything that loading tables found.
    pub fn problems(&self) -> Problems {
        self.state().problems.clone()
    }

    /// Reads the table `key` over the defaults of its type. A missing table is recorded as a problem.
    ///
    /// If anything is wrong with the table, the value is the type's default until the program stops.
    #[track_caller]
    pub fn load<C: Config>(&self, kind: &str, key: &str) -> Live<C> {
        self.read(kind, key, true, Some(Location::caller()))
    }

    /// Like [`Settings::load`] for a table that may be missing: without it the defaults hold.
    ///
    /// A table whose kind is its key, such as `log`, is one that every program has: no line of the program asks for it,
    /// so reports name none.
    #[track_caller]
    pub fn load_or_default<C: Config>(&self, kind: &str, key: &str) -> Live<C> {
        let at = Location::caller();
        self.read(kind, key, false, (kind != key).then_some(at))
    }

    fn read<C: Config>(
        &self,
        kind: &str,
        key: &str,
        required: bool,
        at: Option<&'static Location<'static>>,
    ) -> Live<C> {
        let path = split_key(key).unwrap_or_else(|| vec![key.to_owned()]);
        let asked = Asked { kind: kind.to_owned(), path, required, at };
        let shape = Shape::of::<C>();
        let mut state = self.state();
        let Reading { value, node, problems } = read::<C>(&shape, &state.layers, &asked);
        state.problems.append(problems);
        let (table, live) = Loaded::new(asked, shape, value.unwrap_or_default(), &node);
        state.sections.push(table);
        live
    }

    /// Tables that nothing has read so far, with the nearest key that was asked for.
    pub fn unread_tables(&self) -> Problems {
        let state = self.state();
        let read: Vec<_> = state.sections.iter().map(|section| section.path().to_vec()).collect();
        state.layers.unread(&read)
    }

    /// Those of [`Settings::unread_tables`] that no table read later can explain: the first word is almost that of
    /// a table that was asked for (`[reids.cart]`), or the whole key is almost one that no source has.
    pub fn misspelt_tables(&self) -> Problems {
        let state = self.state();
        let read: Vec<_> = state.sections.iter().map(|section| section.path().to_vec()).collect();
        let unread = state.layers.unread(&read).into_iter();
        unread
            .filter(|fault| fault.key.as_deref().is_some_and(|key| state.layers.misspelt(key, &read)))
            .collect()
    }

    /// Reads everything again, checks it, and puts it in force whole; `false` if nothing has changed.
    ///
    /// # Errors
    /// Anything wrong with what was read. The old values stay in force, and the refusal is kept in
    /// [`Settings::status`].
    pub fn reload(&self) -> Result<bool, Problems> {
        let one_at_a_time = self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match self.prepare() {
            Ok((layers, commits)) => Ok(self.apply(layers, commits)),
            Err((layers, problems)) => Err(self.refuse(&layers, problems)),
        };
        drop(one_at_a_time);
        self.0.hooks.call();
        done
    }

    /// Reloads unless something is wrong; then nothing happens and nothing is recorded.
    pub(crate) fn reload_if_good(&self) -> bool {
        let one_at_a_time = self.0.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let good = self.prepare().map(|(layers, commits)| self.apply(layers, commits)).is_ok();
        drop(one_at_a_time);
        self.0.hooks.call();
        good
    }

    /// Reads and checks everything without putting anything in force.
    fn prepare(&self) -> Result<(Layers, Vec<Commit>), (Layers, Problems)> {
        let layers = self.0.sources.read();
        let sections = self.state().sections.clone();
        let mut problems = layers.problems.clone();
        let mut commits = Vec::new();
        for section in sections {
            match section.prepare(&layers) {
                Ok(commit) => commits.push(commit),
                Err(found) => problems.append(found),
            }
        }
        if problems.has_errors() { Err((layers, problems)) } else { Ok((layers, commits)) }
    }

    fn apply(&self, layers: Layers, mut commits: Vec<Commit>) -> bool {
        let mut state = self.state();
        // A table that was loaded in the meantime has the old values still.
        let late: Vec<_> = state.sections.iter().skip(commits.len()).cloned().collect();
        commits.extend(late.into_iter().filter_map(|section| section.prepare(&layers).ok()));
        let hashes =
            |layers: &Layers| layers.documents.iter().map(|source| source.hash.clone()).collect::<Vec<_>>();
        let same_text = hashes(&state.layers) == hashes(&layers);
        let committed: Vec<_> = commits.into_iter().map(|commit| commit()).collect();
        let changed: Vec<String> = committed.iter().flat_map(|table| table.changed.iter().cloned()).collect();
        let was_refused = state.rejected.take().is_some();
        let news = !same_text || !changed.is_empty();
        if news {
            let now = layers.status(SystemTime::now()).into_iter();
            state.loaded = now.map(|status| state.since(&status).unwrap_or(status)).collect();
            state.layers = Arc::new(layers);
            state.reloads += 1;
        }
        drop(state);
        // Without the lock: whoever follows a value may ask for the status.
        let whole = self.0.publishing.write().unwrap_or_else(PoisonError::into_inner);
        PUBLISHES.set(true);
        committed.into_iter().for_each(|table| (table.publish)());
        PUBLISHES.set(false);
        drop(whole);
        if news || was_refused {
            self.0.hooks.push(self.applied(changed));
        }
        news
    }

    /// Reads several values as one reload left them: none of them changes while `read` runs.
    ///
    /// A single value is always whole; this is for those that must agree with each other. `read` should only read. In
    /// what runs while values are put in force, such as the function of [`Live::map`], it waits for nothing.
    ///
    /// ```
    /// # use inkstone_config::{Config, Live, Settings, Sources};
    /// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    /// # #[serde(default)]
    /// # struct Limits { most: u32 }
    /// # impl Config for Limits {}
    /// # let settings = Settings::open(Sources::new());
    /// let reads: Live<Limits> = settings.load_or_default("application", "reads");
    /// let writes: Live<Limits> = settings.load_or_default("application", "writes");
    /// let (reads, writes) = settings.at_once(|| (reads.get(), writes.get()));
    /// ```
    pub fn at_once<T>(&self, read: impl FnOnce() -> T) -> T {
        if PUBLISHES.get() {
            return read();
        }
        let _whole = self.0.publishing.read().unwrap_or_else(PoisonError::into_inner);
        read()
    }

    fn applied(&self, changed: Vec<String>) -> ReloadOutcome {
        let status = self.status();
        ReloadOutcome::Applied { sources: status.sources, changed, pending_restart: status.pending_restart }
    }

    fn refuse(&self, layers: &Layers, problems: Problems) -> Problems {
        let at = SystemTime::now();
        let rejected = Rejected { sources: layers.status(at), problems: problems.clone(), at };
        self.state().rejected = Some(rejected.clone());
        self.0.hooks.push(ReloadOutcome::Refused(rejected));
        problems
    }

    /// Calls `hook` after each reload that changed or refused something, on the thread that reloaded.
    ///
    /// Hooks are told one reload after the other. When a hook reloads, or two threads do at once, the call that is
    /// under way tells of both, and the other `reload` returns before its hooks have been called. A hook that panics
    /// is logged, and called again the next time.
    pub fn on_reload(&self, hook: impl Fn(&ReloadOutcome) + Send + Sync + 'static) {
        self.0.hooks.add(Arc::new(hook));
    }

    /// Calls `hook` with the address of each remote source and whether it can be followed: once for each now, and then
    /// whenever that changes. It runs on the task that follows the source, so it must not wait.
    pub fn on_source(&self, hook: impl Fn(&str, bool) + Send + Sync + 'static) {
        self.0.sources.on_source(&(Arc::new(hook) as SourceHook));
    }

    /// Watches the files and reloads when they change, until the returned value is dropped.
    ///
    /// Without this the values stay as they are until somebody calls [`Settings::reload`]. Whether the system tells of
    /// changes at once, or they are looked for, is in [`Status::watch`].
    pub fn watch(&self) -> Watching {
        Watching::start(self.clone())
    }

    /// What is in force and what was refused.
    pub fn status(&self) -> Status {
        let state = self.state();
        let pending = state.sections.iter().flat_map(|section| section.pending_restart());
        let mut pending_restart: Vec<_> = pending.collect();
        pending_restart.sort_unstable();
        pending_restart.dedup();
        let told = |source: &SourceStatus| SourceStatus {
            trouble: self.0.sources.trouble_of(&source.name),
            ..source.clone()
        };
        Status {
            sources: state.loaded.iter().map(told).collect(),
            rejected: state.rejected.clone(),
            pending_restart,
            reloads: state.reloads,
            watch: state.watch.clone(),
        }
    }

    pub(crate) fn set_watch(&self, watch: WatchStatus) {
        self.state().watch = watch;
    }

    /// Every value of every table read so far, with its origin; secrets are masked.
    pub fn effective(&self) -> Vec<Effective> {
        let state = self.state();
        let mut all = BTreeMap::new();
        for section in &state.sections {
            all.extend(section.leaves());
        }
        all.iter().map(|(key, leaf)| leaf.effective(key)).collect()
    }

    /// Tells `bell` when a remote source has changed; `false` if there is none.
    pub(crate) fn listen(&self, bell: &Sender<Ring>) -> bool {
        self.0.sources.listen(bell)
    }

    /// Every file whose change may matter: the configuration and what its references name.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = self.0.sources.files();
        files.extend(self.state().layers.watched.iter().cloned());
        files.sort_unstable();
        files.dedup();
        files
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("sources", &self.0.sources).finish_non_exhaustive()
    }
}
