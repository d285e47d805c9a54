//! Leases kept in the Kubernetes API, as `coordination.k8s.io/v1` `Lease` objects.
//!
//! The protocol is that of client-go's leader election
//! (<https://pkg.go.dev/k8s.io/client-go/tools/leaderelection>): a lease of another has run out when its record has not
//! changed for its duration on this machine's own clock, and `leaseTransitions` grows with each change of the holder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use inkstone_config::{Code, Fault};
use inkstone_core::{Claim, Error, LeaseStore, Leases, Token};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::OnceCell;

use crate::api::{Access, Api as Reached, chain};

/// Leases in the pod's own namespace. The pod's service account must be allowed to get, create and update `leases` of
/// the group `coordination.k8s.io`.
#[must_use]
pub fn leases() -> Leases {
    Leases::new(KubernetesLeases::new())
}

/// Keeps leases in the Kubernetes API.
#[derive(Debug, Default)]
pub struct KubernetesLeases {
    access: Access,
    namespace: Option<String>,
    api: OnceCell<Connected>,
    /// The version of each lease of another, and since when it has been that.
    seen: Mutex<HashMap<String, (String, Instant)>>,
}

#[derive(Debug)]
struct Connected {
    leases: Api<Lease>,
    server: String,
}

impl KubernetesLeases {
    /// The API as `kubectl` reaches it, and the pod's own namespace.
    #[must_use]
    pub fn new() -> Self {
        Self { namespace: std::env::var("POD_NAMESPACE").ok(), ..Self::default() }
    }

    /// With this kubeconfig, whatever the environment says.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.access.kubeconfig = Some(path.into());
        self
    }

    /// In this namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    async fn connected(&self) -> Result<&Connected, Error> {
        let connect = || async {
            let reached = self.access.connect().await.map_err(|why| Fault::new(Code::ConnectFailed, why))?;
            let Reached { client, default_namespace, server } = reached;
            let namespace = self.namespace.as_deref().unwrap_or(&default_namespace);
            Ok::<_, Error>(Connected { leases: Api::namespaced(client, namespace), server })
        };
        self.api.get_or_try_init(connect).await
    }

    /// Whether another's lease has run out: its record has not changed for as long as it holds.
    fn has_run_out(&self, name: &str, version: &str, holds: Duration) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(name) {
            Some((known, since)) if known == version => since.elapsed() >= holds,
            _ => {
                seen.insert(name.to_owned(), (version.to_owned(), Instant::now()));
                false
            }
        }
    }

    async fn try_hold(&self, claim: &Claim) -> Result<Option<Token>, Error> {
        let Connected { leases, server } = self.connected().await?;
        let failed = |error: &kube::Error| failed(claim, server, error);
        let Some(mut lease) = leases.get_opt(&claim.name).await.map_err(|error| failed(&error))? else {
            let metadata = ObjectMeta { name: Some(claim.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(taken(claim, 1)) };
            return match leases.create(&PostParams::default(), &lease).await {
                Ok(_) => Ok(Some(Token(1))),
                Err(error) if is_conflict(&error) => Ok(None),
                Err(error) => Err(failed(&error)),
            };
        };
        let spec = lease.spec.take().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let transitions = spec.lease_transitions.unwrap_or_default();
        let transitions = if holder == claim.holder {
            transitions
        } else {
            let holds =
                Duration::from_secs(spec.lease_duration_seconds.unwrap_or(1).max(1).unsigned_abs().into());
            let version = lease.metadata.resource_version.as_deref().unwrap_or_default();
            if !holder.is_empty() && !self.has_run_out(&claim.name, version, holds) {
                return Ok(None);
            }
            transitions.saturating_add(1)
        };
        let acquired = spec.acquire_time.filter(|_| holder == claim.holder);
        let mut mine = taken(claim, transitions);
        mine.acquire_time = acquired.or(mine.acquire_time);
        lease.spec = Some(mine);
        // The version in the object lets the write fail if another was faster.
        match leases.replace(&claim.name, &PostParams::default(), &lease).await {
            Ok(_) => Ok(Some(Token(u64::from(transitions.unsigned_abs())))),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn try_release(&self, claim: &Claim) -> Result<(), Error> {
        let Connected { leases, server } = self.connected().await?;
        let failed = |error: &kube::Error| failed(claim, server, error);
        let Some(mut lease) = leases.get_opt(&claim.name).await.map_err(|error| failed(&error))? else {
            return Ok(());
        };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(&claim.holder) {
            return Ok(());
        }
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        match leases.replace(&claim.name, &PostParams::default(), &lease).await {
            Err(error) if !is_conflict(&error) => Err(failed(&error)),
            // Another has it already.
            _ => Ok(()),
        }
    }
}

impl LeaseStore for KubernetesLeases {
    fn hold<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        self.try_hold(claim).boxed()
    }

    fn release<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<(), Error>> {
        self.try_release(claim).boxed()
    }
}

/// The record of a lease that is held from now on.
fn taken(claim: &Claim, transitions: i32) -> LeaseSpec {
    // Whole seconds, and never less than was claimed: the others wait for as long as is written here.
    let seconds = claim.duration.as_secs() + u64::from(claim.duration.subsec_nanos() > 0);
    let now = MicroTime(Timestamp::now());
    LeaseSpec {
        holder_identity: Some(claim.holder.clone()),
        lease_duration_seconds: Some(i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)),
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    }
}

/// Somebody else wrote first.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn failed(claim: &Claim, server: &str, error: &kube::Error) -> Error {
    let message = format!("the lease `{}` cannot be read or written: {}", claim.name, chain(error));
    let fault = Fault::new(Code::ConnectFailed, message).target(server);
    match error {
        kube::Error::Api(status) if status.code == 403 => fault
            .hint("allow the pod's service account to get, create and update `leases` of coordination.k8s.io")
            .into(),
        _ => fault.into(),
    }
}
