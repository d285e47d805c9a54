//! Changes of several kinds of object as one stream.
use futures::future::select_all;

use crate::store::{Event, Resource, Selector, Store, Watch, WatchFrom};

/// Follows several resources in all namespaces, beginning with what there is.
#[derive(Debug)]
pub(crate) struct Feed {
    store: Store,
    watches: Vec<(&'static Resource, Watch)>,
}

/// What a feed tells.
#[derive(Debug)]
pub(crate) enum Change {
    /// One event, never a bookmark.
    Event(&'static Resource, Event),
    /// Events of this resource were missed; those of everything there is follow as `Added`.
    Reset(&'static Resource),
}

impl Feed {
    pub(crate) fn new(store: &Store, resources: &[&'static Resource]) -> Self {
        let watches = resources.iter().map(|resource| (*resource, watch(store, resource))).collect();
        Self { store: store.clone(), watches }
    }

    /// The next change; `None` once the store has closed its watches. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Change> {
        loop {
            let waiting = self.watches.iter_mut().map(|(_, watch)| Box::pin(watch.next()));
            let (event, index, _) = select_all(waiting).await;
            let (resource, watch) = &mut self.watches[index];
            match event? {
                Event::Bookmark(_) => {}
                Event::Error(error) => {
                    tracing::warn!(resource = resource.plural, %error, "looking at everything again");
                    *watch = self::watch(&self.store, resource);
                    return Some(Change::Reset(resource));
                }
                event => return Some(Change::Event(resource, event)),
            }
        }
    }
}

fn watch(store: &Store, resource: &'static Resource) -> Watch {
    let watch = store.watch(resource, None, Selector::all(), WatchFrom::Now);
    watch.expect("only a watch from an old version can be refused")
}
