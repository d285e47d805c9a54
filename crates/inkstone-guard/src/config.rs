//! The `guard` block, the same in every component.

use std::collections::BTreeMap;
use std::time::Duration;

use inkstone_config::{Config, Dur};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Time-outs around each call. All settings are live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// Longest time one attempt may take. `0s` sets no limit of its own; a deadline that came with the request still holds.
    pub timeout: Dur,
    /// Settings of single methods, in place of the ones above: `methods."shop.v1.Stock/Reserve".timeout = "1s"`.
    pub methods: BTreeMap<String, MethodConfig>,
}

/// What one method does differently. What is left out stays as it is for the others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MethodConfig {
    /// Longest time one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Dur>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self { timeout: Dur::from(Duration::from_secs(1)), methods: BTreeMap::new() }
    }
}

impl Config for GuardConfig {}

impl GuardConfig {
    /// Without a limit of its own: what servers start from, since their callers set the deadline.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { timeout: Dur::from(Duration::ZERO), ..Self::default() }
    }

    /// The limit for one attempt of `method`, if there is one.
    #[must_use]
    pub fn timeout_of(&self, method: &str) -> Option<Duration> {
        let own = self.methods.get(method).and_then(|method| method.timeout);
        let timeout = Duration::from(own.unwrap_or(self.timeout));
        (!timeout.is_zero()).then_some(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_methods_own_timeout_wins_and_zero_means_none() {
        let mut config = GuardConfig::default();
        let own = MethodConfig { timeout: Some(Dur::from(Duration::ZERO)) };
        config.methods.insert("a.B/C".to_owned(), own);
        assert_eq!(config.timeout_of("a.B/C"), None);
        assert_eq!(config.timeout_of("a.B/D"), Some(Duration::from_secs(1)));
    }
}
