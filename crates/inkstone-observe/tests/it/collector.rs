//! A collector: OTLP's published definitions, served over gRPC and HTTP at once.
//!
//! Other crates' tests include this file.
#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Status};

/// What the collector does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accept,
    /// Not now.
    Busy,
    /// Never.
    Refuse,
    /// All but this many.
    AllBut(i64),
    /// Nothing is ever said.
    Silence,
}

#[derive(Debug)]
pub struct Collector {
    pub endpoint: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    answer: watch::Sender<Answer>,
    /// What was accepted, with its headers.
    accepted: watch::Sender<Vec<(HeaderMap, ExportTraceServiceRequest)>>,
    asked: watch::Sender<usize>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::listen("http", None).await
    }

    pub async fn with_tls(tls: TlsAcceptor) -> Self {
        Self::listen("https", Some(tls)).await
    }

    async fn listen(scheme: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answer: watch::Sender::new(Answer::Accept),
            accepted: watch::Sender::default(),
            asked: watch::Sender::default(),
        });
        let grpc = tonic::service::Routes::new(TraceServiceServer::new(Grpc(shared.clone())));
        let routes = grpc
            .into_axum_router()
            .merge(Router::new().route("/v1/traces", axum::routing::post(http)).with_state(shared.clone()));
        let task = tokio::spawn(serve(listener, routes, tls));
        Self { endpoint, shared, task }
    }

    pub fn answer(&self, answer: Answer) {
        self.shared.answer.send_replace(answer);
    }

    /// How often somebody has sent something.
    pub fn asked(&self) -> usize {
        *self.shared.asked.borrow()
    }

    pub async fn asked_at_least(&self, times: usize) {
        let mut asked = self.shared.asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= times);
        tokio::time::timeout(Duration::from_secs(20), enough).await.expect("nobody asked").unwrap();
    }

    /// What was accepted, with its headers, once there are this many spans.
    pub async fn requests(&self, spans: usize) -> Vec<(HeaderMap, ExportTraceServiceRequest)> {
        let mut accepted = self.shared.accepted.subscribe();
        let enough = accepted.wait_for(|requests| all(requests).len() >= spans);
        let waited = tokio::time::timeout(Duration::from_secs(20), enough).await;
        let requests = self.shared.accepted.borrow().clone();
        assert!(waited.is_ok(), "expected {spans} spans, there are {:#?}", all(&requests));
        requests
    }

    /// The spans, once there are this many.
    pub async fn spans(&self, spans: usize) -> Vec<Span> {
        all(&self.requests(spans).await)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn decide(&self) -> Answer {
        self.asked.send_modify(|asked| *asked += 1);
        let answer = *self.answer.borrow();
        if answer == Answer::Silence {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn accept(&self, headers: HeaderMap, request: ExportTraceServiceRequest) {
        self.accepted.send_modify(|accepted| accepted.push((headers, request)));
    }
}

fn all(requests: &[(HeaderMap, ExportTraceServiceRequest)]) -> Vec<Span> {
    let scopes = requests.iter().flat_map(|(_, request)| &request.resource_spans);
    scopes.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
}

/// Attributes by name, as text.
pub fn attributes(pairs: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(truth)) => truth.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.as_str(), text(pair))).collect()
}

async fn serve(listener: TcpListener, routes: Router, tls: Option<TlsAcceptor>) {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let mut open = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(routes.clone());
        let tls = tls.clone();
        open.spawn(async move {
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _broken = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => builder.serve_connection(TokioIo::new(stream), service).await,
                    Err(_refused) => return,
                },
                None => builder.serve_connection(TokioIo::new(stream), service).await,
            };
        });
    }
}

struct Grpc(Arc<Shared>);

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let answer = self.0.decide().await;
        match answer {
            Answer::Busy => return Err(Status::unavailable("busy")),
            Answer::Refuse => return Err(Status::invalid_argument("not like this")),
            _ => self.0.accept(metadata.into_headers(), message),
        }
        Ok(tonic::Response::new(response(answer)))
    }
}

async fn http(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(message) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = shared.decide().await;
    match answer {
        Answer::Busy => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Answer::Refuse => return StatusCode::BAD_REQUEST.into_response(),
        _ => shared.accept(headers, message),
    }
    ([("content-type", "application/x-protobuf")], response(answer).encode_to_vec()).into_response()
}

fn response(answer: Answer) -> ExportTraceServiceResponse {
    let partial_success = match answer {
        Answer::AllBut(rejected_spans) => {
            Some(ExportTracePartialSuccess { rejected_spans, error_message: "too old".to_owned() })
        }
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}
