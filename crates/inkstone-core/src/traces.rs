//! The app's traces: the table `[trace]`, OpenTelemetry's variables, and the end.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use inkstone_config::Settings;
use inkstone_observe::Metrics;
use inkstone_observe::trace::{Exporter, Span, SpanKind, TraceConfig, Tracer};
use tokio::time::Instant;

use crate::app::App;
use crate::handle::AppHandle;

/// Longest time the last spans may take to be sent. A collector that answers takes milliseconds.
const FLUSH: Duration = Duration::from_secs(2);

/// The app's traces.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    pub(crate) tracer: Tracer,
    exporter: Option<Exporter>,
}

impl Traces {
    /// Reads the table. `variables` are OpenTelemetry's, for what the table leaves empty. Nothing is connected before the
    /// first span has ended.
    pub(crate) fn new(
        settings: &Settings,
        resource: Vec<(String, String)>,
        metrics: &Metrics,
        variables: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let live = settings.load_or_default::<TraceConfig>("trace", "trace");
        let config = TraceConfig::clone(&live.get()).or_environment(variables);
        let exporter = Exporter::new(&config, &complete(resource, &config), metrics);
        Self { tracer: Tracer::new(live.map(TraceConfig::rules), exporter.clone()), exporter }
    }

    /// Sends the last spans, by `deadline` at the latest.
    pub(crate) async fn flush(&self, deadline: Instant) {
        if let Some(exporter) = &self.exporter {
            exporter.close(deadline.saturating_duration_since(Instant::now()).min(FLUSH)).await;
        }
    }
}

impl App {
    /// With the traces that its configuration asks for.
    pub(crate) fn traced(self, variables: impl Fn(&str) -> Option<String>) -> Self {
        let handle = &self.handle;
        let known = handle.identity().resource();
        let resource = known.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        handle.set_traces(Traces::new(handle.settings(), resource, handle.metrics(), variables));
        self
    }
}

impl AppHandle {
    /// The app's traces, for spans that begin outside any call: `handle.tracer().span(…)`.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.0.traces.get_or_init(Traces::default).tracer
    }

    fn set_traces(&self, traces: Traces) {
        // An app is made once.
        let _first = self.0.traces.set(traces);
    }

    /// Sends the last spans, by `deadline` at the latest.
    pub(crate) async fn flush_traces(&self, deadline: Instant) {
        if let Some(traces) = self.0.traces.get() {
            traces.flush(deadline).await;
        }
    }

    /// The span of one run of a job, under the trace that its headers name.
    pub(crate) fn job_span(&self, name: &'static str, run: &str, headers: &[(String, String)]) -> Span {
        let mut came = HeaderMap::new();
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                came.append(name, value);
            }
        }
        let incoming = self.tracer().extract("job", &came);
        self.tracer()
            .begin(SpanKind::Internal, incoming, format!("job {name}"))
            .with("inkstone.job.name", name)
            .with("inkstone.job.run", run)
    }
}

/// Who sends the spans: what is known of the app, and what the table says of it.
fn complete(mut all: Vec<(String, String)>, config: &TraceConfig) -> Vec<(String, String)> {
    let mut say = |key: &str, value: &str| match all.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => value.clone_into(known),
        None => all.push((key.to_owned(), value.to_owned())),
    };
    say("telemetry.sdk.name", "inkstone");
    say("telemetry.sdk.language", "rust");
    say("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
    for (key, value) in &config.resource {
        say(key, value);
    }
    if !config.service_name.is_empty() {
        say("service.name", &config.service_name);
    }
    all
}
