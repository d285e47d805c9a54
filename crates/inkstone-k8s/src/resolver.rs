//! The resolver of `k8s:///…`.

use std::path::PathBuf;

use inkstone_discover::{Resolution, ResolveError, Resolver, Target};

use crate::api::Access;
use crate::follow;
use crate::service::Service;

/// A resolver that reaches the Kubernetes API as `kubectl` does, and takes the pod's own namespace where none is named.
#[must_use]
pub fn resolver() -> KubernetesResolver {
    KubernetesResolver { access: Access::default(), namespace: std::env::var("POD_NAMESPACE").ok() }
}

/// Resolves `k8s:///service.namespace:port` by watching EndpointSlices. Made by [`resolver`].
#[derive(Debug, Clone)]
pub struct KubernetesResolver {
    access: Access,
    namespace: Option<String>,
}

impl KubernetesResolver {
    /// With this kubeconfig, whatever the environment says.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.access.kubeconfig = Some(path.into());
        self
    }

    /// With this namespace for targets that name none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }
}

impl Resolver for KubernetesResolver {
    fn scheme(&self) -> &str {
        "k8s"
    }

    fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError> {
        let mut service = Service::of(target).map_err(|why| ResolveError::malformed(target, why))?;
        if service.namespace.is_none() {
            service.namespace.clone_from(&self.namespace);
        }
        let access = self.access.clone();
        Ok(Resolution::follow(move |publisher| follow::follow(access, service, publisher)))
    }
}
