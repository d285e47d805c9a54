//! Following services, over the local cluster and over an API that misbehaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod cluster;
mod faults;
mod lease;
mod source;

use std::path::Path;
use std::time::Duration;

use inkstone_discover::{Endpoints, Resolution, Resolver};
use inkstone_k8s::{KubernetesResolver, resolver};

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn resolver_of(kubeconfig: &Path) -> KubernetesResolver {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    resolver().kubeconfig(kubeconfig).namespace("shop")
}

fn follow(kubeconfig: &Path, target: &str) -> Resolution {
    resolver_of(kubeconfig).resolve(&target.parse().unwrap()).unwrap()
}

/// The first state that `wanted` accepts.
async fn until(resolution: &mut Resolution, what: &str, wanted: impl Fn(&Endpoints) -> bool) -> Endpoints {
    let mut now = resolution.current();
    let waiting = async {
        while !wanted(&now) {
            now = resolution.changed().await;
        }
    };
    match tokio::time::timeout(SOON, waiting).await {
        Ok(()) => now,
        Err(_elapsed) => panic!("{what} does not come; there is {now:?}"),
    }
}

fn addresses(endpoints: &Endpoints) -> Vec<String> {
    endpoints.ready().iter().map(|endpoint| endpoint.addr.to_string()).collect()
}

/// Waits for exactly these addresses and no error.
async fn expect(resolution: &mut Resolution, expected: &[&str]) {
    let wanted = |now: &Endpoints| now.is_resolved() && now.error().is_none() && addresses(now) == expected;
    until(resolution, &format!("{expected:?}"), wanted).await;
}
