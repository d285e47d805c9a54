//! Where the configuration is read from.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Sender},
};

use crate::{
    Code, Fault, Problems, Source,
    layers::Layers,
    origin::sha256,
    read::{self, Format, Lookup},
    remote::{Held, RemoteAddress, RemoteSource, Ring, SourceHook},
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
    /// Variables with a short name, and the keys they set.
    short: Vec<(&'static str, &'static str)>,
    /// Flags with a name of their own, the keys they set, and what to.
    flags: Vec<(&'static str, &'static str, String)>,
    set: Vec<String>,
    remotes: Vec<Arc<dyn RemoteSource>>,
    elsewhere: bool,
}

#[derive(Clone)]
enum Document {
    File {
        path: PathBuf,
        optional: bool,
    },
    Text {
        name: String,
        text: String,
    },
    Remote(Arc<Held>),
    /// An address that cannot be used.
    Bad(Box<Fault>),
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

    /// A kind of remote source, whose addresses [`Sources::location`] then takes. A second one of the same scheme
    /// takes the place of the first.
    #[must_use]
    pub fn remote(mut self, source: impl RemoteSource) -> Self {
        self.remotes.insert(0, Arc::new(source));
        self
    }

    /// What `--config` names: a file, or the address of a remote source: `k8s://shop/catalog/config.toml`.
    #[must_use]
    pub fn location(mut self, location: impl AsRef<OsStr>) -> Self {
        let location = location.as_ref();
        let Some((text, scheme)) =
            location.to_str().and_then(|text| Some((text, RemoteAddress::scheme_of(text)?)))
        else {
            return self.file(location);
        };
        if scheme == "file" {
            return self.file(&text["file://".len()..]);
        }
        let opened = match self.remotes.iter().find(|source| source.scheme() == scheme) {
            Some(source) => Held::open(source.as_ref(), text),
            None => Err(self.unknown_scheme(scheme, text)),
        };
        self.documents.push(match opened {
            Ok(held) => Document::Remote(Arc::new(held)),
            Err(fault) => Document::Bad(Box::new(fault)),
        });
        self
    }

    /// The parts of a `--config` that was split at its commas, each as [`Sources::location`]. The hosts of an address
    /// may have commas between them too. Empty parts are none.
    #[must_use]
    pub fn locations(mut self, parts: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut open = OsString::new();
        for part in parts {
            if !open.is_empty() {
                open.push(",");
            }
            open.push(part);
            if !open.to_str().is_some_and(RemoteAddress::is_unfinished) && !open.is_empty() {
                self = self.location(std::mem::take(&mut open));
            }
        }
        if open.is_empty() { self } else { self.location(open) }
    }

    fn unknown_scheme(&self, scheme: &str, text: &str) -> Fault {
        let target = RemoteAddress::parse(text)
            .map_or_else(|_| format!("{scheme}://…"), |address| address.to_string());
        let known: Vec<_> = self.remotes.iter().map(|source| format!("`{}://`", source.scheme())).collect();
        let known = if known.is_empty() {
            "only files".to_owned()
        } else {
            format!("files and {}", known.join(", "))
        };
        Fault::new(Code::BadSource, format_args!("this program cannot read `{scheme}://`; it reads {known}"))
            .target(target)
            .hint(format_args!(
                "give `main` the source: `inkstone::Main::new(build_info!())\
                 .config_source(inkstone::{scheme}::config_source()).run(service)`, with the feature of that name"
            ))
    }

    /// Reads the remote sources for the first time, all at once, and follows them from then on. What cannot be read
    /// is reported by [`Settings::open`](crate::Settings::open); each source waits at most for its `timeout`.
    ///
    /// Following goes on for as long as these sources, or settings opened from them, live. Must be called on a tokio
    /// runtime. Without remote sources this does nothing.
    pub async fn fetch(&self) {
        self.held().for_each(|remote| remote.begin());
        // Each has its own time, and all of them run.
        let mut waiting = tokio::task::JoinSet::new();
        for remote in self.held() {
            let remote = Arc::clone(remote);
            waiting.spawn(async move { remote.first().await });
        }
        while waiting.join_next().await.is_some() {}
    }

    fn held(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.documents.iter().filter_map(|document| match document {
            Document::Remote(held) => Some(held),
            _ => None,
        })
    }

    /// Tells `bell` when a remote source has changed; `false` if there is none.
    pub(crate) fn listen(&self, bell: &Sender<Ring>) -> bool {
        self.held().map(|remote| remote.listen(bell.clone())).count() > 0
    }

    /// Tells `hook` whether each remote source can be followed, now and whenever that changes.
    pub(crate) fn on_source(&self, hook: &SourceHook) {
        self.held().for_each(|remote| remote.on_source(hook));
    }

    /// What is wrong with the remote source that a document was read from.
    pub(crate) fn trouble_of(&self, document: &str) -> Option<String> {
        self.held().find_map(|remote| remote.trouble_of(document))
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

    /// Lets the environment variable `name` set `key`, unless it is empty: `INKSTONE_HOST` for `app.host`. The variable that
    /// spells the key out wins over it.
    ///
    /// ```
    /// use inkstone_config::{Settings, Sources};
    /// let sources = Sources::new().env([("SHOP_PORT", "8080")]).short_env("SHOP_PORT", "server.http.port");
    /// assert!(Settings::open(sources).problems().is_empty());
    /// ```
    #[must_use]
    pub fn short_env(mut self, name: &'static str, key: &'static str) -> Self {
        self.short.push((name, key));
        self
    }

    /// Sets `key` as the flag `name` of the command line says: `--host` for `app.host`. `--set` wins over it.
    #[must_use]
    pub fn flag(mut self, name: &'static str, key: &'static str, value: &str) -> Self {
        self.flags.push((name, key, value.to_owned()));
        self
    }

    /// One `key=value` of the command line's `--set`.
    #[must_use]
    pub fn set(mut self, assignment: &str) -> Self {
        self.set.push(assignment.to_owned());
        self
    }

    /// For tools: the sources are those of another machine, so a reference to its environment or files is taken for
    /// good as it stands.
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        self.elsewhere = true;
        self
    }

    /// Reads everything as it is now.
    pub(crate) fn read(&self) -> Layers {
        let mut layers = Layers { elsewhere: self.elsewhere, ..Layers::default() };
        for document in &self.documents {
            self.read_document(document, &mut layers);
        }
        let mut problems = Problems::new();
        layers.tables.push(read::environment(&self.env, &self.short, &mut problems));
        let mut set = read::flags(&self.flags);
        problems.extend(self.set.iter().filter_map(|text| read::assignment(&mut set, text).err()));
        layers.tables.push(set);
        layers.problems.append(problems);
        layers
    }

    fn read_document(&self, document: &Document, layers: &mut Layers) {
        let (source, dir) = match document {
            Document::Remote(held) => return held.read(&self.env, layers),
            Document::Bad(fault) => return layers.broken(Fault::clone(fault).into()),
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
        read_text(source, None, &self.env, dir, layers);
    }

    /// The files named here, without those that references in them name.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let file = |document: &Document| match document {
            Document::File { path, .. } => Some(path.clone()),
            Document::Text { .. } | Document::Remote(_) | Document::Bad(_) => None,
        };
        self.documents.iter().filter_map(file).collect()
    }
}

/// Reads a document whose name, or `ending` in its place, says which format it has.
pub(crate) fn read_text(
    source: Source,
    ending: Option<&str>,
    env: &BTreeMap<String, String>,
    dir: &Path,
    layers: &mut Layers,
) {
    let source = Arc::new(source);
    layers.documents.push(Arc::clone(&source));
    let format = Format::of(ending.unwrap_or(&source.name)).map_err(Problems::from);
    match format.and_then(|format| read::document(&source, format)) {
        Err(problems) => layers.broken(problems),
        Ok(mut table) => {
            let env = (!layers.elsewhere).then_some(env);
            let mut lookup = Lookup { env, dir, files: &mut layers.watched };
            read::resolve(&mut table, &mut lookup, &mut layers.problems);
            layers.tables.push(table);
        }
    }
}

/// The text of a document, if it is one.
pub(crate) fn source_of(name: &str, bytes: &[u8], sealed: bool) -> Result<Source, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    // Editors on Windows begin a file with a byte order mark, which counts for the hash only.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut source = Source::new(name, text);
    source.hash = sha256(bytes);
    source.sealed = sealed;
    Ok(source)
}

/// The content of a file, which may not be larger than a configuration may be.
pub(crate) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A byte more than is allowed: what leads to a device or a pipe may never end.
    std::fs::File::open(path)?.take(read::MOST_TEXT.bytes() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > read::MOST_TEXT.bytes() {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, read::too_large()));
    }
    Ok(bytes)
}

fn read_file(path: &Path) -> io::Result<Source> {
    let bytes = read_bytes(path)?;
    source_of(&path.display().to_string(), &bytes, false)
        .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
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
