//! The metrics of one app.

mod allocator;
mod calls;
mod config;
mod connections;
mod process;
mod runtime;
mod series;
mod text;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use allocator::AllocatorStats;
pub(crate) use calls::Instance;
pub use calls::{Active, Method};
pub use config::{FamilyConfig, MetricsConfig};
pub use text::MetricsFormat;

use crate::names;
use crate::record::Protocol;
use calls::Calls;
use series::{Bounds, Series};

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
    around: Arc<Around>,
    reloads: Family<Reload, Counter>,
    config: Family<ConfigInfo, Gauge>,
    source_up: Family<ConfigSource, Gauge>,
    task_runs: Family<TaskRun, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskRun {
    name: String,
    outcome: &'static str,
}

/// What is looked at when somebody asks.
struct Around {
    runtime: bool,
    process: bool,
    connections: bool,
    lag: Series,
    allocator: OnceLock<Box<dyn Fn() -> AllocatorStats + Send + Sync>>,
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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConfigSource {
    source: String,
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
        let source_up = Family::default();
        names::CONFIG_SOURCE_UP.register(&mut registry, source_up.clone());
        let task_runs = Family::default();
        names::TASK_RUNS.register(&mut registry, task_runs.clone());
        let around = Around {
            runtime: config.runtime,
            process: config.process,
            connections: config.connections,
            lag: Series::new(Bounds::new(config.bounds(&names::RUNTIME_LAG))),
            allocator: OnceLock::new(),
        };
        let calls = Arc::new(Calls::new(config));
        let registry = Arc::new(Mutex::new(registry));
        Self { registry, calls, around: Arc::new(around), reloads, config: sources, source_up, task_runs }
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

    /// Counts runs of the scheduled task `name`, its key in the configuration, that came to `outcome`.
    pub fn task_runs(&self, name: &str, outcome: &'static str, runs: u64) {
        self.task_runs.get_or_create(&TaskRun { name: name.to_owned(), outcome }).inc_by(runs);
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

    /// Exports what the program's allocator says of itself, asked at each scrape. The first one given stays.
    ///
    /// ```
    /// use inkstone_observe::{AllocatorStats, Metrics};
    ///
    /// let metrics = Metrics::new();
    /// // With tikv-jemalloc-ctl: advance the epoch, then read `stats::allocated` and the like.
    /// metrics.allocator(|| AllocatorStats { allocated: Some(4096), ..AllocatorStats::default() });
    /// assert!(metrics.encode().contains("inkstone_allocator_bytes{state=\"allocated\"} 4096"));
    /// ```
    pub fn allocator(&self, stats: impl Fn() -> AllocatorStats + Send + Sync + 'static) {
        let _first = self.around.allocator.set(Box::new(stats));
    }

    /// Measures how late the runtime's timers are, until `stop`, unless the runtime is not to be measured. An app does
    /// this while it serves.
    pub async fn probe(self, stop: impl Future<Output = ()>) {
        if self.around.runtime {
            runtime::probe(&self.around.lag, stop).await;
        }
    }

    /// Exports `inkstone_config_source_up` of a remote source.
    pub fn config_source(&self, source: &str, up: bool) {
        self.source_up.get_or_create(&ConfigSource { source: source.to_owned() }).set(up.into());
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
            .and_then(|()| self.around.write(&mut text))
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

impl Around {
    fn write(&self, text: &mut String) -> fmt::Result {
        if self.runtime {
            runtime::write(text, &self.lag)?;
        }
        if self.process {
            process::write(text)?;
        }
        if self.connections {
            connections::write(text)?;
        }
        match self.allocator.get() {
            Some(stats) => allocator::write(text, stats()),
            None => Ok(()),
        }
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
