//! What a remote source has said so far.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender},
};

use tokio::sync::watch;

use super::follow::Ring;
use crate::{Code, hooks::caught};

/// Where a remote source puts what it finds. A handle: clones feed the same place.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    name: String,
    state: Mutex<State>,
    /// Counts what has been said, so that the first reading can be waited for.
    said: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    documents: Option<Vec<RemoteDocument>>,
    trouble: Option<(Trouble, Kind)>,
    /// Who reads everything again when the documents change.
    listeners: Vec<Sender<Ring>>,
    hooks: Vec<SourceHook>,
}

/// Is told the address of a source, and whether it can be followed.
pub(crate) type SourceHook = Arc<dyn Fn(&str, bool) + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gone,
    Failed,
}

/// One text that a remote source consists of.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteDocument {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) sealed: bool,
}

impl RemoteDocument {
    /// A text with the name that origins and errors show: the address without credentials. Its ending says whether
    /// it is TOML, YAML or JSON, unless the address has a `format`.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), sealed: false }
    }

    /// All of it is secret: no report quotes it, and its values are shown as `***`.
    #[must_use]
    pub const fn sealed(mut self) -> Self {
        self.sealed = true;
        self
    }
}

impl fmt::Debug for RemoteDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteDocument").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a remote source cannot be read, or followed, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) lasting: bool,
}

impl Trouble {
    /// Something that may pass by itself: a start waits for it until its time is up.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None, lasting: false }
    }

    /// Something that somebody must mend: a start does not wait.
    #[must_use]
    pub const fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl Feed {
    pub(super) fn new(name: String) -> Self {
        Self(Arc::new(Shared { name, state: Mutex::default(), said: watch::Sender::new(0) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that the source consists of now, in rising precedence.
    pub fn put(&self, documents: impl IntoIterator<Item = RemoteDocument>) {
        let documents: Vec<_> = documents.into_iter().collect();
        let mut state = self.state();
        let changed = state.trouble.take().is_some();
        if changed && state.documents.is_some() {
            tracing::info!(source = self.0.name, "configuration source is followed again");
        }
        if state.documents.as_ref() != Some(&documents) {
            state.documents = Some(documents);
            state.listeners.retain(|listener| listener.send(Ring::Changed).is_ok());
        }
        drop(state);
        if changed {
            self.tell(true);
        }
        self.0.said.send_modify(|said| *said += 1);
    }

    /// What the address names does not exist, or no longer: what was read last stays in force.
    pub fn gone(&self, trouble: Trouble) {
        self.trouble(trouble.lasting(), Kind::Gone);
    }

    /// The source cannot be read now: what was read last stays in force.
    pub fn failed(&self, trouble: Trouble) {
        self.trouble(trouble, Kind::Failed);
    }

    fn trouble(&self, trouble: Trouble, kind: Kind) {
        let mut state = self.state();
        let news = state.trouble.as_ref().is_none_or(|(_, before)| *before != kind);
        // Before the first content there is nobody to tell but the start, which reports it.
        if news && state.documents.is_some() {
            let code = Code::SourceLost.as_str();
            let hint = trouble.hint.as_deref().unwrap_or_default();
            tracing::warn!(
                code,
                source = self.0.name,
                hint,
                "{}; what was read last stays in force",
                trouble.message
            );
        }
        let changed = state.trouble.replace((trouble, kind)).is_none();
        drop(state);
        if changed {
            self.tell(false);
        }
        self.0.said.send_modify(|said| *said += 1);
    }

    /// Without the lock: hooks are others' code. One task follows a source, so they are told in order.
    fn tell(&self, up: bool) {
        let hooks = self.state().hooks.clone();
        for hook in hooks {
            caught("a hook of `Settings::on_source`", || hook(&self.0.name, up));
        }
    }

    pub(super) fn on_source(&self, hook: &SourceHook) {
        let mut state = self.state();
        let up = state.documents.is_some() && state.trouble.is_none();
        state.hooks.push(Arc::clone(hook));
        drop(state);
        hook(&self.0.name, up);
    }

    /// The documents read last.
    pub(super) fn documents(&self) -> Option<Vec<RemoteDocument>> {
        self.state().documents.clone()
    }

    /// What is wrong now.
    pub(super) fn current_trouble(&self) -> Option<Trouble> {
        self.state().trouble.as_ref().map(|(trouble, _)| trouble.clone())
    }

    /// What is wrong now, if this document was read from here.
    pub(super) fn trouble_of(&self, document: &str) -> Option<Trouble> {
        let state = self.state();
        let here = state.documents.iter().flatten().any(|known| known.name == document);
        state.trouble.as_ref().filter(|_| here).map(|(trouble, _)| trouble.clone())
    }

    pub(super) fn listen(&self, listener: Sender<Ring>) {
        self.state().listeners.push(listener);
    }

    /// Waits for the first content, or for trouble that does not pass.
    pub(super) async fn first(&self) {
        let mut said = self.0.said.subscribe();
        // The sender lives in `self`, so waiting never fails.
        while !self.is_decided() && said.changed().await.is_ok() {}
    }

    /// Whether there is content, or trouble that does not pass by itself.
    fn is_decided(&self) -> bool {
        let state = self.state();
        state.documents.is_some() || state.trouble.as_ref().is_some_and(|(trouble, _)| trouble.lasting)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("name", &self.0.name).finish_non_exhaustive()
    }
}
