//! Keys that live as long as their holder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::task::AbortOnDropHandle;
use tonic::Request;

use crate::error::Error;
use crate::link::{Link, client};
use crate::pb::etcdserverpb::lease_client::LeaseClient;
use crate::pb::etcdserverpb::{LeaseKeepAliveRequest, LeaseRevokeRequest};

/// A lease that is kept alive until its last clone is dropped, or until it is [revoked](Lease::revoke).
///
/// Dropping lets the keys live for what is left of its time, at most; a lease that has run out, because etcd could not
/// be reached for that long, is [lost](Lease::lost).
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    id: i64,
    link: Link,
    lost: tokio_util::sync::CancellationToken,
    _keeping: AbortOnDropHandle<()>,
}

impl Lease {
    pub(crate) fn keep(link: Link, id: i64, seconds: i64) -> Self {
        let lost = tokio_util::sync::CancellationToken::new();
        let time = Duration::from_secs(u64::try_from(seconds).unwrap_or(1).max(1));
        let keeping = AbortOnDropHandle::new(tokio::spawn(keep(link.clone(), id, time, lost.clone())));
        Self(Arc::new(Inner { id, link, lost, _keeping: keeping }))
    }

    /// etcd's number of it.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.0.id
    }

    /// Waits until the lease has run out: its keys are gone. Cancel safe.
    pub async fn lost(&self) {
        self.0.lost.cancelled().await;
    }

    /// Ends it now; its keys are deleted.
    ///
    /// # Errors
    /// When etcd does not answer; the keys then live until the lease has run out.
    pub async fn revoke(self) -> Result<(), Error> {
        let request = LeaseRevokeRequest { id: self.0.id };
        let call = self.0.link.call(&request, |channel, request| async move {
            client!(LeaseClient, channel).lease_revoke(request).await
        });
        call.await?;
        self.0.lost.cancel();
        Ok(())
    }
}

/// Renews three times in the lease's time, so that one lost message costs nothing.
async fn keep(link: Link, id: i64, time: Duration, lost: tokio_util::sync::CancellationToken) {
    let mut renewed = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(time / 3).await;
        let begun = tokio::time::Instant::now();
        let request = LeaseKeepAliveRequest { id };
        let renewal = link.call(&request, |channel, request: Request<_>| async move {
            let (metadata, extensions, message) = request.into_parts();
            let talk = futures::stream::once(std::future::ready(message));
            client!(LeaseClient, channel)
                .lease_keep_alive(Request::from_parts(metadata, extensions, talk))
                .await
        });
        let answer = tokio::time::timeout(time / 3, async { renewal.await.ok()?.next().await?.ok() }).await;
        match answer {
            Ok(Some(answer)) if answer.ttl > 0 => renewed = begun,
            // etcd knows no such lease.
            Ok(Some(_)) => return lost.cancel(),
            Ok(None) | Err(_) if renewed.elapsed() < time => {}
            Ok(None) | Err(_) => {
                tracing::warn!(lease = id, "etcd was not reached for {time:?}: the lease has run out");
                return lost.cancel();
            }
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("id", &self.0.id).finish_non_exhaustive()
    }
}
