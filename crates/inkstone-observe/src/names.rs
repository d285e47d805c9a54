//! The fixed names: every metric that Inkstone itself exports, in one place.
//!
//! OpenTelemetry's semantic conventions are followed where they have a name, Prometheus's for the process; Inkstone's own
//! begin with `inkstone_`. Units (`_seconds`) and `_total` are appended to the names here, as OpenMetrics asks.

use prometheus_client::registry::{Metric as Registered, Registry, Unit};

/// One metric: all that is fixed about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name without unit and `_total`.
    pub name: &'static str,
    /// What kind of metric it is.
    pub kind: MetricKind,
    /// The unit of its values, which is part of its name in text; empty for counts.
    pub unit: &'static str,
    /// The names of its labels. Their values come from the program and its configuration, never from a caller.
    pub labels: &'static [&'static str],
    /// What it measures, in one sentence.
    pub help: &'static str,
}

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows; shown with `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, into buckets.
    Histogram,
}

impl MetricKind {
    /// As it stands in text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// The family's name with its unit, as OpenMetrics has it: `http_server_request_duration_seconds`.
    #[must_use]
    pub fn family(&self) -> String {
        if self.unit.is_empty() { self.name.to_owned() } else { format!("{}_{}", self.name, self.unit) }
    }

    /// What is asked for in a query: the family's name, for a counter with `_total`.
    #[must_use]
    pub fn series(&self) -> String {
        let family = self.family();
        if self.kind == MetricKind::Counter { family + "_total" } else { family }
    }

    /// Adds what holds its values to a registry.
    pub fn register(&self, registry: &mut Registry, values: impl Registered) {
        if self.unit.is_empty() {
            registry.register(self.name, self.help, values);
        } else {
            registry.register_with_unit(self.name, self.help, self.unit(), values);
        }
    }

    pub(crate) fn unit(&self) -> Unit {
        match self.unit {
            "seconds" => Unit::Seconds,
            "bytes" => Unit::Bytes,
            other => Unit::Other(other.to_owned()),
        }
    }
}

/// A line each: kind, constant, name, unit, labels, help.
macro_rules! metrics {
    ($($kind:ident $constant:ident $name:literal $unit:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
            };
        )+
        /// Every metric, in the order in which the reference shows them.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    Histogram RPC_SERVER "rpc_server_call_duration" "seconds" ["name", "method", "code"]
        "Duration of inbound RPCs, from the request's head to the end of the response's stream";
    Histogram RPC_CLIENT "rpc_client_call_duration" "seconds" ["name", "method", "code"]
        "Duration of outbound RPCs, retries included";
    Histogram HTTP_SERVER "http_server_request_duration" "seconds" ["name", "method", "code"]
        "Duration of inbound HTTP requests, to the end of the response's body";
    Histogram HTTP_CLIENT "http_client_request_duration" "seconds" ["name", "method", "code"]
        "Duration of outbound HTTP requests, to the end of the response's body";
    Histogram DB_CLIENT "db_client_operation_duration" "seconds" ["name", "method", "code"]
        "Duration of database operations";
    Histogram TASK "inkstone_task_duration" "seconds" ["name", "method", "code"]
        "Duration of runs of scheduled tasks";
    Counter TASK_RUNS "inkstone_task_runs" "" ["name", "outcome"]
        "Runs of scheduled tasks by outcome: started, ok, error, panic, timeout, cancelled; skipped and missed never began";
    Counter CALLS_STARTED "inkstone_calls_started" "" ["protocol", "name", "method"]
        "Calls that began, served or made";
    Gauge CALLS_ACTIVE "inkstone_calls_active" "" ["protocol", "name", "method"]
        "Calls in flight";
    Counter LABELS_FOLDED "inkstone_metrics_labels_folded" "" ["protocol", "name", "label"]
        "Calls counted under the label value other because there were too many values";
    Histogram RUNTIME_LAG "inkstone_runtime_lag" "seconds" []
        "How much later than asked for a timer of the runtime fired, looked at twice a second";
    Gauge RUNTIME_WORKERS "inkstone_runtime_workers" "" []
        "Worker threads of the runtime";
    Gauge RUNTIME_TASKS "inkstone_runtime_tasks" "" []
        "Tasks that are not done";
    Gauge RUNTIME_QUEUE "inkstone_runtime_queue_depth" "" []
        "Tasks that wait in the queue which all workers share";
    Counter RUNTIME_BUSY "inkstone_runtime_worker_busy" "seconds" ["worker"]
        "Time that a worker thread has worked rather than waited";
    Counter RUNTIME_PARKS "inkstone_runtime_worker_parks" "" ["worker"]
        "Times that a worker thread went to sleep because there was nothing to do";
    Counter PROCESS_CPU "process_cpu" "seconds" []
        "Processor time of the process, user and system";
    Gauge PROCESS_RESIDENT "process_resident_memory" "bytes" []
        "Memory of the process that is in RAM";
    Gauge PROCESS_VIRTUAL "process_virtual_memory" "bytes" []
        "Address space of the process";
    Gauge PROCESS_START "process_start_time" "seconds" []
        "When the process started, in seconds since 1970";
    Gauge PROCESS_THREADS "process_threads" "" []
        "Threads of the process";
    Gauge PROCESS_OPEN_FDS "process_open_fds" "" []
        "Open file descriptors";
    Gauge PROCESS_MAX_FDS "process_max_fds" "" []
        "File descriptors that the process may open";
    Gauge TCP_CONNECTIONS "inkstone_tcp_connections" "" ["family", "state"]
        "TCP sockets of the process, and those that nobody owns any more in its network namespace";
    Gauge ALLOCATOR "inkstone_allocator" "bytes" ["state"]
        "Memory as the allocator counts it, in a program that offers it";
    Counter JOB_RUNS "inkstone_job_runs" "" ["job", "outcome"]
        "Runs of jobs that have ended";
    Gauge JOBS_RUNNING "inkstone_job_running" "" ["job"]
        "Runs of jobs that go on";
    Histogram JOB_DURATION "inkstone_job_duration" "seconds" ["job"]
        "Duration of runs of jobs";
    Counter PANICS "inkstone_panic" "" ["where"]
        "Panics, by where they were caught";
    Gauge BUILD_INFO "inkstone_build_info" "" ["name", "version", "commit", "dirty", "host", "user", "time", "rustc", "inkstone", "mode", "region", "zone"]
        "Constant 1, labelled with what was built, from what, by whom";
    Gauge CONFIG_INFO "inkstone_config_info" "" ["source", "hash"]
        "Constant 1, labelled with the hash of each source of the configuration in force";
    Gauge CONFIG_SOURCE_UP "inkstone_config_source_up" "" ["source"]
        "Whether a remote source of the configuration can be followed now";
    Counter CONFIG_RELOADS "inkstone_config_reload" "" ["result"]
        "Times the configuration was read again";
    Counter LOG_LINES "inkstone_log_lines" "" ["level"]
        "Lines logged";
    Counter LOG_DROPPED "inkstone_log_dropped" "" []
        "Log lines dropped because the buffer was full, or because they could not be written";
    Counter LOG_REPEATED "inkstone_log_repeated" "" []
        "Log lines left out because they repeated others";
    Counter TRACE_EXPORTED "inkstone_trace_exported" "" []
        "Spans that the collector took";
    Counter TRACE_DROPPED "inkstone_trace_dropped" "" ["reason"]
        "Spans that were dropped";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_metric_has_a_name_of_its_own_in_base_units() {
        for (at, metric) in ALL.iter().enumerate() {
            let name = metric.name;
            assert!(ALL[..at].iter().all(|other| other.name != name), "{name} is there twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(
                !name.ends_with("_total") && !name.ends_with("_seconds"),
                "{name} has its suffix already"
            );
            assert!(!metric.help.ends_with('.'), "{name}: the encoder adds the full stop");
        }
    }
}
