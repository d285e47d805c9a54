//! A client of an etcd cluster.

use std::fmt;
use std::sync::Arc;

use inkstone_config::{Code, Dur, Live};
use inkstone_core::{Component, Cx, Health, Peer};
use inkstone_guard::{Guard, Op};
use inkstone_observe::Protocol;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::config::EtcdConfig;
use crate::error::Error;
use crate::lease::Lease;
use crate::link::{Link, Options, client};
use crate::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::pb::etcdserverpb::kv_client::KvClient;
use crate::pb::etcdserverpb::lease_client::LeaseClient;
use crate::pb::etcdserverpb::request_op::Request as Operation;
use crate::pb::etcdserverpb::{
    Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RequestOp, TxnRequest,
};
use crate::pb::mvccpb;
use crate::watch::{Range, Watch};

/// A client of an etcd cluster: keys, watches and leases, guarded and recorded.
///
/// A handle: clones share the connections.
#[derive(Debug, Clone)]
pub struct Etcd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    guard: Guard,
}

/// A key with its value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyValue {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The revision of the last change: what [`Etcd::put_if`] compares.
    pub revision: i64,
    /// The lease that it lives by, or 0.
    pub lease: i64,
}

impl KeyValue {
    /// The value as text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.value).ok()
    }
}

impl From<mvccpb::KeyValue> for KeyValue {
    fn from(kv: mvccpb::KeyValue) -> Self {
        Self { key: kv.key.into(), value: kv.value.into(), revision: kv.mod_revision, lease: kv.lease }
    }
}

/// Without the value: etcd holds secrets, too.
impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValue")
            .field("key", &String::from_utf8_lossy(&self.key))
            .field("bytes", &self.value.len())
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Component for Etcd {
    const KIND: &'static str = "etcd";
    type Config = EtcdConfig;

    async fn build(config: Live<EtcdConfig>, cx: Cx) -> Result<Self, inkstone_core::Error> {
        let start = config.get();
        let options = Options {
            members: start.addr.as_str().split(',').map(str::to_owned).collect(),
            user: start.user.clone(),
            password: start.password.clone(),
            tls: start.tls.clone(),
            connect: start.connect.clone(),
        };
        let link = Link::new(&options).map_err(|why| {
            cx.fault(Code::BuildFailed, why).target(&start.addr).hint("see the table's keys")
        })?;
        let guard = cx.guard(Protocol::Db, start.addr.to_string(), config.map(|config| config.guard.clone()));
        let etcd = Self(Arc::new(Inner { link, guard }));
        match etcd.ask().await {
            Ok(()) => Ok(etcd),
            Err(error) => {
                Err(cx.fault(Code::ConnectFailed, &error).target(&start.addr).hint(error.hint()).into())
            }
        }
    }

    fn peers(&self) -> Vec<Peer> {
        self.0.link.peers()
    }

    async fn health(&self) -> Health {
        match self.ask().await {
            Ok(()) => Health::Up,
            Err(error) => Health::Down(error.to_string()),
        }
    }
}

/// A call, as the guard records it: what is done to which key, without the value.
struct Asked<'a>(&'a [u8]);

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

impl Etcd {
    /// The value of a key, if it exists.
    ///
    /// # Errors
    /// When etcd does not answer in time, or refuses.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<KeyValue>, Error> {
        let range = Range::key(key.as_ref());
        let found = self.range("get", &range).await?;
        Ok(found.into_iter().next())
    }

    /// Every key that begins with `prefix`, in order.
    ///
    /// # Errors
    /// As [`Etcd::get`].
    pub async fn list(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<KeyValue>, Error> {
        let range = Range::prefix(prefix.as_ref());
        self.range("list", &range).await
    }

    async fn range(&self, method: &str, range: &Range) -> Result<Vec<KeyValue>, Error> {
        let call = |channel, request| async move { client!(KvClient, channel).range(request).await };
        let found = self.call(method, &range.key, range.request(), call).await?;
        Ok(found.kvs.into_iter().map(KeyValue::from).collect())
    }

    /// Writes a key; the revision of the change.
    ///
    /// # Errors
    /// As [`Etcd::get`]. After a time-out it may have been written.
    pub async fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.put_with(key.as_ref(), value.as_ref(), 0).await
    }

    /// Writes a key that is deleted when the lease ends.
    ///
    /// # Errors
    /// As [`Etcd::put`], and when the lease has run out.
    pub async fn put_leased(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        lease: &Lease,
    ) -> Result<i64, Error> {
        self.put_with(key.as_ref(), value.as_ref(), lease.id()).await
    }

    async fn put_with(&self, key: &[u8], value: &[u8], lease: i64) -> Result<i64, Error> {
        let call = |channel, request| async move { client!(KvClient, channel).put(request).await };
        let answer = self.call("put", key, put(key, value, lease), call).await?;
        Ok(answer.header.map_or(0, |header| header.revision))
    }

    /// Writes a key if its last change is still that of `revision`, which is 0 for a key that does not exist; whether
    /// it was written.
    ///
    /// # Errors
    /// As [`Etcd::put`].
    pub async fn put_if(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        revision: i64,
    ) -> Result<bool, Error> {
        let key = key.as_ref();
        let same = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.to_vec().into(),
            target_union: Some(TargetUnion::ModRevision(revision)),
        };
        let write = RequestOp { request: Some(Operation::RequestPut(put(key, value.as_ref(), 0))) };
        let request = TxnRequest { compare: vec![same], success: vec![write], failure: Vec::new() };
        let call = |channel, request| async move { client!(KvClient, channel).txn(request).await };
        Ok(self.call("put", key, request, call).await?.succeeded)
    }

    /// Deletes a key; whether it existed.
    ///
    /// # Errors
    /// As [`Etcd::put`].
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        Ok(self.remove(Range::key(key.as_ref())).await? > 0)
    }

    /// Deletes every key that begins with `prefix`; how many there were.
    ///
    /// # Errors
    /// As [`Etcd::put`].
    pub async fn delete_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.remove(Range::prefix(prefix.as_ref())).await
    }

    async fn remove(&self, range: Range) -> Result<i64, Error> {
        let call = |channel, request| async move { client!(KvClient, channel).delete_range(request).await };
        let request = DeleteRangeRequest { key: range.key.clone().into(), range_end: range.end.into() };
        Ok(self.call("delete", &range.key, request, call).await?.deleted)
    }

    /// Follows a key: its value first, then each change. It is not a call of the guard: it lasts.
    #[must_use]
    pub fn watch(&self, key: impl AsRef<[u8]>) -> Watch {
        Watch::new(self.0.link.clone(), Range::key(key.as_ref()))
    }

    /// Follows every key that begins with `prefix`.
    #[must_use]
    pub fn watch_prefix(&self, prefix: impl AsRef<[u8]>) -> Watch {
        Watch::new(self.0.link.clone(), Range::prefix(prefix.as_ref()))
    }

    /// A lease of `time`, which is at least a second and is kept alive for as long as somebody holds it.
    ///
    /// # Errors
    /// As [`Etcd::get`].
    pub async fn lease(&self, time: Dur) -> Result<Lease, Error> {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX).max(1);
        let call = |channel, request| async move { client!(LeaseClient, channel).lease_grant(request).await };
        let request = LeaseGrantRequest { ttl: seconds, id: 0 };
        let lease = self.call("lease", b"", request, call).await?;
        Ok(Lease::keep(self.0.link.clone(), lease.id, lease.ttl))
    }

    async fn call<Req, Res, F, Fut>(
        &self,
        method: &str,
        key: &[u8],
        request: Req,
        call: F,
    ) -> Result<Res, Error>
    where
        Req: Clone + Sync,
        Res: fmt::Debug,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        let asked = Asked(key);
        let op = Op::new(self.0.guard.method(method)).request(&asked);
        let hidden =
            self.0.guard.call(op, || async { self.0.link.call(&request, &call).await.map(Hidden) }).await?;
        Ok(hidden.0)
    }

    /// Whether etcd answers, and lets us ask at all: a key that nobody has is not read by anybody else either.
    async fn ask(&self) -> Result<(), Error> {
        match self.get("inkstone/health").await {
            // It has answered. What the user may read is the application's business.
            Err(error) if error.code() == tonic::Code::PermissionDenied => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// An answer, of which the record shows nothing: values may be secret.
struct Hidden<T>(T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("answered")
    }
}

fn put(key: &[u8], value: &[u8], lease: i64) -> PutRequest {
    PutRequest { key: key.to_vec().into(), value: value.to_vec().into(), lease }
}
