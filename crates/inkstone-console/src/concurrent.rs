//! Doing many small things at the same time, within bounds.

use futures::stream::{self, StreamExt as _};

/// So many pods, or applications, are asked at the same time.
const AT_ONCE: usize = 32;

/// The outcomes, in the order of the work.
pub(crate) async fn all<F: Future>(work: Vec<F>) -> Vec<F::Output> {
    stream::iter(work).buffered(AT_ONCE).collect().await
}
