//! The way to etcd: its members, one after the other, and the token that they ask for.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use inkstone_config::Secret;
use inkstone_core::Peer;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, ConnectError, Request, Response, Status};

use crate::config::{ConnectConfig, TlsConfig};
use crate::error::Error;
use crate::pb::etcdserverpb::AuthenticateRequest;
use crate::pb::etcdserverpb::auth_client::AuthClient;

/// Longest message that is taken: what etcd sends at most for a request of ours, with room for many keys.
const MOST_MESSAGE: usize = 64 << 20;

/// What a connection is made from.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) members: Vec<String>,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) tls: TlsConfig,
    pub(crate) connect: ConnectConfig,
}

/// The members of a cluster. A handle: clones share connections and token.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    members: Vec<Member>,
    /// The member that answered last.
    current: AtomicUsize,
    login: Option<(String, Secret)>,
    token: Mutex<Option<AsciiMetadataValue>>,
}

struct Member {
    name: String,
    channel: Channel,
    /// Why it did not answer the last time.
    down: Mutex<Option<String>>,
}

impl Link {
    /// Nothing is connected yet.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let members =
            options.members.iter().map(|name| Member::new(name, options)).collect::<Result<_, _>>()?;
        let login =
            Some((options.user.clone(), options.password.clone())).filter(|(user, _)| !user.is_empty());
        Ok(Self(Arc::new(Inner { members, current: AtomicUsize::new(0), login, token: Mutex::default() })))
    }

    /// Makes one call. A member to which there is no connection gives way to the next; what may have been done already
    /// is not done again. A token that has run out is renewed once.
    pub(crate) async fn call<Req, Res, F, Fut>(&self, request: &Req, call: F) -> Result<Res, Error>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        let first = self.0.current.load(Ordering::Relaxed);
        let mut renewed = false;
        let mut step = 0;
        loop {
            let at = (first + step) % self.0.members.len();
            let member = &self.0.members[at];
            let attempt = async {
                let request = self.signed(request.clone(), member).await?;
                call(member.channel.clone(), request).await
            };
            let status = match attempt.await {
                Ok(response) => {
                    self.0.current.store(at, Ordering::Relaxed);
                    member.set_down(None);
                    return Ok(response.into_inner());
                }
                Err(status) => status,
            };
            if is_stale(&status) && self.0.login.is_some() && !renewed {
                renewed = true;
                *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                continue;
            }
            // A connection that breaks under a call has a code of its own, and says why in its source.
            let broken = std::error::Error::source(&status).is_some();
            let unavailable = broken || status.code() == Code::Unavailable;
            member.set_down(unavailable.then(|| Error::of(&status, &member.name).to_string()));
            step += 1;
            if !never_began(&status) || step >= self.0.members.len() {
                // The next call begins elsewhere.
                if unavailable {
                    self.0.current.store((at + 1) % self.0.members.len(), Ordering::Relaxed);
                }
                return Err(Error::of(&status, &member.name));
            }
        }
    }

    async fn signed<T>(&self, message: T, member: &Member) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        let Some((user, password)) = &self.0.login else { return Ok(request) };
        let known = self.0.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = match known {
            Some(token) => token,
            None => {
                let login =
                    AuthenticateRequest { name: user.clone(), password: password.reveal().to_owned() };
                let answer = AuthClient::new(member.channel.clone()).authenticate(login).await?.into_inner();
                let mut token: AsciiMetadataValue =
                    answer.token.parse().map_err(|_| Status::internal("the token cannot be sent back"))?;
                token.set_sensitive(true);
                *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
                token
            }
        };
        // `rpctypes.TokenFieldNameGRPC` of etcd
        request.metadata_mut().insert("token", token);
        Ok(request)
    }

    /// The members; those that are not asked because another answers count as up.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let peer = |member: &Member| match member.down.lock().unwrap_or_else(PoisonError::into_inner).clone()
        {
            Some(reason) => Peer::down(&member.name, reason),
            None => Peer::up(&member.name),
        };
        self.0.members.iter().map(peer).collect()
    }

    /// The member that answered last, for messages.
    pub(crate) fn member(&self) -> &str {
        &self.0.members[self.0.current.load(Ordering::Relaxed)].name
    }
}

impl Member {
    fn new(name: &str, options: &Options) -> Result<Self, String> {
        // An address without a port means etcd's own.
        let address = match name.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => name.to_owned(),
            _ => format!("{name}:2379"),
        };
        let scheme = if options.tls.enabled { "https" } else { "http" };
        let ConnectConfig { timeout, keepalive, keepalive_timeout } = &options.connect;
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| format!("`{name}` is not `host:port`: {error}"))?
            .connect_timeout(timeout.get())
            .http2_keep_alive_interval(keepalive.get())
            .keep_alive_timeout(keepalive_timeout.get())
            .keep_alive_while_idle(true);
        if options.tls.enabled {
            let tls = tls(&options.tls)?;
            endpoint = endpoint
                .tls_config(tls)
                .map_err(|error| format!("TLS: {}", inkstone_core::Error::chain(&error)))?;
        }
        Ok(Self { name: address, channel: endpoint.connect_lazy(), down: Mutex::default() })
    }
}

impl Member {
    fn set_down(&self, why: Option<String>) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

fn tls(config: &TlsConfig) -> Result<ClientTlsConfig, String> {
    let read =
        |path: &Path| fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
    let given = |path: &Path| !path.as_os_str().is_empty();
    let mut tls = ClientTlsConfig::new();
    tls = match given(&config.ca) {
        true => tls.ca_certificate(Certificate::from_pem(read(&config.ca)?)),
        false => tls.with_native_roots(),
    };
    if given(&config.cert) {
        tls = tls.identity(Identity::from_pem(read(&config.cert)?, read(&config.key)?));
    }
    if !config.server_name.is_empty() {
        tls = tls.domain_name(&config.server_name);
    }
    Ok(tls)
}

/// Whether the token has run out, or etcd has forgotten it in a restart.
fn is_stale(status: &Status) -> bool {
    status.code() == Code::Unauthenticated || status.message().contains("invalid auth token")
}

/// Whether there was no connection, so that nothing can have been done.
fn never_began(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// A client of one service, ready for long answers.
macro_rules! client {
    ($client:ident, $channel:expr) => {
        $client::new($channel).max_decoding_message_size($crate::link::most_message())
    };
}
pub(crate) use client;

pub(crate) const fn most_message() -> usize {
    MOST_MESSAGE
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.members.iter().map(|member| &member.name).collect();
        f.debug_struct("Link").field("members", &names).finish_non_exhaustive()
    }
}
