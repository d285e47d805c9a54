//! Following keys.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use futures::StreamExt;
use tonic::{Code, Request, Streaming};

use crate::error::Error;
use crate::etcd::KeyValue;
use crate::link::{Link, client};
use crate::pb::etcdserverpb::kv_client::KvClient;
use crate::pb::etcdserverpb::watch_client::WatchClient;
use crate::pb::etcdserverpb::watch_request::RequestUnion;
use crate::pb::etcdserverpb::{RangeRequest, WatchCreateRequest, WatchRequest, WatchResponse};
use crate::pb::mvccpb::event::EventType;

/// Longest wait for the answer to a listing or to the beginning of a watch.
const ANSWER: Duration = Duration::from_secs(5);
/// First and longest wait before etcd is asked again.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// One key, or all that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) key: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Range {
    pub(crate) fn key(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), end: Vec::new() }
    }

    /// The end is the first key that does not begin so; every key begins with nothing.
    pub(crate) fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let prefix = prefix.into();
        let mut end = prefix.clone();
        while end.last() == Some(&0xff) {
            end.pop();
        }
        match end.last_mut() {
            Some(last) => *last += 1,
            // In etcd's words: up to the last key.
            None => end = vec![0],
        }
        let key = if prefix.is_empty() { vec![0] } else { prefix };
        Self { key, end }
    }

    pub(crate) fn request(&self) -> RangeRequest {
        RangeRequest {
            key: self.key.clone().into(),
            range_end: self.end.clone().into(),
            ..Default::default()
        }
    }
}

/// Keys that are followed: all of them first, then each change.
///
/// It survives what a client survives: a lost connection, a restart of etcd, a compaction. After any of these it says
/// [`Seen::All`] again, since changes may have been missed.
pub struct Watch {
    link: Link,
    range: Range,
    open: Option<Streaming<WatchResponse>>,
    /// How long to wait before the next attempt, after a failure.
    wait: Option<Duration>,
}

/// What a [`Watch`] has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// All that there is now, in the order of the keys; what is not in it does not exist.
    All(Vec<KeyValue>),
    /// What has changed since, at one revision or at several.
    Changes(Vec<Change>),
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Put(KeyValue),
    /// It was deleted, or its lease has run out.
    Deleted(Vec<u8>),
}

impl Watch {
    pub(crate) fn new(link: Link, range: Range) -> Self {
        Self { link, range, open: None, wait: None }
    }

    /// Waits for what comes next. Cancel safe.
    ///
    /// # Errors
    /// When etcd does not answer or refuses. Calling it again tries again, after a pause that grows up to 5 s.
    pub async fn next(&mut self) -> Result<Seen, Error> {
        match self.step().await {
            Ok(seen) => Ok(seen),
            Err(error) => {
                self.open = None;
                self.wait = Some(self.wait.map_or(WAITS.0, |wait| (wait * 2).min(WAITS.1)));
                Err(error)
            }
        }
    }

    async fn step(&mut self) -> Result<Seen, Error> {
        loop {
            let Some(stream) = &mut self.open else {
                if let Some(wait) = self.wait {
                    tokio::time::sleep(spread(wait)).await;
                }
                let (all, stream) = self.begin().await?;
                self.open = Some(stream);
                return Ok(Seen::All(all));
            };
            let member = self.link.member();
            let response = match stream.message().await {
                Ok(Some(response)) => response,
                Ok(None) => {
                    return Err(Error::new(Code::Unavailable, format_args!("{member} ended the watch")));
                }
                Err(status) => return Err(Error::of(&status, member)),
            };
            // It answers: a failure from here on is a new one.
            self.wait = None;
            if response.canceled {
                self.open = None;
                // The past that the watch would begin at is forgotten: what there is now is all that can be had.
                if response.compact_revision > 0 {
                    continue;
                }
                let why = response.cancel_reason;
                return Err(Error::new(Code::Unavailable, format_args!("{member} ended the watch: {why}")));
            }
            if !response.events.is_empty() {
                return Ok(Seen::Changes(response.events.into_iter().filter_map(change).collect()));
            }
        }
    }

    /// Lists, then watches from the very revision after: nothing in between is missed.
    async fn begin(&self) -> Result<(Vec<KeyValue>, Streaming<WatchResponse>), Error> {
        let list = self.range.request();
        let listing = self
            .link
            .call(&list, |channel, request| async move { client!(KvClient, channel).range(request).await });
        let listed = in_time(listing, &self.link).await?;
        let revision = listed.header.map_or(0, |header| header.revision);
        let stream = self.from(revision + 1).await?;
        Ok((listed.kvs.into_iter().map(KeyValue::from).collect(), stream))
    }

    /// Watches from a revision on.
    async fn from(&self, start_revision: i64) -> Result<Streaming<WatchResponse>, Error> {
        let create = WatchCreateRequest {
            key: self.range.key.clone().into(),
            range_end: self.range.end.clone().into(),
            start_revision,
        };
        let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let opening = self.link.call(&create, |channel, request: Request<WatchRequest>| async move {
            let (metadata, extensions, create) = request.into_parts();
            // The watch ends when the client has nothing more to say, so it never has.
            let talk = futures::stream::once(std::future::ready(create)).chain(futures::stream::pending());
            let mut request = Request::from_parts(metadata, extensions, talk);
            // A member that has lost the others ends the watch instead of falling silent.
            request.metadata_mut().insert("hasleader", tonic::metadata::MetadataValue::from_static("true"));
            client!(WatchClient, channel).watch(request).await
        });
        in_time(opening, &self.link).await
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Error>>, link: &Link) -> Result<T, Error> {
    tokio::time::timeout(ANSWER, work).await.unwrap_or_else(|_elapsed| {
        Err(Error::new(
            Code::DeadlineExceeded,
            format_args!("{} gave no answer within {ANSWER:?}", link.member()),
        ))
    })
}

fn change(event: crate::pb::mvccpb::Event) -> Option<Change> {
    let deleted = event.r#type() == EventType::Delete;
    let kv = event.kv?;
    Some(if deleted { Change::Deleted(kv.key.into()) } else { Change::Put(kv.into()) })
}

/// Up to half less, so that a thousand clients do not come back in the same instant.
fn spread(wait: Duration) -> Duration {
    let dice = RandomState::new().hash_one(0_u8) % 1000;
    wait.mul_f64(0.5 + f64::from(u16::try_from(dice).unwrap_or(0)) / 2000.0)
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("range", &self.range)
            .field("open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, reason = "shared with the tests outside")]
#[path = "../tests/it/server.rs"]
mod server;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use inkstone_config::Secret;

    use super::{Range, Seen, Watch, server::Server};
    use crate::link::{Link, Options};

    #[tokio::test]
    async fn a_watch_from_a_compacted_revision_says_all_again() {
        let server = Server::start();
        for value in ["1", "2", "3"] {
            server.must(&["put", "a", value]);
        }
        server.must(&["compact", "3"]);
        let options = Options {
            members: vec![server.addr()],
            user: String::new(),
            password: Secret::default(),
            tls: crate::TlsConfig::default(),
            connect: crate::config::ConnectConfig::default(),
        };
        let mut watch = Watch::new(Link::new(&options).unwrap(), Range::key("a"));
        // What a slow client asks for that has listed before the compaction.
        watch.open = Some(watch.from(2).await.unwrap());
        let seen = tokio::time::timeout(Duration::from_secs(30), watch.next()).await.unwrap().unwrap();
        let Seen::All(all) = seen else { panic!("{seen:?}") };
        assert_eq!(all[0].text(), Some("3"));
    }

    #[test]
    fn the_end_of_a_prefix_is_the_first_key_after_it() {
        let check = |prefix: &[u8], key: &[u8], end: &[u8]| {
            let range = Range::prefix(prefix);
            assert_eq!((&*range.key, &*range.end), (key, end), "{prefix:?}");
        };
        check(b"a/", b"a/", b"a0");
        check(b"a\xff", b"a\xff", b"b");
        check(b"\xff\xff", b"\xff\xff", b"\0");
        check(b"", b"\0", b"\0");
    }
}
