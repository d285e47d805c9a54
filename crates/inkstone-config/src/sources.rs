//! Where the configuration is read from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Where the configuration is read from, in rising precedence: files and texts in the order given, then
/// the environment, then `--set`.
#[derive(Clone, Default)]
pub struct Sources {
    pub(crate) documents: Vec<Document>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) set: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Document {
    File { path: PathBuf, optional: bool },
    Text { name: String, text: String },
}

impl Sources {
    /// No source: every key has its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// A file that must exist. The extension names the format: `toml`, `yaml`, `yml` or `json`.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.documents.push(Document::File {
            path: path.as_ref().into(),
            optional: false,
        });
        self
    }

    /// A file that is read if it exists.
    #[must_use]
    pub fn optional_file(mut self, path: impl AsRef<Path>) -> Self {
        self.documents.push(Document::File {
            path: path.as_ref().into(),
            optional: true,
        });
        self
    }

    /// A text in place of a file; the extension of `name` names the format.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.documents.push(Document::Text {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// Environment variables: `INKSTONE__REDIS__CART__ADDR` sets `redis.cart.addr`; all of them can be
    /// named by `${env:NAME}`.
    #[must_use]
    pub fn env<K: Into<String>, V: Into<String>>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env
            .extend(vars.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// The environment of this process.
    #[must_use]
    pub fn process_env(self) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        self.env(std::env::vars_os().map(|(key, value)| (text(key), text(value))))
    }

    /// One `key=value` of the command line's `--set`.
    #[must_use]
    pub fn set(mut self, assignment: &str) -> Self {
        self.set.push(assignment.to_owned());
        self
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
