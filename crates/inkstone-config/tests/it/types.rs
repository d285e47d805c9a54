//! Configuration types as component crates write them.

use std::collections::BTreeMap;

use inkstone_config::{Addr, Config, Dur, Problems, Secret, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Timeouts and limits around each call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Guard {
    /// The longest a call may take.
    pub(crate) timeout: Dur,
    /// How often a call is tried again.
    #[schemars(range(max = 10))]
    pub(crate) retries: u32,
    /// Settings of single methods.
    pub(crate) methods: BTreeMap<String, Method>,
}

impl Default for Guard {
    fn default() -> Self {
        Self { timeout: Dur::from_secs(1), retries: 2, methods: BTreeMap::new() }
    }
}

/// Settings of one method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Method {
    /// The longest a call may take.
    pub(crate) timeout: Option<Dur>,
}

/// How the servers are arranged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub(crate) enum Topology {
    /// One server.
    Single {
        /// Where it listens.
        addr: Addr,
    },
    /// Several servers.
    Cluster {
        /// Where they listen.
        addrs: Vec<Addr>,
        /// How often to ask for the others.
        #[serde(default)]
        refresh: Dur,
    },
}

/// A Redis client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Redis {
    /// Most connections kept open at once.
    pub(crate) pool_size: u32,
    /// Fewest connections kept open when idle.
    pub(crate) min_idle: u32,
    /// The password.
    pub(crate) password: Secret,
    /// The longest reply.
    pub(crate) most_reply: Size,
    /// How the servers are arranged.
    pub(crate) topology: Topology,
    /// Limits around each command.
    #[schemars(extend("x-live" = true))]
    pub(crate) guard: Guard,
    /// A name that the server shows.
    pub(crate) client_name: Option<String>,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            pool_size: 20,
            min_idle: 4,
            password: Secret::default(),
            most_reply: Size::mib(4),
            topology: Topology::Single { addr: Addr::local(6379) },
            guard: Guard { timeout: Dur::from_millis(250), ..Guard::default() },
            client_name: None,
        }
    }
}

impl Config for Redis {
    fn check(&self, problems: &mut Problems) {
        if self.pool_size < self.min_idle {
            problems.reject(
                "min_idle",
                format_args!("{} is more than pool_size ({})", self.min_idle, self.pool_size),
            );
        }
    }
}

/// A client that cannot guess where its server is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Client {
    /// Where the server is.
    pub(crate) addr: Addr,
    /// The limits.
    #[schemars(extend("x-live" = true))]
    pub(crate) limit: u32,
}

impl Config for Client {
    fn check(&self, problems: &mut Problems) {
        if self.addr.is_unset() {
            problems.reject("addr", "is not set");
        }
    }
}

/// A server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Server {
    /// The port.
    pub(crate) port: u16,
}

impl Config for Server {}
