//! The built-in resolvers: lists of `host:port`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::endpoints::{Endpoint, Publisher, Resolution};
use crate::resolver::{ResolveError, Resolver};
use crate::target::Target;

/// How often names are looked up again. The operating system's resolver does not tell how long an answer holds.
const AGAIN: Duration = Duration::from_secs(5);
/// First wait after a lookup that failed; it doubles up to [`AGAIN`].
const RETRY: Duration = Duration::from_millis(100);

/// `static:///10.0.0.7:9002,10.0.0.8:9002`: names are looked up until that succeeds once, and then stay.
pub(crate) struct Static;

/// `dns:///catalog.internal:9002`: names are looked up again and again.
pub(crate) struct Dns;

impl Resolver for Static {
    fn scheme(&self) -> &'static str {
        "static"
    }

    fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError> {
        Ok(resolve(target, false))
    }
}

impl Resolver for Dns {
    fn scheme(&self) -> &'static str {
        "dns"
    }

    fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError> {
        if !target.authority().is_empty() {
            let why = "the machine's own DNS servers are asked, so nothing may stand before the third slash";
            return Err(ResolveError::malformed(target, why));
        }
        Ok(resolve(target, true))
    }
}

fn resolve(target: &Target, again: bool) -> Resolution {
    let addresses: Option<Vec<Endpoint>> =
        target.hosts().map(|host| host.parse::<SocketAddr>().ok().map(Endpoint::new)).collect();
    match addresses {
        Some(endpoints) => Resolution::fixed(endpoints),
        None => {
            let hosts: Vec<String> = target.hosts().map(str::to_owned).collect();
            Resolution::follow(move |publisher| follow(publisher, hosts, again))
        }
    }
}

async fn follow(publisher: Publisher, hosts: Vec<String>, again: bool) {
    let mut wait = RETRY;
    loop {
        match look_up(&hosts).await {
            Ok(endpoints) => {
                publisher.ready(endpoints);
                if !again {
                    // Kept alive so that followers see a set that may still change, as for every other target.
                    return publisher.closed().await;
                }
                wait = AGAIN;
            }
            Err(error) => {
                tracing::warn!(hosts = hosts.join(","), "{error}; what was found before stays in force");
                publisher.failed(error);
                wait = (wait * 2).min(AGAIN);
            }
        }
        tokio::time::sleep(wait).await;
    }
}

async fn look_up(hosts: &[String]) -> io::Result<Vec<Endpoint>> {
    let mut endpoints = Vec::new();
    for host in hosts {
        let found = tokio::net::lookup_host(host)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot look up `{host}`: {error}")))?;
        endpoints.extend(found.map(Endpoint::new));
    }
    Ok(endpoints)
}
