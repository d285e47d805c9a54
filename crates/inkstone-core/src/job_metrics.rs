//! What is measured of jobs.

use inkstone_observe::{Metrics, names};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::jobs::JobRun;

/// Upper bounds of the histogram of jobs, in seconds: from one statement to a night's work.
const JOB_SECONDS: [f64; 10] = [0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 36_000.0];

type Label = (&'static str, &'static str);

/// What is measured of an app's jobs. A handle. Labels are names in the program, so there are few.
#[derive(Debug, Clone)]
pub(crate) struct JobMetrics {
    runs: Family<[Label; 2], Counter>,
    running: Family<[Label; 1], Gauge>,
    took: Family<[Label; 1], Histogram, fn() -> Histogram>,
}

impl JobMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            runs: Family::default(),
            running: Family::default(),
            took: Family::new_with_constructor(|| Histogram::new(JOB_SECONDS)),
        };
        metrics.register(|registry| {
            names::JOB_RUNS.register(registry, this.runs.clone());
            names::JOBS_RUNNING.register(registry, this.running.clone());
            names::JOB_DURATION.register(registry, this.took.clone());
        });
        this
    }

    pub(crate) fn begin(&self, job: &'static str) {
        self.running.get_or_create(&[("job", job)]).inc();
    }

    pub(crate) fn end(&self, job: &'static str) {
        self.running.get_or_create(&[("job", job)]).dec();
    }

    pub(crate) fn ended(&self, run: &JobRun) {
        self.runs.get_or_create(&[("job", run.job), ("outcome", run.outcome.as_str())]).inc();
        self.took.get_or_create(&[("job", run.job)]).observe(run.took.as_secs_f64());
    }
}
