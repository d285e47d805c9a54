//! The `etcd.*` tables.

use std::path::PathBuf;

use inkstone_config::{Addr, Config, Dur, Problems, Secret};
use inkstone_guard::GuardConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A client of an etcd cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EtcdConfig {
    /// The members, with commas between them: `10.0.0.1:2379,10.0.0.2:2379`. One that does not answer gives way to the
    /// next.
    pub addr: Addr,
    /// The user, where etcd asks for one.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// How connections are encrypted.
    pub tls: TlsConfig,
    /// How connections are made.
    pub connect: ConnectConfig,
    /// Time-outs around each call. Methods are `get`, `list`, `put`, `delete` and `lease`: `methods.list.timeout = "5s"`.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
}

/// How connections are made, and how dead ones are found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectConfig {
    /// Longest time to connect to one member.
    pub timeout: Dur,
    /// How often a member is asked whether it lives. etcd hangs up on those who ask more often than every 5 s.
    pub keepalive: Dur,
    /// Longest wait for the answer to that.
    pub keepalive_timeout: Dur,
}

/// How connections are encrypted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Whether connections are encrypted.
    pub enabled: bool,
    /// A PEM file with the authorities that etcd's certificate may come from. Empty means those of the system.
    pub ca: PathBuf,
    /// A PEM file with the certificate that this client shows. Empty means none.
    pub cert: PathBuf,
    /// A PEM file with the private key of that certificate.
    pub key: PathBuf,
    /// The name that etcd's certificate must have. Empty means the host of the address.
    pub server_name: String,
}

impl Default for ConnectConfig {
    fn default() -> Self {
        Self {
            timeout: Dur::from_secs(2),
            // without it a connection that a partition has cut off is never replaced
            keepalive: Dur::from_secs(10),
            keepalive_timeout: Dur::from_secs(3),
        }
    }
}

impl Config for EtcdConfig {
    fn check(&self, problems: &mut Problems) {
        if self.addr.as_str().split(',').any(str::is_empty) && !self.addr.is_unset() {
            problems.reject("addr", "there is nothing between two of the commas");
        }
        if self.addr.as_str().contains("://") {
            problems.reject(
                "addr",
                "members are `host:port` without a scheme; `tls.enabled` turns encryption on",
            );
        }
        if self.user.is_empty() != self.password.is_empty() {
            problems.reject("user", "user and password are set together or not at all");
        }
        if *self.connect.keepalive < *Dur::from_secs(5) {
            problems.reject(
                "connect.keepalive",
                format_args!("{} is below the 5s that etcd allows", self.connect.keepalive),
            );
        }
        self.tls.check(problems);
    }
}

impl TlsConfig {
    fn check(&self, problems: &mut Problems) {
        let empty = |path: &PathBuf| path.as_os_str().is_empty();
        if empty(&self.cert) != empty(&self.key) {
            problems.reject("tls.cert", "cert and key are set together or not at all");
        }
        let unused = !empty(&self.ca) || !empty(&self.cert) || !self.server_name.is_empty();
        if unused && !self.enabled {
            problems.reject(
                "tls.enabled",
                "the rest of the table is set, and connections would not be encrypted",
            );
        }
    }
}
