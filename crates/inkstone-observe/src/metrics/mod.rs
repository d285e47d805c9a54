//! The metrics of one app.

mod calls;
mod config;
mod series;
mod text;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub(crate) use calls::Instance;
pub use calls::{Active, Method};
pub use config::{FamilyConfig, MetricsConfig};
pub use text::MetricsFormat;

use crate::names;
use crate::record::Protocol;
use calls::Calls;

/// The metrics of one app. A handle: clones share the registry.
///
/// ```
/// let metrics = inkstone_observe::Metrics::default();
/// metrics.reloaded(true);
/// assert!(metrics.encode().contains("inkstone_config_reload_total{result=\"applied\"} 1"));
/// ```
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    calls: Arc<Calls>,
    reloads: Family<Reload, Counter>,
    config: Family<ConfigInfo, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConfigInfo {
    source: String,
    hash: String,
}

impl Metrics {
    /// Inkstone's own families, with their defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(MetricsConfig::default())
    }

    /// Inkstone's own families, as they are configured.
    #[must_use]
    pub fn with_config(config: MetricsConfig) -> Self {
        let mut registry = Registry::default();
        let reloads = Family::default();
        names::CONFIG_RELOADS.register(&mut registry, reloads.clone());
        let sources = Family::default();
        names::CONFIG_INFO.register(&mut registry, sources.clone());
        let calls = Arc::new(Calls::new(config));
        Self { registry: Arc::new(Mutex::new(registry)), calls, reloads, config: sources }
    }

    /// Gives the registry to a component or an application that has metrics of its own.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exports `inkstone_build_info`: constant 1 with these labels.
    pub fn build_info(&self, labels: &[(String, String)]) {
        let info: Family<Vec<(String, String)>, Gauge> = Family::default();
        info.get_or_create(&labels.to_vec()).set(1);
        self.register(|registry| names::BUILD_INFO.register(registry, info));
    }

    /// Counts one attempt to reload the configuration.
    pub fn reloaded(&self, applied: bool) {
        let result = if applied { "applied" } else { "rejected" };
        self.reloads.get_or_create(&Reload { result }).inc();
    }

    /// Exports `inkstone_config_info` for the sources in force, name and hash of each, in place of those before.
    pub fn config<'a>(&self, sources: impl Iterator<Item = (&'a str, &'a str)>) {
        self.config.clear();
        for (source, hash) in sources {
            self.config
                .get_or_create(&ConfigInfo { source: source.to_owned(), hash: hash.to_owned() })
                .set(1);
        }
    }

    /// Everything, in the OpenMetrics text format 1.0.
    #[must_use]
    pub fn encode(&self) -> String {
        self.encode_as(MetricsFormat::OpenMetrics)
    }

    /// Everything, in this format.
    #[must_use]
    pub fn encode_as(&self, format: MetricsFormat) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let written = text::calls(&mut text, &self.calls)
            .and_then(|()| prometheus_client::encoding::text::encode(&mut text, &registry));
        match (written, format) {
            (Ok(()), MetricsFormat::OpenMetrics) => text,
            (Ok(()), MetricsFormat::Prometheus) => text::to_prometheus(&text),
            (Err(fmt::Error), _) => "# the metrics could not be written as text\n# EOF\n".to_owned(),
        }
    }

    /// Where the calls of the component instance `name` are counted.
    pub(crate) fn instance(&self, protocol: Protocol, name: Arc<str>) -> Arc<Instance> {
        self.calls.instance(protocol, name)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
