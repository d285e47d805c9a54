//! The table of an HTTP server.

use inkstone_config::{Config, Dur, Problems, Size};
use inkstone_guard::GuardConfig;
use inkstone_observe::AccessConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An HTTP server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpServerConfig {
    /// The address or name to listen on. Empty means `app.host`; `0.0.0.0` is every IPv4 address of the machine.
    pub host: String,
    /// The port to listen on. 0 takes a free one.
    pub port: u16,
    /// Largest body that handlers read into memory, unless their route says otherwise.
    pub max_body: Size,
    /// Longest time a client may take to send the head of a request. An idle connection is closed after it too.
    pub header_timeout: Dur,
    /// Most requests at once on one HTTP/2 connection.
    pub max_streams: u32,
    /// How long streams that are still open may go on once the server stops; then they end, server-sent events for one. Keep it
    /// below what `app.drain` leaves of `app.stop_within`. `0s` ends them at once.
    #[schemars(extend("x-live" = true))]
    pub stream_grace: Dur,
    /// Time-outs around each request, until its response begins: a body that is streamed may take longer. Methods are
    /// named like `GET /orders/{id}`.
    #[schemars(extend("x-live" = true))]
    pub guard: GuardConfig,
    /// What the access log says of its requests.
    #[schemars(extend("x-live" = true))]
    pub access: AccessConfig,
}

impl Default for HttpServerConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 8080,
            max_body: Size::mib(2),
            // longer than the 60 s that load balancers and clients usually keep an idle connection: closing from this
            // side first would cross a request on its way
            header_timeout: Dur::from_secs(75),
            max_streams: 250,
            stream_grace: Dur::from_secs(5),
            guard: GuardConfig::unlimited(),
            access: AccessConfig::server(),
        }
    }
}

impl Config for HttpServerConfig {
    fn check(&self, problems: &mut Problems) {
        if self.header_timeout.is_zero() {
            problems.reject("header_timeout", "is 0, which would close every connection at once");
        }
        if self.max_streams == 0 {
            problems.reject("max_streams", "is 0, which would refuse every request over HTTP/2");
        }
    }
}
