//! A remote source of these settings: started once, read as often as needed.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Mutex, PoisonError, mpsc::Sender},
    task::Poll,
    time::Duration,
};

use tokio::{task::AbortHandle, time::timeout};

use super::{Feed, Remote, RemoteAddress, RemoteSource, SourceHook, Trouble, follow::Ring};
use crate::{
    Code, Dur, Fault,
    layers::Layers,
    sources::{read_text, source_of},
};

/// A remote source, with what has been read from it. Following ends when this is dropped.
pub(crate) struct Held {
    address: RemoteAddress,
    first: Duration,
    feed: Feed,
    work: Mutex<Work>,
}

enum Work {
    Waiting(Remote),
    Begun(AbortHandle),
    /// Between the two.
    Beginning,
}

/// Follows the source. A panic in it is a trouble of the source like any other, but one that lasts.
async fn followed(Remote(follow): Remote, feed: Feed) {
    let mut work = follow(feed.clone());
    let ended = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    if let Err(panic) = ended.await {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("what follows it panicked: {}", said.unwrap_or("without a message"));
        feed.failed(
            Trouble::new(message).hint("restart the program; its log says where the panic was").lasting(),
        );
    }
}

impl Held {
    /// Understands the address; nothing is touched.
    pub(crate) fn open(source: &dyn RemoteSource, text: &str) -> Result<Self, Fault> {
        let address = RemoteAddress::parse(text)?;
        address.check(source.parameters())?;
        let first = address.timeout()?;
        let remote = source.open(&address)?;
        let feed = Feed::new(address.to_string());
        Ok(Self { address, first, feed, work: Mutex::new(Work::Waiting(remote)) })
    }

    /// Begins to follow, once, on the runtime that this is called on.
    pub(crate) fn begin(&self) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        *work = match std::mem::replace(&mut *work, Work::Beginning) {
            Work::Waiting(remote) => {
                Work::Begun(tokio::spawn(followed(remote, self.feed.clone())).abort_handle())
            }
            begun => begun,
        };
    }

    /// Waits for the first content, but not longer than the address allows.
    pub(crate) async fn first(&self) {
        // What came of it stands in the feed.
        let _elapsed = timeout(self.first, self.feed.first()).await;
    }

    pub(crate) fn listen(&self, listener: Sender<Ring>) {
        self.feed.listen(listener);
    }

    pub(crate) fn on_source(&self, hook: &SourceHook) {
        self.feed.on_source(hook);
    }

    pub(crate) fn trouble_of(&self, document: &str) -> Option<String> {
        self.feed.trouble_of(document).map(|trouble| trouble.message)
    }

    /// Adds what was read last, or why nothing has been.
    pub(crate) fn read(&self, env: &BTreeMap<String, String>, layers: &mut Layers) {
        let Some(documents) = self.feed.documents() else { return layers.broken(self.unread().into()) };
        for document in documents {
            match source_of(&document.name, &document.bytes, document.sealed) {
                Ok(source) => {
                    let ending = self.address.format().map(|format| format!("{}.{format}", document.name));
                    read_text(source, ending.as_deref(), env, Path::new(""), layers);
                }
                Err(why) => {
                    let fault = Fault::new(Code::UnreadableSource, why).target(&document.name);
                    layers.broken(fault.hint("publish a text that can be read").into());
                }
            }
        }
    }

    /// Why there is no content.
    fn unread(&self) -> Fault {
        let Trouble { message, hint, lasting } = self.feed.current_trouble().unwrap_or_else(|| {
            let fetched =
                matches!(&*self.work.lock().unwrap_or_else(PoisonError::into_inner), Work::Begun(_));
            let message =
                if fetched { "no answer" } else { "it was not read: nothing has called `Sources::fetch`" };
            Trouble::new(message)
        });
        let waited = if lasting { String::new() } else { format!(" (tried for {})", Dur::from(self.first)) };
        let fault =
            Fault::new(Code::UnreadableSource, format_args!("{message}{waited}")).target(&self.address);
        match hint {
            Some(hint) => fault.hint(hint),
            None => fault.hint("see that the address is right and that it can be reached from here"),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Work::Begun(task) = self.work.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}
