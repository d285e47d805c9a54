//! The metrics of one app.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::names;
use crate::record::Protocol;

/// The metrics of one app. A handle: clones share the registry.
///
/// ```
/// let metrics = inkstone_observe::Metrics::new();
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

/// One histogram for each kind of call.
struct Calls {
    rpc_server: Family<CallLabels, Histogram, fn() -> Histogram>,
    rpc_client: Family<CallLabels, Histogram, fn() -> Histogram>,
    http_server: Family<CallLabels, Histogram, fn() -> Histogram>,
    http_client: Family<CallLabels, Histogram, fn() -> Histogram>,
    db_client: Family<CallLabels, Histogram, fn() -> Histogram>,
    task: Family<CallLabels, Histogram, fn() -> Histogram>,
}

/// The labels of every call: the component's configuration key, what was called, how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CallLabels {
    pub(crate) name: Arc<str>,
    pub(crate) method: Arc<str>,
    pub(crate) code: &'static str,
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
    /// An empty registry with Inkstone's own families in it.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let mut calls = |name, help: &str| {
            let family = Family::new_with_constructor(seconds as fn() -> Histogram);
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
            family
        };
        let calls = Calls {
            rpc_server: calls(names::RPC_SERVER, "Duration of inbound RPCs"),
            rpc_client: calls(names::RPC_CLIENT, "Duration of outbound RPCs"),
            http_server: calls(names::HTTP_SERVER, "Duration of inbound HTTP requests"),
            http_client: calls(names::HTTP_CLIENT, "Duration of outbound HTTP requests"),
            db_client: calls(names::DB_CLIENT, "Duration of database operations"),
            task: calls(names::TASK, "Duration of scheduled tasks"),
        };
        let reloads = Family::default();
        registry.register(names::CONFIG_RELOADS, "Times the configuration was read again", reloads.clone());
        let config = Family::default();
        registry.register(names::CONFIG_INFO, "The configuration in force", config.clone());
        Self { registry: Arc::new(Mutex::new(registry)), calls: Arc::new(calls), reloads, config }
    }

    /// Gives the registry to a component or an application that has metrics of its own.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exports `inkstone_build_info`: constant 1 with these labels.
    pub fn build_info(&self, labels: &[(String, String)]) {
        let info: Family<Vec<(String, String)>, Gauge> = Family::default();
        info.get_or_create(&labels.to_vec()).set(1);
        self.register(|registry| registry.register(names::BUILD_INFO, "What was built, from what", info));
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

    /// Everything, in the OpenMetrics text format 1.0, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match prometheus_client::encoding::text::encode(&mut text, &registry) {
            Ok(()) => text,
            Err(fmt::Error) => "# the metrics could not be written as text\n# EOF\n".to_owned(),
        }
    }

    pub(crate) fn observe(&self, protocol: Protocol, labels: &CallLabels, seconds: f64) {
        let family = match protocol {
            Protocol::RpcServer => &self.calls.rpc_server,
            Protocol::RpcClient => &self.calls.rpc_client,
            Protocol::HttpServer => &self.calls.http_server,
            Protocol::HttpClient => &self.calls.http_client,
            Protocol::Db => &self.calls.db_client,
            Protocol::Task => &self.calls.task,
        };
        family.get_or_create(labels).observe(seconds);
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

fn seconds() -> Histogram {
    Histogram::new(names::SECONDS)
}
