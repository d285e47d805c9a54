//! Following one service.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use inkstone_discover::Publisher;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api as Objects;
use kube::core::Status;
use kube::runtime::watcher::{self, Event, watcher};

use crate::api::{Access, Api, chain};
use crate::service::Service;
use crate::slices::{NoSuchPort, Slices};

/// First and longest wait before the API is asked again.
pub(crate) const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long the server may hold a watch, in seconds: it ends then, and goes on with the next. A watch that has not ended
/// a little later is dead, and is given up by kube's watcher. Its own default is 290.
const HOLD: u32 = 60;

/// What is watched, in the manner of all our watches.
pub(crate) fn watching() -> watcher::Config {
    watcher::Config::default().timeout(HOLD)
}

/// Whether a watch has done what it is for: it brought a change, or held. A listing alone proves nothing, because an
/// account may be allowed to list and not to watch.
#[derive(Debug, Default)]
pub(crate) struct Held {
    since: Option<Instant>,
    changed: bool,
}

impl Held {
    pub(crate) fn listed(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn changed(&mut self) {
        self.changed = true;
    }

    pub(crate) fn proven(&self) -> bool {
        self.changed || self.since.is_some_and(|since| since.elapsed() >= WAITS.1)
    }
}

/// Publishes the service's endpoints until nobody wants them any more.
pub(crate) async fn follow(access: Access, service: Service, publisher: Publisher) {
    let mut following = Following { service, publisher, failing: None };
    let mut wait = WAITS.0;
    loop {
        let mut held = Held::default();
        let error = match access.connect().await {
            Ok(api) => following.watch(&api, &mut held).await,
            Err(error) => error,
        };
        if held.proven() {
            wait = WAITS.0;
        }
        following.failed(&error);
        tokio::time::sleep(spread(wait)).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

struct Following {
    service: Service,
    publisher: Publisher,
    /// What the last thing heard was, if it was an error: it is logged once, not at each attempt.
    failing: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The API does not answer, or refuses.
    Source,
    /// It answers, and no pod has the port.
    NoSuchPort,
}

impl Following {
    /// Lists, then watches, until something fails; then all is begun anew, because only a new listing proves what is there.
    async fn watch(&mut self, api: &Api, held: &mut Held) -> String {
        let namespace = self.service.namespace.clone().unwrap_or_else(|| api.default_namespace.clone());
        let objects: Objects<EndpointSlice> = Objects::namespaced(api.client.clone(), &namespace);
        let selector = format!("kubernetes.io/service-name={}", self.service.name);
        let mut events = pin!(watcher(objects, watching().labels(&selector)));
        let mut slices = Slices::default();
        let mut listed = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => slices.begin(),
                Ok(Event::InitApply(slice)) => slices.list(slice),
                Ok(Event::InitDone) => {
                    slices.done();
                    listed = true;
                    held.listed();
                }
                Ok(Event::Apply(slice)) => {
                    held.changed();
                    slices.apply(slice);
                }
                Ok(Event::Delete(slice)) => {
                    held.changed();
                    slices.delete(&slice);
                }
                // The past that the watch would continue from is forgotten. The watcher lists again by itself, and at
                // once: not for ever so.
                Err(watcher::Error::WatchError(status)) if status.code == 410 => {
                    tokio::time::sleep(spread(WAITS.0)).await;
                    continue;
                }
                Err(error) => return advise(&error, &namespace, &api.server),
            }
            if listed {
                self.publish(&slices, &namespace);
            }
        }
        format!("the watch on {} ended", api.server)
    }

    fn publish(&mut self, slices: &Slices, namespace: &str) {
        let Service { name, port, .. } = &self.service;
        match slices.endpoints(port) {
            Ok(endpoints) => {
                if self.failing.take().is_some() {
                    tracing::info!(service = %name, namespace, "found again");
                }
                tracing::debug!(service = %name, namespace, endpoints = endpoints.len(), "endpoints changed");
                self.publisher.ready(endpoints);
            }
            Err(NoSuchPort { known }) => {
                let known =
                    if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
                let error = format!(
                    "the pods of service {namespace}/{name} have no port `{port}`; they have {known}"
                );
                if self.failing.replace(Failure::NoSuchPort) != Some(Failure::NoSuchPort) {
                    tracing::warn!(service = %name, "{error}; none of them is called");
                }
                // The source has answered: what was there before is no more.
                self.publisher.incomplete([], error);
            }
        }
    }

    fn failed(&mut self, error: &str) {
        if self.failing.replace(Failure::Source) != Some(Failure::Source) {
            tracing::warn!(service = %self.service.name, "{error}; the endpoints known before stay in use");
        }
        self.publisher.failed(error);
    }
}

/// What the API said, and what to do where that is known.
fn advise(error: &watcher::Error, namespace: &str, server: &str) -> String {
    match status(error).map(|status| (status.code, &status.message)) {
        Some((401, said)) => {
            format!("the Kubernetes API at {server} does not accept the credentials: {said}")
        }
        Some((403, said)) => format!(
            "the Kubernetes API at {server} refuses: {said}; let the account get, list and watch endpointslices of \
             discovery.k8s.io in namespace {namespace}"
        ),
        Some((code, said)) => format!("the Kubernetes API at {server} answers {code}: {said}"),
        None => format!("the Kubernetes API at {server} does not answer: {}", chain(error)),
    }
}

/// What the API itself answered.
pub(crate) fn status(error: &watcher::Error) -> Option<&Status> {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => Some(status),
        _ => None,
    }
}

/// Up to half less, so that a thousand pods do not come back in the same instant.
pub(crate) fn spread(wait: Duration) -> Duration {
    let dice = RandomState::new().hash_one(0_u8) % 1000;
    wait.mul_f64(0.5 + f64::from(u16::try_from(dice).unwrap_or(0)) / 2000.0)
}
