//! Configuration from a ConfigMap or a Secret, watched through the API.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::pin;

use futures::StreamExt;
use inkstone_config::{Fault, Feed, Remote, RemoteAddress, RemoteSource, Trouble};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api as Objects;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;

use crate::api::{Access, Api, chain};
use crate::follow::{Held, WAITS, spread, status, watching};
use crate::object::{Kind, Object};

/// The source of `k8s://…`, which reaches the Kubernetes API as `kubectl` does, and takes the pod's own namespace where
/// none is named.
#[must_use]
pub fn config_source() -> KubernetesSource {
    KubernetesSource { access: Access::default(), namespace: std::env::var("POD_NAMESPACE").ok() }
}

/// Reads `k8s://namespace/name/key` and follows it by watching the object. Made by [`config_source`].
#[derive(Debug, Clone)]
pub struct KubernetesSource {
    access: Access,
    namespace: Option<String>,
}

impl KubernetesSource {
    /// With this kubeconfig, whatever the environment says.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.access.kubeconfig = Some(path.into());
        self
    }

    /// With this namespace for addresses that name none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }
}

impl RemoteSource for KubernetesSource {
    fn scheme(&self) -> &'static str {
        "k8s"
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["kubeconfig"]
    }

    fn open(&self, address: &RemoteAddress) -> Result<Remote, Fault> {
        let mut object = Object::of(address)?;
        if object.namespace.is_none() {
            object.namespace.clone_from(&self.namespace);
        }
        let mut access = self.access.clone();
        if let Some(path) = address.parameter("kubeconfig") {
            access.kubeconfig = Some(path.into());
        }
        Ok(Remote::new(move |feed| follow(access, object, feed)))
    }
}

/// Feeds the object's documents until nobody wants them any more.
async fn follow(access: Access, object: Object, feed: Feed) {
    let mut wait = WAITS.0;
    loop {
        let mut held = Held::default();
        let trouble = match access.connect().await {
            Ok(api) => match object.kind {
                Kind::ConfigMap => watch::<ConfigMap>(&api, &object, &feed, &mut held).await,
                Kind::Secret => watch::<Secret>(&api, &object, &feed, &mut held).await,
            },
            // A file that is missing or broken stays so until somebody mends it.
            Err(error) => {
                Trouble::new(error).hint("set KUBECONFIG, or run in a pod with a service account").lasting()
            }
        };
        feed.failed(trouble);
        if held.proven() {
            wait = WAITS.0;
        }
        tokio::time::sleep(spread(wait)).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

/// A kind of object that holds texts.
trait Holder:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + DeserializeOwned
    + Debug
    + Send
    + 'static
{
    fn keys(self) -> BTreeMap<String, Vec<u8>>;
}

impl Holder for ConfigMap {
    fn keys(self) -> BTreeMap<String, Vec<u8>> {
        let texts = self.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let binary = self.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        texts.chain(binary).collect()
    }
}

impl Holder for Secret {
    fn keys(self) -> BTreeMap<String, Vec<u8>> {
        self.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect()
    }
}

/// Lists, then watches, until something fails; then all is begun anew, because only a new listing proves what is there.
async fn watch<K: Holder>(api: &Api, object: &Object, feed: &Feed, held: &mut Held) -> Trouble {
    let namespace = object.namespace.as_deref().unwrap_or(&api.default_namespace);
    let objects: Objects<K> = Objects::namespaced(api.client.clone(), namespace);
    // Of one name alone, so that a Role may be limited to it.
    let config = watching().fields(&format!("metadata.name={}", object.name));
    let mut events = pin!(watcher(objects, config));
    let mut listed = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed = None,
            Ok(Event::InitApply(found)) => listed = Some(found),
            Ok(Event::InitDone) => {
                held.listed();
                put(object, namespace, listed.take(), feed);
            }
            Ok(Event::Apply(found)) => {
                held.changed();
                put(object, namespace, Some(found), feed);
            }
            Ok(Event::Delete(_)) => {
                held.changed();
                put::<K>(object, namespace, None, feed);
            }
            // The past that the watch would continue from is forgotten. The watcher lists again by itself, and at once:
            // not for ever so.
            Err(watcher::Error::WatchError(status)) if status.code == 410 => {
                tokio::time::sleep(spread(WAITS.0)).await;
            }
            Err(error) => return trouble(&error, object, namespace, &api.server),
        }
    }
    Trouble::new(format_args!("the watch on {} ended", api.server))
}

fn put<K: Holder>(object: &Object, namespace: &str, found: Option<K>, feed: &Feed) {
    let Object { kind, name, .. } = object;
    let documents = match found {
        Some(found) => object.documents(found.keys(), namespace),
        None => Err(Trouble::new(format_args!("{kind} {namespace}/{name} does not exist"))
            .hint("create it, or correct the address")),
    };
    match documents {
        Ok(documents) => feed.put(documents),
        Err(trouble) => feed.gone(trouble),
    }
}

/// What the API said, and what to do where that is known.
fn trouble(error: &watcher::Error, object: &Object, namespace: &str, server: &str) -> Trouble {
    let (resource, name) = (object.kind.resource(), &object.name);
    match status(error).map(|status| (status.code, &status.message)) {
        Some((401, said)) => {
            let message = format!("the Kubernetes API at {server} does not accept the credentials: {said}");
            Trouble::new(message).hint("renew the kubeconfig, or see the pod's service account").lasting()
        }
        Some((403, said)) => Trouble::new(format!("the Kubernetes API at {server} refuses: {said}"))
            .hint(format_args!(
                "bind the pod's service account to a Role: kubectl -n {namespace} create role read-{name} \
                 --verb=get,list,watch --resource={resource} --resource-name={name}"
            ))
            .lasting(),
        Some((code, said)) => Trouble::new(format!("the Kubernetes API at {server} answers {code}: {said}")),
        None => Trouble::new(format!("the Kubernetes API at {server} does not answer: {}", chain(error)))
            .hint("see that the API server is up and can be reached from here"),
    }
}
