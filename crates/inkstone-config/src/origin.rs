//! Where a value comes from.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::spread::{Hidden, hidden};

/// Line, column, length on that line, and how many lines follow that belong to it too.
type Place = (u32, u32, u32, u32);

/// One source of configuration: a file, a text, an environment variable, `--set`, or the defaults.
pub struct Source {
    /// The path as it was given, `environment NAME`, `--set` or `default`.
    pub name: Arc<str>,
    /// The whole text; empty where there is none to quote.
    pub text: Arc<str>,
    /// SHA-256 of the bytes in hexadecimal, for files and texts; empty otherwise.
    pub hash: String,
    /// Where secrets stand in the text: line, column, length. Found while tables are read.
    secrets: Mutex<Vec<(u32, u32, u32)>>,
    /// All of it is secret.
    pub(crate) sealed: bool,
    /// What belongs to the value of a key whose name gives it away, further up.
    telltale: OnceLock<BTreeMap<u32, Hidden>>,
    /// What stands at a place, by line and column, and was written elsewhere: YAML's aliases.
    aliases: Mutex<BTreeMap<(u32, u32), Place>>,
}

impl Source {
    /// A text with a name, as read from a file.
    pub fn new(name: &str, text: &str) -> Self {
        Self { hash: sha256(text.as_bytes()), ..Self::unquoted(name, text) }
    }

    /// A source without lines, such as an environment variable.
    pub(crate) fn nameless(name: &str) -> Self {
        Self::unquoted(name, "")
    }

    fn unquoted(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            hash: String::new(),
            secrets: Mutex::default(),
            sealed: false,
            telltale: OnceLock::new(),
            aliases: Mutex::default(),
        }
    }

    /// Remembers that a secret stands here, so that no report quotes it.
    pub(crate) fn hide(&self, at: &Origin) {
        let alias =
            self.aliases.lock().unwrap_or_else(PoisonError::into_inner).get(&(at.line, at.column)).copied();
        self.hide_place((at.line, at.column, at.len, at.rest));
        alias.into_iter().for_each(|place| self.hide_place(place));
    }

    fn hide_place(&self, (line, column, len, rest): Place) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let following = (1..=rest).map(|more| (line.saturating_add(more), 1, u32::MAX));
        for place in std::iter::once((line, column, len)).chain(following).filter(|(line, ..)| *line > 0) {
            if !secrets.contains(&place) {
                secrets.push(place);
            }
        }
    }

    /// Remembers that what stands at a place was written at another one.
    pub(crate) fn alias(&self, at: &Origin, written: &Origin) {
        let place = (written.line, written.column, written.len, written.rest);
        self.aliases.lock().unwrap_or_else(PoisonError::into_inner).insert((at.line, at.column), place);
    }

    /// A line as reports may quote it: secrets are masked.
    pub(crate) fn line(&self, number: u32) -> Option<String> {
        let index = usize::try_from(number.checked_sub(1)?).ok().filter(|_| !self.sealed)?;
        let line = self.text.lines().nth(index)?;
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let here =
            secrets.iter().filter(|(line, ..)| *line == number).map(|(_, column, len)| (*column, *len));
        match self.telltale.get_or_init(|| hidden(&self.name, &self.text)).get(&number) {
            Some(Hidden::All) => Some(crate::mask::whole(line)),
            Some(Hidden::Value) => Some(crate::mask::value(&crate::mask::line(line, here))),
            None => Some(crate::mask::line(line, here)),
        }
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// The place of one key or value.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The source.
    pub source: Arc<Source>,
    /// The line, from 1; 0 where there are no lines (environment, flags, defaults).
    pub line: u32,
    /// The column in characters, from 1; 0 where there are no lines.
    pub column: u32,
    /// How many characters it takes on its first line.
    pub len: u32,
    /// How many lines after the first it takes.
    pub(crate) rest: u32,
}

impl Origin {
    /// A source as a whole, without a line.
    pub const fn whole(source: Arc<Source>) -> Self {
        Self { source, line: 0, column: 0, len: 0, rest: 0 }
    }

    /// Whether this is a component's own default.
    pub fn is_default(&self) -> bool {
        &*self.source.name == "default"
    }
}

/// `file:line:column`, or the name of the source where there are no lines.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.name)?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}
