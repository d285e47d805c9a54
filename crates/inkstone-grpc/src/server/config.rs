//! The table of a gRPC server.

use inkstone_config::{Config, Dur, Problems};
use inkstone_guard::GuardConfig;
use inkstone_observe::AccessConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A gRPC server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcServerConfig {
    /// The address or name to listen on. Empty means `app.host`; `0.0.0.0` is every IPv4 address of the machine.
    pub host: String,
    /// The port to listen on. 0 takes a free one.
    pub port: u16,
    /// Whether clients may ask which services there are, and how their messages look.
    pub reflection: bool,
    /// Most calls at once on one connection.
    pub max_streams: u32,
    /// After this time a connection is asked to be opened anew, so that new replicas get their share of callers that
    /// do not balance. `0s` never asks.
    pub max_connection_age: Dur,
    /// How long streams that are still open may go on once the server stops; then they end as UNAVAILABLE. Keep it
    /// below what `app.drain` leaves of `app.stop_within`. `0s` ends them at once.
    #[schemars(extend("x-live" = true))]
    pub stream_grace: Dur,
    /// Time-outs around each call, until its response ends: streams included, but for health and reflection. A deadline
    /// that the caller sends holds as well.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
    /// What the access log says of its calls.
    #[schemars(extend("x-live" = true))]
    pub access: AccessConfig,
}

impl Default for GrpcServerConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 9090,
            reflection: true,
            max_streams: 1000,
            max_connection_age: Dur::ZERO,
            stream_grace: Dur::from_secs(5),
            guard: GuardConfig::unlimited(),
            access: AccessConfig::server(),
        }
    }
}

impl Config for GrpcServerConfig {
    fn check(&self, problems: &mut Problems) {
        if self.max_streams == 0 {
            problems.reject("max_streams", "is 0, which would refuse every call");
        }
    }
}
