//! The table `[metrics]`.

use std::collections::BTreeMap;
use std::time::Duration;

use inkstone_config::{Config, Dur, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{self, Metric, MetricKind};

/// What is measured, and how finely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Upper bounds of the latency histograms, rising. Each of them is a series for each method and code.
    pub buckets: Vec<Dur>,
    /// Single metrics, by their full name, in place of the above: `families.db_client_operation_duration_seconds.buckets`.
    pub families: BTreeMap<String, FamilyConfig>,
    /// Most methods, routes or operations that one component instance has series for; calls of any further one are
    /// counted as `other`.
    pub max_methods: usize,
    /// Whether the trace id of a sampled call is kept as an example for the bucket it fell into. Shown in the OpenMetrics
    /// format only.
    pub exemplars: bool,
    /// Whether the runtime is measured: its workers, tasks, queue, and how late its timers are.
    pub runtime: bool,
    /// Whether the process is measured: processor time, memory, threads, file descriptors. On Linux only.
    pub process: bool,
    /// Whether TCP sockets are counted by state. Costs time for each socket at each scrape. On Linux only.
    pub connections: bool,
}

/// What one metric does differently.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FamilyConfig {
    /// Upper bounds of its buckets. Empty means those of all.
    pub buckets: Vec<Dur>,
}

/// Most buckets that a histogram may have.
const MOST_BUCKETS: usize = 64;

impl Default for MetricsConfig {
    fn default() -> Self {
        // OpenTelemetry's advice for RPC and HTTP, with two finer steps below 5 ms because calls inside a cluster
        // usually end there.
        const MICROS: [u64; 16] = [
            500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000,
            1_000_000, 2_500_000, 5_000_000, 10_000_000,
        ];
        Self {
            buckets: MICROS.map(|micros| Dur::from(Duration::from_micros(micros))).to_vec(),
            families: BTreeMap::new(),
            // more routes than a person would write; with all codes and buckets still some tens of megabytes
            max_methods: 500,
            exemplars: true,
            runtime: true,
            process: true,
            connections: false,
        }
    }
}

impl Config for MetricsConfig {
    fn check(&self, problems: &mut Problems) {
        check_buckets("buckets", &self.buckets, problems);
        if self.buckets.is_empty() {
            problems.reject("buckets", "a histogram needs at least one bucket");
        }
        if self.max_methods == 0 {
            problems.reject("max_methods", "must be at least 1");
        }
        for (family, config) in &self.families {
            let key = format!("families.{family}");
            if !histograms().any(|metric| metric.series() == *family) {
                let known: Vec<String> = histograms().map(|metric| metric.series()).collect();
                problems.reject(
                    &key,
                    format_args!("`{family}` is not a histogram; there are {}", known.join(", ")),
                );
            }
            check_buckets(&format!("{key}.buckets"), &config.buckets, problems);
        }
    }
}

fn histograms() -> impl Iterator<Item = &'static Metric> {
    names::ALL.iter().filter(|metric| metric.kind == MetricKind::Histogram)
}

fn check_buckets(key: &str, buckets: &[Dur], problems: &mut Problems) {
    if let Some(pair) = buckets.windows(2).find(|pair| *pair[0] >= *pair[1]) {
        problems.reject(key, format_args!("bounds must rise, and {} comes after {}", pair[1], pair[0]));
    }
    if buckets.first().is_some_and(|first| first.is_zero()) {
        problems.reject(key, "the first bound must be more than 0s");
    }
    if buckets.len() > MOST_BUCKETS {
        problems.reject(key, format_args!("{} bounds are more than {MOST_BUCKETS}", buckets.len()));
    }
}

impl MetricsConfig {
    /// The upper bounds for one histogram.
    pub(crate) fn bounds(&self, metric: &Metric) -> &[Dur] {
        match self.families.get(&metric.series()) {
            Some(family) if !family.buckets.is_empty() => &family.buckets,
            _ => &self.buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(change: impl FnOnce(&mut MetricsConfig)) -> String {
        let mut config = MetricsConfig::default();
        change(&mut config);
        let mut problems = Problems::default();
        config.check(&mut problems);
        problems.to_string()
    }

    #[test]
    fn buckets_that_cannot_be_and_names_that_are_not_histograms_are_rejected() {
        assert_eq!(rejected(|_| {}), "");
        assert!(
            rejected(|config| config.buckets.swap(3, 4))
                .contains("bounds must rise, and 5ms comes after 10ms")
        );
        assert!(rejected(|config| config.buckets.clear()).contains("at least one bucket"));
        assert!(rejected(|config| config.buckets[0] = Dur::from_secs(0)).contains("more than 0s"));
        let misspelt = |config: &mut MetricsConfig| {
            config.families.insert("http_duration".to_owned(), FamilyConfig::default());
        };
        assert!(rejected(misspelt).contains("http_server_request_duration_seconds"));
    }

    #[test]
    fn a_family_has_its_own_buckets_or_those_of_all() {
        let mut config = MetricsConfig::default();
        let own = FamilyConfig { buckets: vec![Dur::from_secs(1)] };
        config.families.insert(names::DB_CLIENT.series(), own.clone());
        config.families.insert(names::TASK.series(), FamilyConfig::default());
        assert_eq!(config.bounds(&names::DB_CLIENT), own.buckets);
        assert_eq!(config.bounds(&names::TASK), config.buckets);
        assert_eq!(config.bounds(&names::RPC_SERVER), config.buckets);
    }
}
