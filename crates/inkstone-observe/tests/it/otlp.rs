//! Spans on their way to a collector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use inkstone_config::{Dur, Live, Secret};
use inkstone_observe::Metrics;
use inkstone_observe::trace::{self, Exporter, Incoming, OtlpProtocol, SpanKind, TraceConfig, Tracer};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Code;

use crate::collector::{Answer, Collector, attributes};

/// A tracer that records all, its exporter, and what it counts.
struct Out {
    tracer: Tracer,
    exporter: Exporter,
    metrics: Metrics,
}

fn config(endpoint: &str, protocol: OtlpProtocol) -> TraceConfig {
    let interval = Dur::from(Duration::from_millis(20));
    TraceConfig { endpoint: endpoint.to_owned(), protocol, ratio: 1.0, interval, ..TraceConfig::default() }
}

fn out(config: &TraceConfig) -> Out {
    let metrics = Metrics::new();
    let resource = [("service.name".to_owned(), "shop".to_owned())];
    let exporter = Exporter::new(config, &resource, &metrics).unwrap();
    let tracer = Tracer::new(Live::fixed(config.rules()), Some(exporter.clone()));
    Out { tracer, exporter, metrics }
}

impl Out {
    fn counted(&self, series: &str) -> u64 {
        let text = self.metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in {text}")).parse().unwrap()
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.counted(&format!("inkstone_trace_dropped_total{{reason=\"{reason}\"}}"))
    }

    fn exported(&self) -> u64 {
        self.counted("inkstone_trace_exported_total")
    }

    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is(self) {
            assert!(Instant::now() < deadline, "{what}: {}", self.metrics.encode());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn every_field_arrives(protocol: OtlpProtocol) {
    let collector = Collector::start().await;
    let mut config = config(&collector.endpoint, protocol);
    config.headers = BTreeMap::from([("x-token".to_owned(), Secret::from("opensesame"))]);
    let out = out(&config);

    let mut came = HeaderMap::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    came.insert("traceparent", HeaderValue::from_static(parent));
    came.insert("tracestate", HeaderValue::from_static("vendor=1"));
    let served = out.tracer.serve(out.tracer.extract("server.http", &came), false, "GET /");
    let ids = served.context().ids();
    served.rename("GET /orders/{id}");
    served.set("http.response.status_code", 500);
    served.fail("");
    served
        .run(async {
            trace::set("tenant", "acme");
            trace::set("tenant", "acme & sons");
            trace::set("share", 0.5);
            trace::set("vip", true);
            trace::exception("panic", "index out of bounds");
            trace::span("work out the price").run(async {}).await;
        })
        .await;

    let requests = collector.requests(2).await;
    let (headers, request) = &requests[0];
    assert_eq!(headers["x-token"], "opensesame");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("OTel-OTLP-Exporter-Inkstone/"));
    let resource = &request.resource_spans[0];
    assert!(resource.schema_url.starts_with("https://opentelemetry.io/schemas/"));
    assert_eq!(attributes(&resource.resource.as_ref().unwrap().attributes)["service.name"], "shop");
    assert_eq!(resource.scope_spans[0].scope.as_ref().unwrap().name, "inkstone");

    let spans = collector.spans(2).await;
    let (inner, outer) = (&spans[0], &spans[1]);
    assert_eq!(hex(&outer.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&outer.span_id), ids.span_id().as_str());
    assert_eq!(hex(&outer.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(outer.trace_state, "vendor=1");
    assert_eq!(outer.name, "GET /orders/{id}");
    assert_eq!(outer.kind(), Kind::Server);
    assert_eq!(outer.flags, 0x301, "sampled, and the parent is of another process");
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert!(inner.end_time_unix_nano <= outer.end_time_unix_nano);
    let said = attributes(&outer.attributes);
    assert_eq!(said["http.response.status_code"], "500");
    assert_eq!((&*said["tenant"], &*said["share"], &*said["vip"]), ("acme & sons", "0.5", "true"));
    let status = outer.status.as_ref().unwrap();
    assert_eq!((status.code(), status.message.as_str()), (Code::Error, ""));
    let event = &outer.events[0];
    assert_eq!(event.name, "exception");
    assert_eq!(attributes(&event.attributes)["exception.message"], "index out of bounds");
    assert!((outer.start_time_unix_nano..=outer.end_time_unix_nano).contains(&event.time_unix_nano));

    assert_eq!((&inner.trace_id, &inner.parent_span_id), (&outer.trace_id, &outer.span_id));
    assert_eq!((inner.name.as_str(), inner.kind()), ("work out the price", Kind::Internal));
    assert_eq!(inner.flags, 0x101);
    assert_eq!(inner.status.as_ref().unwrap().code(), Code::Unset);
    out.until("both are counted", |out| out.exported() == 2).await;
}

#[tokio::test]
async fn every_field_arrives_over_grpc() {
    every_field_arrives(OtlpProtocol::Grpc).await;
}

#[tokio::test]
async fn every_field_arrives_over_http() {
    every_field_arrives(OtlpProtocol::Http).await;
}

#[tokio::test]
async fn only_sampled_spans_are_exported_and_the_others_have_ids_all_the_same() {
    let collector = Collector::start().await;
    let mut config = config(&collector.endpoint, OtlpProtocol::Grpc);
    config.ratio = 0.0;
    let out = out(&config);
    let unsampled = out.tracer.root(SpanKind::Internal, "unsampled");
    assert!(!unsampled.is_recorded() && unsampled.context().ids().trace != [0; 16]);
    let below = unsampled.context().ids();
    unsampled
        .run(async move {
            let inner = trace::span("inner");
            assert_eq!(inner.context().ids().trace, below.trace);
            assert!(!inner.is_recorded());
        })
        .await;
    drop(out.tracer.serve(Incoming::default(), false, "unsampled"));
    let sampled = trace::Context::new(trace::TraceIds::root(true));
    drop(out.tracer.serve(sampled.into(), false, "sampled by the caller"));
    out.exporter.close(Duration::from_secs(10)).await;
    let spans = collector.spans(1).await;
    assert_eq!(spans.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["sampled by the caller"]);
}

#[tokio::test]
async fn probes_begin_no_trace_that_is_recorded() {
    let out = out(&config("http://127.0.0.1:1", OtlpProtocol::Grpc));
    assert!(!out.tracer.serve(Incoming::default(), true, "probe").is_recorded());
    let sampled = trace::Context::new(trace::TraceIds::root(true));
    assert!(out.tracer.serve(sampled.into(), true, "asked for").is_recorded());
}

#[tokio::test]
async fn a_collector_that_is_down_costs_a_bounded_queue_and_a_counter() {
    // Nothing listens on a port that was just let go.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut config = config(&endpoint, OtlpProtocol::Grpc);
    (config.queue, config.batch) = (100, 10);
    let out = out(&config);
    for _ in 0..1000 {
        drop(out.tracer.root(SpanKind::Internal, "lost"));
    }
    // The thread may have taken a batch or two.
    assert!((850..=900).contains(&out.dropped("queue_full")), "{}", out.metrics.encode());
    out.exporter.close(Duration::from_secs(10)).await;
    let lost = ["queue_full", "unreachable", "stopped"].map(|reason| out.dropped(reason));
    assert_eq!((lost.iter().sum::<u64>(), out.exported()), (1000, 0), "{lost:?}");
    drop(out.tracer.root(SpanKind::Internal, "after the end"));
    assert_eq!(out.dropped("stopped"), lost[2] + 1);
}

#[tokio::test]
async fn a_collector_that_is_busy_gets_the_spans_later() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let collector = Collector::start().await;
        collector.answer(Answer::Busy);
        let out = out(&config(&collector.endpoint, protocol));
        drop(out.tracer.root(SpanKind::Internal, "late"));
        collector.asked_at_least(2).await;
        collector.answer(Answer::Accept);
        assert_eq!(collector.spans(1).await[0].name, "late");
        out.until("it is counted", |out| out.exported() == 1).await;
    }
}

#[tokio::test]
async fn what_the_collector_refuses_is_not_sent_again() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let collector = Collector::start().await;
        collector.answer(Answer::Refuse);
        let out = out(&config(&collector.endpoint, protocol));
        drop(out.tracer.root(SpanKind::Internal, "refused"));
        out.until("it is counted", |out| out.dropped("rejected") == 1).await;
        assert_eq!(collector.asked(), 1);

        collector.answer(Answer::AllBut(1));
        drop(out.tracer.root(SpanKind::Internal, "taken"));
        drop(out.tracer.root(SpanKind::Internal, "left out"));
        out.exporter.close(Duration::from_secs(10)).await;
        assert!(out.exported() >= 1 && out.dropped("rejected") >= 2, "{}", out.metrics.encode());
    }
}

/// The runtime has one thread, which waits for the exporter: what is known to hang the SDK's.
#[tokio::test(flavor = "current_thread")]
async fn closing_sends_what_is_left_even_where_there_is_one_thread() {
    let collector = std::thread::spawn(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let collector = runtime.block_on(Collector::start());
        (runtime, collector)
    });
    let (runtime, collector) = collector.join().unwrap();
    let mut config = config(&collector.endpoint, OtlpProtocol::Grpc);
    config.interval = Dur::from_secs(3600);
    (config.queue, config.batch) = (1000, 300);
    let out = out(&config);
    for _ in 0..1000 {
        drop(out.tracer.root(SpanKind::Internal, "last"));
    }
    out.exporter.close(Duration::from_secs(20)).await;
    assert_eq!((out.exported(), collector.spans(1000).await.len()), (1000, 1000));
    drop(collector);
    runtime.shutdown_background();
}

#[tokio::test]
async fn closing_does_not_wait_for_a_collector_that_says_nothing() {
    let collector = Collector::start().await;
    collector.answer(Answer::Silence);
    let out = out(&config(&collector.endpoint, OtlpProtocol::Grpc));
    drop(out.tracer.root(SpanKind::Internal, "never"));
    collector.asked_at_least(1).await;
    drop(out.tracer.root(SpanKind::Internal, "never either"));
    out.exporter.close(Duration::from_millis(100)).await;
    assert_eq!((out.dropped("stopped"), out.exported()), (2, 0));
}

#[tokio::test]
async fn closing_what_was_never_used_returns_at_once() {
    out(&config("http://127.0.0.1:1", OtlpProtocol::Grpc)).exporter.close(Duration::from_secs(3600)).await;
}

#[tokio::test]
async fn spans_go_over_tls_to_a_collector_whose_certificate_is_trusted_and_to_no_other() {
    let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key =
        tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let collector = Collector::with_tls(Arc::new(tls).into()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), issued.cert.pem()).unwrap();

    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let mut config = config(&collector.endpoint, protocol);
        let untrusted = out(&config);
        drop(untrusted.tracer.root(SpanKind::Internal, "untrusted"));
        untrusted.exporter.close(Duration::from_secs(10)).await;
        assert_eq!((untrusted.dropped("stopped"), untrusted.exported()), (1, 0));

        file.path().to_str().unwrap().clone_into(&mut config.ca);
        let trusted = out(&config);
        drop(trusted.tracer.root(SpanKind::Internal, "trusted"));
        trusted.exporter.close(Duration::from_secs(10)).await;
        assert_eq!(trusted.exported(), 1);
    }
    assert!(collector.spans(2).await.iter().all(|span| span.name == "trusted"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
