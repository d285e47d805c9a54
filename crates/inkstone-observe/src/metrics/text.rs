//! The metrics as text: OpenMetrics 1.0, and the Prometheus format 0.0.4 that came before it.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>,
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{self, Display, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use crate::metrics::calls::{Calls, Instance};
use crate::metrics::series::{Bucket, Series};
use crate::names::{self, Metric};
use crate::record::Protocol;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0, with exemplars.
    OpenMetrics,
    /// The Prometheus text format 0.0.4, which everything reads.
    Prometheus,
}

impl MetricsFormat {
    /// The format for what an HTTP request's `Accept` says. OpenMetrics only if it is asked for by name.
    ///
    /// ```
    /// use inkstone_observe::MetricsFormat;
    ///
    /// let scrape = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    /// assert_eq!(MetricsFormat::accepted(scrape), MetricsFormat::OpenMetrics);
    /// assert_eq!(MetricsFormat::accepted("*/*"), MetricsFormat::Prometheus);
    /// ```
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let mut open_metrics = 0.0;
        let mut text = 0.0_f32;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut version) = (1.0_f32, None);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => weight = value.trim().parse().unwrap_or(0.0),
                    "version" => version = Some(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            match media.as_str() {
                // 0.0.1 differs in what we use of it only in name.
                "application/openmetrics-text" if matches!(version, None | Some("1.0.0" | "0.0.1")) => {
                    open_metrics = weight.max(open_metrics);
                }
                "text/plain" => text = weight.max(text),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The families of calls in OpenMetrics.
pub(crate) fn calls(text: &mut String, calls: &Calls) -> fmt::Result {
    let instances = calls.instances();
    for protocol in Protocol::ALL {
        let metric = protocol.metric();
        let mut head = Some(());
        for instance in instances.iter().filter(|instance| instance.protocol == *protocol) {
            for counted in instance.counted() {
                for (code, series) in counted.codes() {
                    if head.take().is_some() {
                        describe(text, &metric)?;
                    }
                    let labels = [&*instance.name, &*counted.label, code];
                    histogram(text, &metric, &labels, series)?;
                }
            }
        }
    }
    counts(text, &instances)
}

/// What began, what is in flight, and what found no room.
fn counts(text: &mut String, instances: &[Arc<Instance>]) -> fmt::Result {
    let each =
        |text: &mut String, metric: &Metric, value: &dyn Fn(&crate::metrics::calls::Counted) -> u64| {
            let mut head = Some(());
            for instance in instances {
                for counted in instance.counted() {
                    if head.take().is_some() {
                        describe(text, metric)?;
                    }
                    let labels = [instance.protocol.as_str(), &*instance.name, &*counted.label];
                    sample(text, metric, &labels, value(&counted))?;
                }
            }
            Ok(())
        };
    each(text, &names::CALLS_STARTED, &|counted| counted.started.load(Ordering::Relaxed))?;
    each(text, &names::CALLS_ACTIVE, &|counted| counted.active())?;

    let folded = instances.iter().flat_map(|instance| {
        [("method", &instance.folded_methods), ("code", &instance.folded_codes)]
            .map(|(label, count)| (instance, label, count.load(Ordering::Relaxed)))
    });
    let metric = &names::LABELS_FOLDED;
    for (at, (instance, label, count)) in folded.filter(|(.., count)| *count > 0).enumerate() {
        if at == 0 {
            describe(text, metric)?;
        }
        sample(text, metric, &[instance.protocol.as_str(), &instance.name, label], count)?;
    }
    Ok(())
}

pub(crate) fn describe(text: &mut String, metric: &Metric) -> fmt::Result {
    let family = metric.family();
    writeln!(text, "# HELP {family} {}.", metric.help)?;
    writeln!(text, "# TYPE {family} {}", metric.kind.as_str())?;
    if !metric.unit.is_empty() {
        writeln!(text, "# UNIT {family} {}", metric.unit)?;
    }
    Ok(())
}

pub(crate) fn sample(
    text: &mut String,
    metric: &Metric,
    labels: &[&str],
    value: impl Display,
) -> fmt::Result {
    text.push_str(&metric.series());
    if !labels.is_empty() {
        text.push('{');
        write_labels(text, metric, labels)?;
        text.push('}');
    }
    writeln!(text, " {value}")
}

/// A metric without labels.
pub(crate) fn single(text: &mut String, metric: &Metric, value: impl Display) -> fmt::Result {
    describe(text, metric)?;
    sample(text, metric, &[], value)
}

pub(crate) fn histogram(text: &mut String, metric: &Metric, labels: &[&str], series: &Series) -> fmt::Result {
    let family = metric.family();
    let mut shown = String::new();
    write_labels(&mut shown, metric, labels)?;
    let comma = if shown.is_empty() { "" } else { "," };
    let sum = series.sum();
    let buckets = series.buckets();
    for Bucket { upper, count, exemplar } in &buckets {
        match upper.is_finite() {
            true => write!(text, "{family}_bucket{{le=\"{upper:?}\"{comma}{shown}}} {count}")?,
            false => write!(text, "{family}_bucket{{le=\"+Inf\"{comma}{shown}}} {count}")?,
        }
        if let Some(exemplar) = exemplar {
            let (trace, span) = (exemplar.trace.trace_id(), exemplar.trace.span_id());
            let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            write!(text, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {:?} {at:.3}", exemplar.seconds)?;
        }
        text.push('\n');
    }
    let shown = if shown.is_empty() { shown } else { format!("{{{shown}}}") };
    let count = buckets.last().map_or(0, |last| last.count);
    writeln!(text, "{family}_sum{shown} {sum:?}")?;
    writeln!(text, "{family}_count{shown} {count}")
}

fn write_labels(text: &mut String, metric: &Metric, values: &[&str]) -> fmt::Result {
    for (at, (label, value)) in std::iter::zip(metric.labels, values).enumerate() {
        write!(text, "{}{label}=\"", if at == 0 { "" } else { "," })?;
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    Ok(())
}

/// OpenMetrics as the older format: counters' families end in `_total`, and there are no units, exemplars and end.
pub(crate) fn to_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = Some(described);
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap_or((typed, "unknown"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "stateset" => ("", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some((described, words)) = help.take().and_then(|help| help.split_once(' '))
                && described == name
            {
                text.push_str(&format!("# HELP {name}{suffix} {words}\n"));
            }
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            text.push_str(without_exemplar(line));
            text.push('\n');
        }
    }
    text
}

/// A sample without what stands behind ` # `, which may also stand in a label's value.
fn without_exemplar(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line[..at].trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_accept_prefers_is_sent_and_the_older_format_when_in_doubt() {
        let check = |accept: &str, format| assert_eq!(MetricsFormat::accepted(accept), format, "{accept}");
        check("", MetricsFormat::Prometheus);
        check("*/*", MetricsFormat::Prometheus);
        check("text/html,application/xhtml+xml,*/*;q=0.8", MetricsFormat::Prometheus);
        check("application/openmetrics-text", MetricsFormat::OpenMetrics);
        check("application/openmetrics-text; version=2.0.0, text/plain", MetricsFormat::Prometheus);
        check("application/openmetrics-text;q=0, text/plain;q=0.1", MetricsFormat::Prometheus);
        check("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.2", MetricsFormat::OpenMetrics);
        check("application/openmetrics-text;q=0.2,text/plain;q=0.9", MetricsFormat::Prometheus);
    }

    #[test]
    fn the_older_format_has_neither_units_nor_exemplars_nor_an_end() {
        let open_metrics = "\
# HELP a_seconds A.
# TYPE a_seconds histogram
# UNIT a_seconds seconds
a_seconds_bucket{le=\"1.0\",b=\"x # {\\\" \"} 1 # {trace_id=\"00\"} 0.5 1.000
# HELP c C.
# TYPE c counter
c_total 1
# TYPE d unknown
d 2
# EOF
";
        let prometheus = "\
# HELP a_seconds A.
# TYPE a_seconds histogram
a_seconds_bucket{le=\"1.0\",b=\"x # {\\\" \"} 1
# HELP c_total C.
# TYPE c_total counter
c_total 1
# TYPE d untyped
d 2
";
        assert_eq!(to_prometheus(open_metrics), prometheus);
    }
}
