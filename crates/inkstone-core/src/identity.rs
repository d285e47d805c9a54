//! Who a running service is.

use serde::Serialize;

use crate::config::AppConfig;

/// Who a running service is: what tells it, and this replica of it, from all others.
///
/// Names come from the configuration ([`AppConfig`], and so from `INKSTONE_NAME` and its like), the place in the
/// cluster from Kubernetes' downward API, as far as the pod's manifest hands it on: `POD_NAME`, `POD_NAMESPACE`,
/// `POD_IP`, `NODE_NAME`. What is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The service's name.
    pub name: String,
    /// The version of its crate.
    pub version: String,
    /// What the installation is for: `staging`, `production`.
    pub mode: String,
    /// The region.
    pub region: String,
    /// The zone.
    pub zone: String,
    /// This replica: the pod's name, or the host's, unless the configuration says otherwise.
    pub instance: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The node that the pod runs on.
    pub node: String,
    /// The pod's address.
    pub pod_ip: String,
}

/// What the downward API says, as far as the process was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Downward {
    pod: String,
    namespace: String,
    node: String,
    ip: String,
    host: String,
}

impl Downward {
    /// What this process was told.
    pub(crate) fn of_process() -> Self {
        let told = |name| std::env::var(name).unwrap_or_default();
        Self {
            pod: told("POD_NAME"),
            namespace: told("POD_NAMESPACE"),
            node: told("NODE_NAME"),
            ip: told("POD_IP"),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }
}

impl Identity {
    pub(crate) fn new(name: &str, version: &str, config: &AppConfig, told: &Downward) -> Self {
        let instance = [&config.instance, &told.pod, &told.host].into_iter().find(|name| !name.is_empty());
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            mode: config.mode.clone(),
            region: config.region.clone(),
            zone: config.zone.clone(),
            instance: instance.cloned().unwrap_or_default(),
            pod: told.pod.clone(),
            namespace: told.namespace.clone(),
            node: told.node.clone(),
            pod_ip: told.ip.clone(),
        }
    }

    /// What is known of it, named as OpenTelemetry names the attributes of a resource.
    #[must_use]
    pub fn resource(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("service.name", &self.name),
            ("service.version", &self.version),
            ("service.instance.id", &self.instance),
            ("deployment.environment.name", &self.mode),
            ("cloud.region", &self.region),
            ("cloud.availability_zone", &self.zone),
            ("k8s.pod.name", &self.pod),
            ("k8s.namespace.name", &self.namespace),
            ("k8s.node.name", &self.node),
            ("k8s.pod.ip", &self.pod_ip),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, value.clone()))
            .collect()
    }
}
