//! The `server.governor` table.

use std::collections::BTreeMap;
use std::net::IpAddr;

use inkstone_config::{Code, Config, Dur, Fault, Problems, Secret};
use inkstone_core::{ClientAuth, TlsConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The port a service is governed through.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GovernorConfig {
    /// The address to listen on: a loopback address, or the pod's own, which needs a token or `tls.client_ca`.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// What a caller must know to see more than health and metrics. Its name in the log is `token`.
    #[schemars(extend("x-live" = true))]
    pub token: Secret,
    /// Further tokens by the name of who has them, which is how the log calls whoever changes something.
    #[schemars(extend("x-live" = true))]
    pub tokens: BTreeMap<String, Secret>,
    /// TLS. A client that proves to own a certificate of `client_ca` needs no token.
    pub tls: TlsConfig,
    /// Most connections at once. Beyond it the oldest one that is idle makes room for the next.
    pub max_connections: usize,
    /// Longest time a CPU profile may take.
    #[schemars(extend("x-live" = true))]
    pub max_profile: Dur,
    /// Most readers of the live calls at once.
    #[schemars(extend("x-live" = true))]
    pub max_readers: usize,
}

impl Default for GovernorConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 9003,
            token: Secret::default(),
            tokens: BTreeMap::new(),
            // probes and Prometheus have no certificate, and see what everybody may see
            tls: TlsConfig { client_auth: ClientAuth::Optional, ..TlsConfig::default() },
            max_connections: 128,
            max_profile: Dur::from_secs(60),
            max_readers: 4,
        }
    }
}

impl Config for GovernorConfig {
    fn check(&self, problems: &mut Problems) {
        self.tls.check("tls", problems);
        if self.max_connections == 0 {
            problems.push(Fault::new(Code::OutOfRange, "must be more than 0").key("max_connections"));
        }
        for (name, token) in &self.tokens {
            if token.is_empty() {
                problems.push(Fault::new(Code::InvalidValue, "is empty").key(format!("tokens.{name}")));
            }
        }
        // A name is looked up only when the listener is bound, and judged then.
        if let Ok(address) = self.host.parse::<IpAddr>()
            && !self.protects(address)
        {
            problems.push(self.insecure().key("host"));
        }
    }
}

impl GovernorConfig {
    /// Whether there is any token.
    pub(crate) fn has_token(&self) -> bool {
        !self.token.is_empty() || self.tokens.values().any(|token| !token.is_empty())
    }

    /// Whether a listener on `address` is not open to everyone.
    pub(crate) fn protects(&self, address: IpAddr) -> bool {
        self.has_token() || self.tls.knows_clients() || address.to_canonical().is_loopback()
    }

    pub(crate) fn insecure(&self) -> Fault {
        let message = format!(
            "without a token everyone who reaches {} could read the service's configuration and run its jobs",
            self.host
        );
        Fault::new(Code::InsecureListener, message).hint(
            "set token, such as token = \"${env:GOVERNOR_TOKEN}\", or tls with client_ca, or host = \"127.0.0.1\"",
        )
    }
}
