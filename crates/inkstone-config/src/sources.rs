//! Where the configuration is read from.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Code, Fault, Problems, Source,
    layers::Layers,
    node::Table,
    origin::sha256,
    read::{self, Format, Lookup},
};

/// Where the configuration is read from, in rising precedence: files and texts in the order given, then
/// the environment, then `--set`.
///
/// ```
/// use inkstone_config::{Settings, Sources};
/// let sources = Sources::new()
///     .text("shop.toml", "[redis.cart]\naddr = \"127.0.0.1:6379\"")
///     .env([("INKSTONE__REDIS__CART__POOL_SIZE", "8")])
///     .set("redis.cart.pool_size=16");
/// let settings = Settings::open(sources);
/// assert!(settings.problems().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    documents: Vec<Document>,
    env: BTreeMap<String, String>,
    set: Vec<String>,
}

#[derive(Clone)]
enum Document {
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
        self.documents.push(Document::File { path: path.as_ref().into(), optional: false });
        self
    }

    /// A file that is read if it exists.
    #[must_use]
    pub fn optional_file(mut self, path: impl AsRef<Path>) -> Self {
        self.documents.push(Document::File { path: path.as_ref().into(), optional: true });
        self
    }

    /// A text in place of a file; the extension of `name` names the format.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.documents.push(Document::Text { name: name.to_owned(), text: text.to_owned() });
        self
    }

    /// Environment variables: `INKSTONE__REDIS__CART__ADDR` sets `redis.cart.addr`; all of them can be
    /// named by `${env:NAME}`.
    #[must_use]
    pub fn env<K: Into<String>, V: Into<String>>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(vars.into_iter().map(|(key, value)| (key.into(), value.into())));
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

    /// Reads everything as it is now.
    pub(crate) fn read(&self) -> Layers {
        let mut layers = Layers::default();
        for document in &self.documents {
            self.read_document(document, &mut layers);
        }
        let mut problems = Problems::new();
        layers.tables.push(read::environment(&self.env, &mut problems));
        let mut set = Table::new();
        problems.extend(self.set.iter().filter_map(|text| read::assignment(&mut set, text).err()));
        layers.tables.push(set);
        layers.problems.append(problems);
        layers
    }

    fn read_document(&self, document: &Document, layers: &mut Layers) {
        let (source, dir) = match document {
            Document::Text { name, text } => (Source::new(name, text), Path::new("")),
            Document::File { path, optional } => {
                layers.watched.push(path.clone());
                match read_file(path) {
                    Ok(source) => (source, path.parent().unwrap_or(Path::new(""))),
                    Err(error) if *optional && error.kind() == io::ErrorKind::NotFound => return,
                    Err(error) => return layers.broken(unreadable(path, &error).into()),
                }
            }
        };
        let source = Arc::new(source);
        layers.documents.push(Arc::clone(&source));
        let format = Format::of(&source.name).map_err(Problems::from);
        match format.and_then(|format| read::document(&source, format)) {
            Err(problems) => layers.broken(problems),
            Ok(mut table) => {
                let mut lookup = Lookup { env: Some(&self.env), dir, files: &mut layers.watched };
                read::resolve(&mut table, &mut lookup, &mut layers.problems);
                layers.tables.push(table);
            }
        }
    }

    /// The files named here, without those that references in them name.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let file = |document: &Document| match document {
            Document::File { path, .. } => Some(path.clone()),
            Document::Text { .. } => None,
        };
        self.documents.iter().filter_map(file).collect()
    }
}

fn read_file(path: &Path) -> io::Result<Source> {
    let mut bytes = Vec::new();
    // A byte more than is allowed: what leads to a device or a pipe may never end.
    std::fs::File::open(path)?.take(read::MOST_TEXT.bytes() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > read::MOST_TEXT.bytes() {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, read::too_large()));
    }
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    let text = std::str::from_utf8(&bytes).map_err(not_text)?;
    // Editors on Windows begin a file with a byte order mark, which counts for the hash only.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut source = Source::new(&path.display().to_string(), text);
    source.hash = sha256(&bytes);
    Ok(source)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            "create it, or correct the path; a relative path starts at the working directory"
        }
        io::ErrorKind::PermissionDenied => "let this process read it",
        io::ErrorKind::IsADirectory => "name a file in it",
        _ => "see that it is a text file this process can read",
    };
    Fault::new(Code::UnreadableFile, plain(error)).target(path.display()).hint(hint)
}

/// An I/O error without Rust's `(os error 2)`.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("files", &self.files()).finish_non_exhaustive()
    }
}
