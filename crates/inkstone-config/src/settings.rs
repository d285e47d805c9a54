//! The settings of a program.

use std::sync::Arc;

use crate::{Config, Effective, Live, Problems, ReloadOutcome, Sources, Status, Watching};

/// The settings of one program: read, checked and kept up to date.
#[derive(Clone)]
pub struct Settings(Arc<Inner>);

struct Inner {
    _sources: Sources,
}

impl Settings {
    /// Reads the sources. Never fails: what is wrong is recorded in [`Settings::problems`].
    pub fn open(sources: Sources) -> Self {
        Self(Arc::new(Inner { _sources: sources }))
    }

    /// Everything recorded so far.
    pub fn problems(&self) -> Problems {
        Problems::new()
    }

    /// Reads a table that must be there.
    #[track_caller]
    pub fn load<C: Config>(&self, _kind: &str, _key: &str) -> Live<C> {
        Live::fixed(C::default())
    }

    /// Reads a table; without it the defaults hold.
    #[track_caller]
    pub fn load_or_default<C: Config>(&self, _kind: &str, _key: &str) -> Live<C> {
        Live::fixed(C::default())
    }

    /// Tables that nothing has read.
    pub fn unread_tables(&self) -> Problems {
        Problems::new()
    }

    /// Reads everything again.
    pub fn reload(&self) -> Result<bool, Problems> {
        Ok(false)
    }

    /// Watches the files.
    pub fn watch(&self) -> Watching {
        Watching {}
    }

    /// Calls `hook` after each reload that changed or refused something.
    pub fn on_reload(&self, _hook: impl Fn(&ReloadOutcome) + Send + Sync + 'static) {}

    /// What is in force and what was refused.
    pub fn status(&self) -> Status {
        Status {
            sources: Vec::new(),
            rejected: None,
            pending_restart: Vec::new(),
            reloads: 0,
        }
    }

    /// Every value of every table read so far, with its origin.
    pub fn effective(&self) -> Vec<Effective> {
        Vec::new()
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
