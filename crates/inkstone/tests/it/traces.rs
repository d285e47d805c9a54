//! Traces through whole services: what travels, over every protocol, and what is recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use inkstone::App;
use inkstone::http::axum::http::{HeaderMap, HeaderValue, StatusCode};
use inkstone::task::Cron;
use inkstone::trace::{self, TraceState};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Code;

use crate::collector::{Collector, attributes};
use crate::node::{Next, Node};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// The lines of `[trace]` that record all that is begun or continued.
fn all(collector: &Collector) -> String {
    format!(
        "endpoint = \"{}\"\nratio = 1.0\ninterval = \"20ms\"\npropagate = [\"x-tenant\"]",
        collector.endpoint
    )
}

fn sent(flags: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let parent = format!("00-{TRACE}-{CALLER}-{flags}");
    headers.insert("traceparent", parent.parse().unwrap());
    headers.insert("tracestate", HeaderValue::from_static("vendor=1"));
    headers.insert("baggage", HeaderValue::from_static("tenant=K%C3%A4se,a=1;p=2"));
    headers.insert("x-tenant", HeaderValue::from_static("acme"));
    headers.insert("x-other", HeaderValue::from_static("other"));
    headers
}

fn one(spans: &[Span], is: impl Fn(&Span) -> bool) -> &Span {
    let mut found = spans.iter().filter(|span| is(span));
    let first = found.next().unwrap_or_else(|| panic!("no such span: {spans:#?}"));
    assert!(found.next().is_none(), "more than one: {spans:#?}");
    first
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said(span: &Span) -> BTreeMap<&str, String> {
    attributes(&span.attributes)
}

fn status(span: &Span) -> Code {
    span.status.as_ref().unwrap().code()
}

/// Each protocol on either side of a service: the trace, its state, the baggage and the chosen keys arrive.
#[tokio::test]
async fn trace_baggage_and_keys_travel_from_any_protocol_to_any() {
    for (over_http, next_http) in [(true, true), (true, false), (false, true), (false, false)] {
        let collector = Collector::start().await;
        let back = Node::start(&all(&collector), Next::Nobody).await;
        let next = if next_http { Next::Http(back.http) } else { Next::Grpc(back.grpc) };
        let front = Node::start(&all(&collector), next).await;
        if over_http {
            let (status, headers) = front.ask_http("1", &sent("01")).await;
            assert_eq!((status, headers["x-trace-id"].to_str().unwrap()), (StatusCode::OK, TRACE));
        } else {
            front.ask_grpc(1, &sent("01")).await.unwrap();
        }
        for node in [&front, &back] {
            let [seen] = node.seen().try_into().unwrap();
            assert_eq!(&*seen.ids().trace_id(), TRACE);
            assert!(seen.ids().sampled);
            assert_eq!(seen.state().and_then(TraceState::as_str), Some("vendor=1"));
            assert_eq!(seen.baggage().to_string(), "tenant=K%C3%A4se,a=1;p=2");
            assert_eq!(seen.baggage().get("tenant"), Some("Käse"));
            assert_eq!(seen.keys().collect::<Vec<_>>(), [("x-tenant", "acme")]);
        }

        let spans = collector.spans(if next_http { 4 } else { 5 }).await;
        assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
        let served =
            |caller: &[u8]| one(&spans, |span| span.kind() == Kind::Server && span.parent_span_id == caller);
        let first = one(&spans, |span| hex(&span.parent_span_id) == CALLER);
        let (caller, name) = if next_http {
            (first, "GET /call/{id}")
        } else {
            let called = one(&spans, |span| span.kind() == Kind::Client && span.name.contains('/'));
            assert_eq!(called.parent_span_id, first.span_id);
            (called, "shop.v1.CatalogService/GetProduct")
        };
        let second = served(&caller.span_id);
        assert_eq!(second.name, name);
        for server in [first, second] {
            one(&spans, |span| span.name == "SELECT" && span.parent_span_id == server.span_id);
        }
        front.stop().await;
        back.stop().await;
    }
}

#[tokio::test]
async fn spans_say_what_the_conventions_ask_for() {
    let collector = Collector::start().await;
    let back = Node::start(&all(&collector), Next::Nobody).await;
    let front = Node::start(&all(&collector), Next::Grpc(back.grpc)).await;
    front.ask_http("1", &HeaderMap::new()).await;
    let spans = collector.spans(5).await;

    let http = one(&spans, |span| span.kind() == Kind::Server && span.name == "GET /call/{id}");
    let of = said(http);
    let expected = [
        ("http.request.method", "GET"),
        ("http.route", "/call/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", "/call/1"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("network.peer.address", "127.0.0.1"),
        ("client.address", "127.0.0.1"),
        ("server.address", "127.0.0.1"),
        ("server.port", &front.http.port().to_string()),
        ("inkstone.name", "server.http"),
    ];
    for (key, value) in expected {
        assert_eq!(of.get(key).map(String::as_str), Some(value), "{key} of {of:?}");
    }
    assert!(!format!("{of:?}").contains("hunter2"), "a query may have secrets: {of:?}");

    for (kind, name) in [(Kind::Client, "grpc.next"), (Kind::Server, "server.grpc")] {
        let rpc = one(&spans, |span| span.kind() == kind && span.name == "shop.v1.CatalogService/GetProduct");
        let of = said(rpc);
        assert_eq!(of["rpc.system.name"], "grpc");
        assert_eq!(of["rpc.method"], "shop.v1.CatalogService/GetProduct");
        assert_eq!(of["rpc.response.status_code"], "OK");
        assert_eq!(
            (&*of["server.address"], &*of["server.port"]),
            ("127.0.0.1", &*back.grpc.port().to_string())
        );
        assert_eq!(of["network.peer.address"], "127.0.0.1");
        if kind == Kind::Client {
            assert_eq!(of["network.peer.port"], back.grpc.port().to_string());
        }
        assert_eq!(of["inkstone.name"], name);
        assert_eq!(status(rpc), Code::Unset);
    }

    let selects = spans.iter().filter(|span| span.name == "SELECT");
    for select in selects {
        let of = said(select);
        assert_eq!((select.kind(), &*of["db.system.name"]), (Kind::Client, "sqlite"));
        assert_eq!((&*of["db.operation.name"], &*of["db.query.text"]), ("SELECT", "SELECT ?"));
    }
    front.stop().await;
    back.stop().await;
}

#[tokio::test]
async fn a_span_has_failed_where_its_side_has() {
    let collector = Collector::start().await;
    let back = Node::start(&all(&collector), Next::Nobody).await;
    let front = Node::start(&all(&collector), Next::Grpc(back.grpc)).await;

    assert_eq!(front.ask_http("404", &HeaderMap::new()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(front.ask_http("500", &HeaderMap::new()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(front.ask_http("13", &HeaderMap::new()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    for id in [404, 500, 13] {
        front.ask_grpc(id, &HeaderMap::new()).await.unwrap_err();
    }
    // In front the calls end before anything is called.
    let spans = collector.spans(12).await;
    let servers = |code: &str| {
        let code = code.to_owned();
        let of = spans.iter().filter(move |span| {
            let said = said(span);
            let codes = ["http.response.status_code", "rpc.response.status_code"];
            codes.iter().any(|key| said.get(key) == Some(&code))
        });
        of.collect::<Vec<_>>()
    };
    let check = |code: &str, expected: &[Code]| {
        let found: Vec<_> = servers(code).iter().map(|span| status(span)).collect();
        assert_eq!(found, expected, "{code}");
    };
    check("404", &[Code::Unset]);
    check("500", &[Code::Error; 2]);
    check("NOT_FOUND", &[Code::Unset]);
    check("INTERNAL", &[Code::Error; 2]);
    assert_eq!(said(servers("500")[0])["error.type"], "500");

    let panicked: Vec<_> = spans.iter().filter(|span| !span.events.is_empty()).collect();
    assert_eq!(panicked.len(), 2, "{spans:#?}");
    for span in panicked {
        assert_eq!((span.events[0].name.as_str(), status(span)), ("exception", Code::Error));
        assert_eq!(attributes(&span.events[0].attributes)["exception.message"], "unlucky");
    }
    front.stop().await;

    // A client answers for all that is no success.
    let front = Node::start(&all(&collector), Next::Grpc("127.0.0.1:1".parse().unwrap())).await;
    front.ask_grpc(1, &HeaderMap::new()).await.unwrap_err();
    let spans = collector.spans(15).await;
    let called = one(&spans, |span| span.kind() == Kind::Client && span.name.contains('/'));
    assert_eq!((status(called), &*said(called)["error.type"]), (Code::Error, "UNAVAILABLE"));
    front.stop().await;
    back.stop().await;
}

#[tokio::test]
async fn an_unsampled_trace_has_ids_everywhere_and_tells_the_next_service_not_to_sample() {
    let collector = Collector::start().await;
    let settings = all(&collector).replace("ratio = 1.0", "ratio = 0.0");
    let back = Node::start(&all(&collector), Next::Nobody).await;
    let front = Node::start(&settings, Next::Grpc(back.grpc)).await;
    let (_, headers) = front.ask_http("1", &HeaderMap::new()).await;
    let [at_front] = front.seen().try_into().unwrap();
    let [at_back] = back.seen().try_into().unwrap();
    assert_eq!(headers["x-trace-id"].to_str().unwrap(), &*at_front.ids().trace_id());
    assert_eq!(at_front.ids().trace, at_back.ids().trace);
    assert!(!at_front.ids().sampled && !at_back.ids().sampled);
    // What the caller does not record is not recorded here either, whatever the ratio.
    back.ask_grpc(1, &sent("00")).await.unwrap();
    assert!(!back.seen()[1].ids().sampled);
    front.stop().await;
    back.stop().await;
    assert_eq!(collector.asked(), 0);
}

#[tokio::test]
async fn callers_that_are_not_believed_send_nothing_along() {
    let collector = Collector::start().await;
    let settings = format!("{}\nuntrusted = [\"server.http\"]\nresponse_header = \"\"", all(&collector));
    let node = Node::start(&settings, Next::Nobody).await;
    let (_, headers) = node.ask_http("1", &sent("01")).await;
    assert!(!headers.contains_key("x-trace-id"), "{headers:?}");
    node.ask_grpc(1, &sent("01")).await.unwrap();
    let [public, own] = node.seen().try_into().unwrap();
    assert_ne!(&*public.ids().trace_id(), TRACE);
    assert!(public.baggage().is_empty() && public.keys().count() == 0 && public.state().is_none());
    assert_eq!(&*own.ids().trace_id(), TRACE);
    node.stop().await;
}

#[tokio::test]
async fn spans_that_wait_are_sent_before_the_service_ends() {
    let collector = Collector::start().await;
    let settings = all(&collector).replace("20ms", "1h");
    let node = Node::start(&settings, Next::Nobody).await;
    node.ask_grpc(1, &HeaderMap::new()).await.unwrap();
    node.stop().await;
    let requests = collector.requests(2).await;
    let resource = requests[0].1.resource_spans[0].resource.as_ref().unwrap();
    let of = attributes(&resource.attributes);
    assert_eq!((&*of["telemetry.sdk.name"], &*of["telemetry.sdk.language"]), ("inkstone", "rust"));
    assert!(of.contains_key("service.name") && of.contains_key("service.version"), "{of:?}");
}

#[tokio::test]
async fn a_collector_that_is_away_holds_up_neither_calls_nor_the_stop() {
    let node = Node::start("endpoint = \"http://127.0.0.1:1\"\nratio = 1.0", Next::Nobody).await;
    for _ in 0..10 {
        node.ask_grpc(1, &HeaderMap::new()).await.unwrap();
    }
    let metrics = node.app.metrics().clone();
    node.stop().await;
    let text = metrics.encode();
    let lost = text.lines().filter(|line| line.starts_with("inkstone_trace_dropped_total{"));
    let lost: u64 = lost.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(lost, 20, "{text}");
}

#[tokio::test]
async fn a_run_of_a_schedule_is_a_trace_of_its_own() {
    let collector = Collector::start().await;
    let text = format!(
        "[app]\ndrain = \"0s\"\n[trace]\n{}\n[cron.sweep]\nschedule = \"* * * * * *\"",
        all(&collector)
    );
    let app = App::from_toml("t.toml", &text);
    let handle = app.handle().clone();
    let sweep = app.load::<Cron>("cron.sweep").run(|| async {
        trace::span("inside").run(async {}).await;
        Err::<(), _>(inkstone::Error::from(std::io::Error::other("no broom")))
    });
    let running = tokio::spawn(app.serve(sweep).run());
    let spans = collector.spans(2).await;
    handle.stop();
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap().unwrap();
    let run = &spans[1];
    assert_eq!((run.name.as_str(), run.kind(), status(run)), ("cron.sweep", Kind::Internal, Code::Error));
    assert_eq!((spans[0].name.as_str(), &spans[0].parent_span_id), ("inside", &run.span_id));
}
