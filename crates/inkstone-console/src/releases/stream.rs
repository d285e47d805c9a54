//! A release as a stream: how it stands now, then each change, until it is final.

use std::sync::Arc;

use futures::stream::{self, Stream};
use tokio::sync::watch;

use super::Releases;
use crate::problem::Problem;
use crate::store::Release;

impl Releases {
    /// The release, each time it changes. Ends after a final state and when the console stops.
    pub(crate) async fn stream(
        &self,
        id: &str,
    ) -> Result<impl Stream<Item = Arc<Release>> + Send + use<>, Problem> {
        // The watch first, then the database: a release that ends in between is seen in its final state.
        let watching = self.watching(id);
        let release = self.store.release(id).await?;
        let release = release.ok_or_else(|| Problem::not_found(format!("release {id}")))?;
        let mut last = None;
        let watching = match watching {
            Some(mut watching) if !release.state.is_final() => {
                watching.mark_changed();
                Some(watching)
            }
            _ => {
                last = Some(Arc::new(release));
                None
            }
        };
        let stop = self.stop.clone();
        Ok(stream::unfold((watching, last, stop), |(watching, last, stop)| async move {
            if let Some(last) = last {
                return Some((last, (None, None, stop)));
            }
            let mut watching: watch::Receiver<Arc<Release>> = watching?;
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = watching.changed() => changed.ok()?,
            }
            let release = Arc::clone(&watching.borrow_and_update());
            let next = if release.state.is_final() { None } else { Some(watching) };
            Some((release, (next, None, stop)))
        }))
    }
}
