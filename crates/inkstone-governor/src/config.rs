//! The `server.governor` table.

use std::net::IpAddr;

use inkstone_config::{Code, Config, Fault, Problems, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The port a service is governed through.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GovernorConfig {
    /// The address to listen on. Anything but a loopback address needs a token.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// What a caller must know to see more than health and metrics.
    #[schemars(extend("x-live" = true))]
    pub token: Secret,
}

impl Default for GovernorConfig {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 9003, token: Secret::default() }
    }
}

impl Config for GovernorConfig {
    fn check(&self, problems: &mut Problems) {
        // A name is looked up only when the listener is bound, and judged then.
        if let Ok(address) = self.host.parse::<IpAddr>()
            && !self.protects(address)
        {
            problems.push(self.insecure().key("host"));
        }
    }
}

impl GovernorConfig {
    /// Whether a listener on `address` is not open to everyone.
    pub(crate) fn protects(&self, address: IpAddr) -> bool {
        !self.token.is_empty() || address.to_canonical().is_loopback()
    }

    pub(crate) fn insecure(&self) -> Fault {
        let message = format!(
            "without a token everyone who reaches {} could read the service's configuration",
            self.host
        );
        Fault::new(Code::InsecureListener, message)
            .hint("set token, such as token = \"${env:GOVERNOR_TOKEN}\", or host = \"127.0.0.1\"")
    }
}
