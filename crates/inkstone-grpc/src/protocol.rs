//! What gRPC calls things, for the guard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, response};
use inkstone_config::Dur;
use inkstone_guard::{Call, Guard, HttpProtocol, span};
use inkstone_observe::Method;
use inkstone_observe::trace::Span;
use tonic::Status;
use tonic::transport::server::TcpConnectInfo;

use crate::server::{Methods, is_own};
use crate::timeout;

/// gRPC as we serve it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serving {
    pub(crate) methods: Arc<Methods>,
}

/// gRPC as we call it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calling {
    pub(crate) target: Arc<str>,
}

/// In a response: the method, once it is known to exist, or the endpoint that answered.
#[derive(Debug, Clone)]
pub(crate) struct Found(pub(crate) Arc<str>);

impl HttpProtocol for Serving {
    const SERVER: bool = true;

    fn method<B>(&self, request: &Request<B>, guard: &Guard) -> Method {
        guard.method(&self.methods.label(path(request)))
    }

    fn describe<B>(&self, request: &Request<B>, span: &Span) {
        if let Some(peer) = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr)
        {
            span::peer(span, peer);
            span.set("client.address", peer.ip().to_string());
        }
    }

    fn is_background<B>(&self, request: &Request<B>) -> bool {
        is_own(path(request))
    }

    fn peer<B>(&self, request: &Request<B>) -> Option<SocketAddr> {
        request.extensions().get::<TcpConnectInfo>()?.remote_addr()
    }

    fn time_allowed(&self, request: &HeaderMap) -> Option<Duration> {
        timeout::read(request)
    }

    fn settle(&self, head: &response::Parts, call: &mut Call) {
        if let Some(Found(method)) = head.extensions.get() {
            call.set_method(method);
        }
        say_why(head, call);
    }

    fn code(&self, head: &response::Parts) -> Option<&'static str> {
        code_of(head)
    }

    fn final_code(&self, _head: &'static str, trailers: Option<&HeaderMap>) -> &'static str {
        trailers.and_then(grpc_status).unwrap_or("UNKNOWN")
    }

    fn failed(&self) -> &'static str {
        "INTERNAL"
    }

    fn timed_out<B: Default>(&self, waited: Duration) -> (Response<B>, &'static str) {
        let status = Status::deadline_exceeded(format!("not done within {}", Dur::from(waited)));
        (status.into_http(), "DEADLINE_EXCEEDED")
    }
}

impl HttpProtocol for Calling {
    const SERVER: bool = false;

    fn method<B>(&self, request: &Request<B>, guard: &Guard) -> Method {
        // From generated code, so there are as many as the interface has.
        guard.method(path(request))
    }

    fn time_allowed(&self, request: &HeaderMap) -> Option<Duration> {
        timeout::read(request)
    }

    fn announce(&self, request: &mut HeaderMap, remaining: Duration) {
        timeout::write(request, remaining);
    }

    fn settle(&self, head: &response::Parts, call: &mut Call) {
        if let Some(Found(endpoint)) = head.extensions.get() {
            call.set_target(endpoint.clone());
        }
        say_why(head, call);
    }

    fn code(&self, head: &response::Parts) -> Option<&'static str> {
        code_of(head)
    }

    fn final_code(&self, _head: &'static str, trailers: Option<&HeaderMap>) -> &'static str {
        trailers.and_then(grpc_status).unwrap_or("UNKNOWN")
    }

    fn failed(&self) -> &'static str {
        "UNAVAILABLE"
    }

    fn timed_out<B: Default>(&self, waited: Duration) -> (Response<B>, &'static str) {
        let message = format!("no answer from {} within {}", self.target, Dur::from(waited));
        (Status::deadline_exceeded(message).into_http(), "DEADLINE_EXCEEDED")
    }
}

/// A call that failed has a sentence in place of a message.
fn say_why(head: &response::Parts, call: &mut Call) {
    if let Some(status) = Status::from_header_map(&head.headers).filter(|status| !status.message().is_empty())
    {
        call.set_error(status.message());
    }
}

/// `shop.v1.Stock/Reserve`.
pub(crate) fn path<B>(request: &Request<B>) -> &str {
    request.uri().path().trim_start_matches('/')
}

/// The code, if the head has it: a call that failed has no more than a head.
pub(crate) fn code_of(head: &response::Parts) -> Option<&'static str> {
    let by_http = match head.status {
        StatusCode::OK => None,
        StatusCode::BAD_REQUEST => Some("INTERNAL"),
        StatusCode::UNAUTHORIZED => Some("UNAUTHENTICATED"),
        StatusCode::FORBIDDEN => Some("PERMISSION_DENIED"),
        StatusCode::NOT_FOUND => Some("UNIMPLEMENTED"),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Some("UNAVAILABLE"),
        _ => Some("UNKNOWN"),
    };
    grpc_status(&head.headers).or(by_http)
}

fn grpc_status(headers: &HeaderMap) -> Option<&'static str> {
    let code = headers.get("grpc-status")?;
    Some(match code.as_bytes() {
        b"0" => "OK",
        b"1" => "CANCELLED",
        b"3" => "INVALID_ARGUMENT",
        b"4" => "DEADLINE_EXCEEDED",
        b"5" => "NOT_FOUND",
        b"6" => "ALREADY_EXISTS",
        b"7" => "PERMISSION_DENIED",
        b"8" => "RESOURCE_EXHAUSTED",
        b"9" => "FAILED_PRECONDITION",
        b"10" => "ABORTED",
        b"11" => "OUT_OF_RANGE",
        b"12" => "UNIMPLEMENTED",
        b"13" => "INTERNAL",
        b"14" => "UNAVAILABLE",
        b"15" => "DATA_LOSS",
        b"16" => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    })
}
