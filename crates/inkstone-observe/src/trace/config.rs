//! The table `[trace]`.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Uri};
use inkstone_config::{Config, Dur, Problems, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::Keys;
use super::sampler::Ratio;
use super::tracer::Rules;

/// Traces: which requests are recorded, where their spans go, and what travels with a request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TraceConfig {
    /// Where spans are sent, by OTLP: `http://otel-collector:4317`. Empty means what `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` says; if they say nothing, no span is recorded. Requests have trace ids all the same.
    pub endpoint: String,
    /// How spans are sent. `http` adds `/v1/traces` to the endpoint if its path does not end with that.
    pub protocol: OtlpProtocol,
    /// Headers that are sent with the spans, such as a token: `headers.authorization = "${file:/etc/otel/token}"`. Empty means
    /// what `OTEL_EXPORTER_OTLP_HEADERS` says.
    pub headers: BTreeMap<String, Secret>,
    /// A PEM file with the certificates to trust for an `https` endpoint, in place of the system's.
    pub ca: String,
    /// The part of the traces begun here that is recorded: `0.0` is none, `1.0` is all. A trace that is continued is recorded
    /// if its caller's is.
    #[schemars(extend("x-live" = true), range(min = 0.0, max = 1.0))]
    pub ratio: f64,
    /// Headers of requests that travel on to log lines and to every call made while serving, over HTTP and gRPC:
    /// `["x-request-id", "x-tenant"]`. At most 16, of at most 256 bytes each. What a call itself sets is not overwritten.
    #[schemars(extend("x-live" = true))]
    pub propagate: Vec<String>,
    /// Servers whose callers are not believed, such as one that the public reaches: `["server.http"]`. The trace, the baggage and
    /// the propagated headers that they send are ignored.
    #[schemars(extend("x-live" = true))]
    pub untrusted: Vec<String>,
    /// The header of HTTP responses that tells the trace id. Empty sends none.
    #[schemars(extend("x-live" = true))]
    pub response_header: String,
    /// The service's name in traces. Empty means what `OTEL_SERVICE_NAME` says, or else the app's name.
    pub service_name: String,
    /// What else is said of the service: `resource."deployment.environment.name" = "staging"`. `OTEL_RESOURCE_ATTRIBUTES` adds
    /// what is not here.
    pub resource: BTreeMap<String, String>,
    /// Longest time one attempt to send may take.
    pub timeout: Dur,
    /// Most spans that wait to be sent. More are dropped, and counted.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue: u32,
    /// Most spans sent at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub batch: u32,
    /// Longest time a span waits for others before it is sent.
    pub interval: Dur,
}

/// How spans are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// What `OTEL_EXPORTER_OTLP_PROTOCOL` says; else `http` for port 4318 and an endpoint with a path, `grpc` otherwise.
    Auto,
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            protocol: OtlpProtocol::Auto,
            headers: BTreeMap::new(),
            ca: String::new(),
            // whoever names a collector wants to see something, and one request in ten costs little
            ratio: 0.1,
            propagate: Vec::new(),
            untrusted: Vec::new(),
            response_header: "x-trace-id".to_owned(),
            service_name: String::new(),
            resource: BTreeMap::new(),
            // the next four are OpenTelemetry's, but for an interval that lets one see a request soon after it was made
            timeout: Dur::from_secs(10),
            queue: 2048,
            batch: 512,
            interval: Dur::from_secs(1),
        }
    }
}

impl Config for TraceConfig {
    fn check(&self, problems: &mut Problems) {
        if self.endpoint.contains('@') {
            // Not repeated: it is in every line about the collector otherwise.
            problems.reject(
                "endpoint",
                "it has a user or a password in it; send them as a header: `headers.authorization`",
            );
        } else if !self.endpoint.is_empty() && endpoint(&self.endpoint).is_none() {
            problems.reject(
                "endpoint",
                format_args!("`{}` is not a URL such as http://otel-collector:4317", self.endpoint),
            );
        }
        for (name, value) in &self.headers {
            if header(name).is_none() || HeaderValue::from_str(value.reveal()).is_err() {
                problems.reject("headers", format_args!("`{name}` and its value are not a header"));
            }
        }
        if self.propagate.len() > Keys::MOST {
            problems.reject(
                "propagate",
                format_args!("names {} headers; at most {} travel", self.propagate.len(), Keys::MOST),
            );
        }
        for name in &self.propagate {
            if let Err(why) = propagated(name) {
                problems.reject("propagate", format_args!("`{name}` {why}"));
            }
        }
        if !self.response_header.is_empty() && header(&self.response_header).is_none() {
            problems
                .reject("response_header", format_args!("`{}` is not a header's name", self.response_header));
        }
        if self.timeout.is_zero() {
            problems.reject("timeout", "is 0, which would let no span through");
        }
        if self.batch > self.queue {
            problems.reject(
                "batch",
                format_args!("{} is more than can wait (queue = {})", self.batch, self.queue),
            );
        }
    }
}

impl TraceConfig {
    /// The part that can change while the app runs.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            ratio: Ratio::new(self.ratio),
            propagate: self.propagate.iter().filter_map(|name| propagated(name).ok()).collect(),
            untrusted: self.untrusted.clone(),
            response_header: header(&self.response_header),
        }
    }

    /// Completes what is empty with what OpenTelemetry's variables say
    /// ([OTLP exporter](https://opentelemetry.io/docs/specs/otel/protocol/exporter/),
    /// [resource](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)). One that is malformed
    /// says nothing.
    #[must_use]
    pub fn or_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |names: &[&str]| {
            names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()))
        };
        if self.endpoint.is_empty() {
            let names = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
            self.endpoint = said(&names).filter(|url| endpoint(url).is_some()).unwrap_or_default();
        }
        if self.protocol == OtlpProtocol::Auto {
            self.protocol = match said(&["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"])
                .as_deref()
            {
                Some("grpc") => OtlpProtocol::Grpc,
                Some("http/protobuf") => OtlpProtocol::Http,
                _ => OtlpProtocol::Auto,
            };
        }
        if self.headers.is_empty() {
            let names = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
            let pairs = pairs(said(&names).as_deref()).into_iter();
            let valid =
                pairs.filter(|(name, value)| header(name).is_some() && HeaderValue::from_str(value).is_ok());
            self.headers = valid.map(|(name, value)| (name, Secret::from(value))).collect();
        }
        if self.service_name.is_empty() {
            self.service_name = said(&["OTEL_SERVICE_NAME"]).unwrap_or_default();
        }
        for (name, value) in pairs(said(&["OTEL_RESOURCE_ATTRIBUTES"]).as_deref()) {
            if name != "service.name" {
                self.resource.entry(name).or_insert(value);
            } else if self.service_name.is_empty() {
                self.service_name = value;
            }
        }
        self
    }

    /// Where and how spans go; nothing if they go nowhere.
    pub(crate) fn destination(&self) -> Option<(Uri, bool)> {
        let uri = endpoint(&self.endpoint)?;
        let grpc = match self.protocol {
            OtlpProtocol::Grpc => true,
            OtlpProtocol::Http => false,
            OtlpProtocol::Auto => uri.port_u16() != Some(4318) && uri.path() == "/",
        };
        Some((uri, grpc))
    }
}

/// `name=value,name=value`, with the values as in the baggage.
fn pairs(text: Option<&str>) -> Vec<(String, String)> {
    let baggage = super::Baggage::parse(text);
    baggage.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn endpoint(text: &str) -> Option<Uri> {
    let uri: Uri = text.trim().parse().ok()?;
    let known = matches!(uri.scheme_str(), Some("http" | "https")) && !text.contains('@');
    (known && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

fn header(name: &str) -> Option<HeaderName> {
    name.parse().ok()
}

/// The header of this name, if it may travel on.
fn propagated(name: &str) -> Result<HeaderName, &'static str> {
    /// What belongs to one connection or one request, and what Inkstone writes itself.
    const OWN: [&str; 14] = [
        "accept",
        "baggage",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let name = header(name).ok_or("is not a header's name")?;
    let text = name.as_str();
    if OWN.contains(&text) || text.starts_with("grpc-") || text.starts_with("proxy-") {
        return Err("belongs to one request and cannot travel on");
    }
    if text.ends_with("-bin") {
        return Err("is binary in gRPC, and cannot be on a log line");
    }
    if matches!(text, "authorization" | "cookie" | "set-cookie") || inkstone_config::telltale(text) {
        return Err("is a secret, and would be on log lines; hand it on where it is needed");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: &TraceConfig) -> String {
        let mut problems = Problems::default();
        config.check(&mut problems);
        problems.to_string()
    }

    #[test]
    fn the_default_is_complete_and_records_nothing() {
        let config = TraceConfig::default();
        assert_eq!(problems(&config), "");
        assert!(config.destination().is_none());
        assert_eq!(config.rules().response_header.unwrap(), "x-trace-id");
    }

    #[test]
    fn a_password_in_the_endpoint_is_refused_and_not_repeated() {
        let endpoint = "http://user:hunter2@collector:4317".to_owned();
        let said = problems(&TraceConfig { endpoint, ..TraceConfig::default() });
        assert!(said.contains("headers.authorization") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn what_cannot_travel_is_refused_with_the_reason() {
        let check = |name: &str, reason: &str| {
            let config = TraceConfig { propagate: vec![name.to_owned()], ..TraceConfig::default() };
            assert!(problems(&config).contains(reason), "{name}: {}", problems(&config));
            assert!(config.rules().propagate.is_empty());
        };
        check("no header", "is not a header's name");
        check("Host", "belongs to one request");
        check("grpc-timeout", "belongs to one request");
        check("x-trace-bin", "is binary");
        check("authorization", "is a secret");
        check("x-api-key", "is a secret");
        let many = TraceConfig { propagate: vec!["x-a".to_owned(); 17], ..TraceConfig::default() };
        assert!(problems(&many).contains("at most 16"), "{}", problems(&many));
    }

    #[test]
    fn opentelemetrys_variables_fill_in_what_the_configuration_leaves_empty() {
        let said = |name: &str| {
            let value = match name {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => "http://collector:4317",
                "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/protobuf",
                "OTEL_EXPORTER_OTLP_HEADERS" => "x-a=1%202,x-b=3",
                "OTEL_SERVICE_NAME" => "shop",
                "OTEL_RESOURCE_ATTRIBUTES" => "service.name=other,team=red,zone=a",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let resource = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        let config = TraceConfig { resource, ..TraceConfig::default() }.or_environment(said);
        assert_eq!(config.destination(), Some((Uri::from_static("http://collector:4317"), false)));
        assert_eq!(config.service_name, "shop");
        assert_eq!((&*config.resource["team"], &*config.resource["zone"]), ("blue", "a"));
        assert_eq!(config.headers["x-a"].reveal(), "1 2");

        let own = TraceConfig { endpoint: "https://mine:4317".to_owned(), ..TraceConfig::default() };
        assert_eq!(own.or_environment(said).endpoint, "https://mine:4317");
        let with_password = |_: &str| Some("http://user:hunter2@collector:4317".to_owned());
        assert!(TraceConfig::default().or_environment(with_password).endpoint.is_empty());
        let malformed = |_: &str| Some("nonsense".to_owned());
        assert!(TraceConfig::default().or_environment(malformed).destination().is_none());
    }

    #[test]
    fn the_protocol_is_known_by_port_and_path() {
        let check = |endpoint: &str, grpc: bool| {
            let config = TraceConfig { endpoint: endpoint.to_owned(), ..TraceConfig::default() };
            assert_eq!(config.destination().unwrap().1, grpc, "{endpoint}");
        };
        check("http://collector:4317", true);
        check("https://collector", true);
        check("http://collector:4318", false);
        check("https://collector/otlp", false);
    }
}
