//! The `console` table.

use inkstone::config::{Config, Dur, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::console::{Options, base_of};

/// The console.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// What people call the cluster.
    pub cluster: String,
    /// The kubeconfig that leads to it. Empty means the usual places: `KUBECONFIG`, `~/.kube/config`, the service
    /// account of the pod.
    pub kubeconfig: String,
    /// The path under which the console is served: `/`, or such as `/inkstone`.
    pub base_path: String,
    /// The console's address as browsers see it, such as `https://console.example`. Needed behind a proxy that
    /// changes the host name; with https, cookies are sent over nothing else.
    pub public_url: String,
    /// Whether `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Only behind a proxy that sets them.
    pub trust_forwarded: bool,
    /// A session ends after so long without a request.
    pub session_idle: Dur,
    /// A session ends after so long, however busy.
    pub session_lifetime: Dur,
    /// The one-time link for the first account works so long.
    pub setup_lifetime: Dur,
    /// So long the pods have to load a release. A kubelet looks at its ConfigMaps about once a minute.
    pub proof_deadline: Dur,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        let options = Options::default();
        Self {
            cluster: "local".to_owned(),
            kubeconfig: String::new(),
            base_path: options.base_path,
            public_url: options.public_url,
            trust_forwarded: options.trust_forwarded,
            session_idle: options.session_idle.into(),
            session_lifetime: options.session_lifetime.into(),
            setup_lifetime: options.setup_lifetime.into(),
            proof_deadline: options.proof_deadline.into(),
        }
    }
}

impl Config for ConsoleConfig {
    fn check(&self, problems: &mut Problems) {
        let web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        if !self.public_url.is_empty() && !web(&self.public_url) {
            problems.reject("public_url", "does not begin with http:// or https://");
        }
        if self.base_path.contains(['{', '}', '?', '#', ' ', '"', '\\']) {
            problems.reject("base_path", "is not a plain path such as /inkstone");
        }
        if self.cluster.is_empty() {
            problems.reject("cluster", "is empty; the console and its audit log need a name for the cluster");
        }
        for (key, time) in [
            ("session_idle", self.session_idle),
            ("session_lifetime", self.session_lifetime),
            ("setup_lifetime", self.setup_lifetime),
            ("proof_deadline", self.proof_deadline),
        ] {
            if time.is_zero() {
                problems.reject(key, "is 0, which would end it before it begins");
            }
        }
    }
}

impl ConsoleConfig {
    pub(crate) fn options(&self) -> Options {
        Options {
            base_path: base_of(&self.base_path),
            public_url: self.public_url.clone(),
            trust_forwarded: self.trust_forwarded,
            session_idle: *self.session_idle,
            session_lifetime: *self.session_lifetime,
            setup_lifetime: *self.setup_lifetime,
            proof_deadline: *self.proof_deadline,
            ..Options::default()
        }
    }
}
