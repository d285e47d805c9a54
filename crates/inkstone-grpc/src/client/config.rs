//! The table of a gRPC client.

use inkstone_config::{Code, Config, Dur, Fault, Problems};
use inkstone_discover::{Policy, Target};
use inkstone_guard::GuardConfig;
use inkstone_observe::AccessConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A gRPC client.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcClientConfig {
    /// What is called: `k8s:///stock.shop:grpc`, `dns:///stock:9002`, `10.0.0.7:9002`, or a list of the last.
    pub addr: Target,
    /// How calls are spread over the endpoints.
    pub balance: Policy,
    /// Whether the start waits for an endpoint to call, for as long as `ready_timeout`, and fails without one.
    pub connect_at_start: bool,
    /// Longest time a call waits for an endpoint, if its own deadline is not earlier; with `connect_at_start`, so does the start.
    pub ready_timeout: Dur,
    /// Longest time to connect to one endpoint.
    pub connect_timeout: Dur,
    /// How dead connections are found.
    pub keep_alive: KeepAlive,
    /// Time-outs around each call.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
    /// What the access log says of its calls.
    #[schemars(extend("x-live" = true))]
    pub access: AccessConfig,
}

/// How dead connections are found: the other side is asked whether it lives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeepAlive {
    /// How long nothing may come before the other side is asked.
    pub interval: Dur,
    /// How long it may take to answer.
    pub timeout: Dur,
    /// Whether it is asked while there is no call.
    pub while_idle: bool,
}

impl Default for GrpcClientConfig {
    fn default() -> Self {
        Self {
            addr: Target::default(),
            balance: Policy::default(),
            // services of one system start in any order
            connect_at_start: false,
            ready_timeout: Dur::from_secs(10),
            connect_timeout: Dur::from_secs(1),
            keep_alive: KeepAlive::default(),
            guard: GuardConfig::default(),
            access: AccessConfig::default(),
        }
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            interval: Dur::from_secs(10),
            timeout: Dur::from_secs(5),
            // without it a connection that a partition has cut off is never replaced
            while_idle: true,
        }
    }
}

impl Config for GrpcClientConfig {
    fn check(&self, problems: &mut Problems) {
        if self.addr.is_unset() {
            let hint =
                "set it to what is called: addr = \"k8s:///stock.shop:grpc\", or addr = \"127.0.0.1:9002\"";
            problems.push(
                Fault::new(Code::MissingKey, "`addr` is not set and has no default").key("addr").hint(hint),
            );
        }
        for (key, value) in [
            ("ready_timeout", self.ready_timeout),
            ("connect_timeout", self.connect_timeout),
            ("keep_alive.interval", self.keep_alive.interval),
            ("keep_alive.timeout", self.keep_alive.timeout),
        ] {
            if value.is_zero() {
                problems.push(Fault::new(Code::OutOfRange, "must be more than 0s").key(key));
            }
        }
    }
}
