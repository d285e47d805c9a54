//! Configuration from somewhere else than this machine's files: another crate says how it is read and followed.

mod address;
mod feed;
mod follow;
mod held;

use std::{fmt, pin::Pin};

pub(crate) use self::feed::SourceHook;
pub use self::{
    address::RemoteAddress,
    feed::{Feed, RemoteDocument, Trouble},
};
pub(crate) use self::{
    follow::{Following, Ring},
    held::Held,
};
use crate::Fault;

/// A place that configuration is read from and that tells of changes: a Kubernetes API, an etcd.
///
/// It is given to [`Sources::remote`](crate::Sources::remote), and from then on
/// [`Sources::location`](crate::Sources::location) takes addresses with its scheme.
///
/// ```
/// use inkstone_config::{Fault, Feed, Remote, RemoteAddress, RemoteDocument, RemoteSource, Settings, Sources};
///
/// /// A text that somebody holds in memory: `memory:///limits.toml`.
/// struct Memory(tokio::sync::watch::Receiver<String>);
///
/// impl RemoteSource for Memory {
///     fn scheme(&self) -> &'static str {
///         "memory"
///     }
///
///     fn open(&self, address: &RemoteAddress) -> Result<Remote, Fault> {
///         let (mut text, name) = (self.0.clone(), address.to_string());
///         Ok(Remote::new(move |feed: Feed| async move {
///             loop {
///                 let now = text.borrow_and_update().clone();
///                 feed.put([RemoteDocument::new(&name, now)]);
///                 if text.changed().await.is_err() {
///                     return;
///                 }
///             }
///         }))
///     }
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (_write, read) = tokio::sync::watch::channel("[limits]\nmost = 7".to_owned());
/// let sources = Sources::new().remote(Memory(read)).location("memory:///limits.toml");
/// sources.fetch().await;
/// assert!(Settings::open(sources).problems().is_empty());
/// # });
/// ```
pub trait RemoteSource: Send + Sync + 'static {
    /// The scheme of its addresses: `"etcd"`.
    fn scheme(&self) -> &'static str;

    /// The parameters that an address may have after `?`, besides `timeout` and `format`, which every source has.
    fn parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// Understands an address. Nothing is touched.
    ///
    /// # Errors
    /// What is wrong with the address: [`RemoteAddress::malformed`].
    fn open(&self, address: &RemoteAddress) -> Result<Remote, Fault>;
}

/// The future that follows a remote source.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A remote source that is ready to be read and followed.
pub struct Remote(Box<dyn FnOnce(Feed) -> Work + Send>);

impl Remote {
    /// `follow` reads the source, hands what it finds to the [`Feed`], and goes on with every change until it is
    /// dropped. What fails is told to the feed and tried again; the future ends only when nothing can ever change.
    pub fn new<F>(follow: impl FnOnce(Feed) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Box::new(|feed| Box::pin(follow(feed))))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
