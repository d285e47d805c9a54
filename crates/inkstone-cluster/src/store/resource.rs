//! The resources that this cluster serves.

use serde_json::Value;

/// One kind of object: how the API, kubectl and the store call it.
#[derive(Debug)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version within the group.
    pub version: &'static str,
    /// The name in URLs: `deployments`.
    pub plural: &'static str,
    /// The name of one: `deployment`.
    pub singular: &'static str,
    /// The kind in objects: `Deployment`.
    pub kind: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What kubectl also accepts: `deploy`.
    pub short_names: &'static [&'static str],
    /// Groups such as `all`.
    pub categories: &'static [&'static str],
    /// Whether the status is written apart from the rest, through the `status` subresource.
    pub status: bool,
    /// Whether it has replicas that `scale` sets.
    pub scale: bool,
    /// Whether `metadata.generation` counts the changes of its spec.
    pub generation: bool,
    /// Whether a PUT of an absent object creates it.
    pub create_on_update: bool,
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.plural == other.plural && self.group == other.group
    }
}

impl Eq for Resource {}

impl Resource {
    /// `v1`, `apps/v1`: what objects carry as `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods`, `deployments.apps`: how errors name it.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The resource that the URL segments name, if it is served here.
    #[must_use]
    pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        RESOURCES.iter().copied().find(|r| r.group == group && r.version == version && r.plural == plural)
    }

    /// The resource of an object's `apiVersion` and `kind`, if it is served here.
    #[must_use]
    pub fn of(object: &Value) -> Option<&'static Self> {
        let (api_version, kind) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
        RESOURCES.iter().copied().find(|r| r.kind == kind && r.api_version() == api_version)
    }
}

/// What most resources are; each names only how it differs.
const PLAIN: Resource = Resource {
    group: "",
    version: "v1",
    plural: "",
    singular: "",
    kind: "",
    namespaced: true,
    short_names: &[],
    categories: &[],
    status: false,
    scale: false,
    generation: false,
    create_on_update: false,
};

/// Namespaces.
pub const NAMESPACES: &Resource = &Resource {
    plural: "namespaces",
    singular: "namespace",
    kind: "Namespace",
    namespaced: false,
    short_names: &["ns"],
    status: true,
    ..PLAIN
};

/// ConfigMaps: the files of an application's configuration.
pub const CONFIGMAPS: &Resource = &Resource {
    plural: "configmaps",
    singular: "configmap",
    kind: "ConfigMap",
    short_names: &["cm"],
    ..PLAIN
};

/// Secrets.
pub const SECRETS: &Resource = &Resource { plural: "secrets", singular: "secret", kind: "Secret", ..PLAIN };

/// Pods: programs run as local processes.
pub const PODS: &Resource = &Resource {
    plural: "pods",
    singular: "pod",
    kind: "Pod",
    short_names: &["po"],
    categories: &["all"],
    status: true,
    generation: true,
    ..PLAIN
};

/// Services.
pub const SERVICES: &Resource = &Resource {
    plural: "services",
    singular: "service",
    kind: "Service",
    short_names: &["svc"],
    categories: &["all"],
    status: true,
    ..PLAIN
};

/// EndpointSlices: the addresses behind a service.
pub const ENDPOINTSLICES: &Resource = &Resource {
    group: "discovery.k8s.io",
    plural: "endpointslices",
    singular: "endpointslice",
    kind: "EndpointSlice",
    generation: true,
    ..PLAIN
};

/// Deployments.
pub const DEPLOYMENTS: &Resource = &Resource {
    group: "apps",
    plural: "deployments",
    singular: "deployment",
    kind: "Deployment",
    short_names: &["deploy"],
    categories: &["all"],
    status: true,
    scale: true,
    generation: true,
    ..PLAIN
};

/// ReplicaSets: what a deployment keeps one of per version of its template.
pub const REPLICASETS: &Resource = &Resource {
    group: "apps",
    plural: "replicasets",
    singular: "replicaset",
    kind: "ReplicaSet",
    short_names: &["rs"],
    categories: &["all"],
    status: true,
    scale: true,
    generation: true,
    ..PLAIN
};

/// Leases: locks with an expiry.
pub const LEASES: &Resource = &Resource {
    group: "coordination.k8s.io",
    plural: "leases",
    singular: "lease",
    kind: "Lease",
    create_on_update: true,
    ..PLAIN
};

/// Events: what happened to an object, for people to read.
pub const EVENTS: &Resource =
    &Resource { plural: "events", singular: "event", kind: "Event", short_names: &["ev"], ..PLAIN };

/// Nodes: this machine.
pub const NODES: &Resource = &Resource {
    plural: "nodes",
    singular: "node",
    kind: "Node",
    namespaced: false,
    short_names: &["no"],
    status: true,
    ..PLAIN
};

/// ServiceAccounts.
pub const SERVICEACCOUNTS: &Resource = &Resource {
    plural: "serviceaccounts",
    singular: "serviceaccount",
    kind: "ServiceAccount",
    short_names: &["sa"],
    ..PLAIN
};

/// Every resource served, in the order discovery shows them.
pub const RESOURCES: &[&Resource] = &[
    CONFIGMAPS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    SERVICEACCOUNTS,
    SERVICES,
    DEPLOYMENTS,
    REPLICASETS,
    LEASES,
    ENDPOINTSLICES,
];
