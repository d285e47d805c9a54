//! What the span of a call says: names, attributes and status by OpenTelemetry's conventions
//! ([HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-spans/),
//! [gRPC](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/),
//! [databases](https://opentelemetry.io/docs/specs/semconv/db/database-spans/)).

use std::net::SocketAddr;

use inkstone_observe::trace::{Span, SpanKind};
use inkstone_observe::{Protocol, Recorder};

/// What a call of this protocol is to the other side.
pub(crate) fn kind(protocol: Protocol) -> SpanKind {
    match protocol {
        Protocol::RpcServer | Protocol::HttpServer => SpanKind::Server,
        Protocol::Task => SpanKind::Internal,
        _ => SpanKind::Client,
    }
}

/// Says what is known at the end of a call, whatever the protocol has said at its beginning.
pub(crate) fn ended(
    span: &Span,
    recorder: &Recorder,
    method: &str,
    code: &'static str,
    target: Option<&str>,
) {
    let protocol = recorder.protocol();
    span.set("inkstone.name", recorder.name().clone());
    match protocol {
        Protocol::HttpServer | Protocol::HttpClient => {
            // A request that took too long was answered, too.
            let status = if code == "timeout" { Some(503) } else { code.parse::<i64>().ok() };
            if let Some(status) = status {
                span.set("http.response.status_code", status);
            }
        }
        Protocol::RpcServer | Protocol::RpcClient => {
            // A label that stands for any method is none.
            let known = method.contains('/');
            span.rename(if known { method.to_owned() } else { "grpc".to_owned() });
            span.set("rpc.system.name", "grpc");
            span.set("rpc.method", if known { method } else { "_OTHER" });
            span.set("rpc.response.status_code", if code == "cancelled" { "CANCELLED" } else { code });
        }
        Protocol::Db => {
            span.rename(method.to_owned());
            span.set("db.system.name", recorder.kind());
            span.set("db.operation.name", method);
            span.set("db.namespace", recorder.target());
            if code != "OK" {
                span.set("db.response.status_code", code);
            }
        }
        _ => span.rename(recorder.name().to_string()),
    }
    if matches!(protocol, Protocol::RpcServer | Protocol::RpcClient | Protocol::HttpClient) {
        server(span, recorder.target());
    }
    if let Some(peer) = target.filter(|_| !protocol.is_server()).and_then(|target| target.parse().ok()) {
        self::peer(span, peer);
    }
    if is_error(protocol, code) {
        span.set("error.type", code);
        span.fail("");
    }
}

/// Who is at the other end of the connection.
pub fn peer(span: &Span, peer: SocketAddr) {
    span.set("network.peer.address", peer.ip().to_string());
    span.set("network.peer.port", peer.port());
}

/// What is called, or listens: `k8s:///catalog.shop:grpc`, `127.0.0.1:9002`.
pub fn server(span: &Span, target: &str) {
    let target = target.split_once(":///").map_or(target, |(_, rest)| rest);
    match target.rsplit_once(':') {
        Some((host, port)) if !target.contains(',') => {
            span.set("server.address", host.trim_matches(['[', ']']));
            if let Ok(port) = port.parse::<u16>() {
                span.set("server.port", port);
            }
        }
        _ => span.set("server.address", target),
    }
}

/// Whether a call failed, as its side sees it: to a server, what the client did wrong is no error.
fn is_error(protocol: Protocol, code: &str) -> bool {
    let status = code.parse::<u16>();
    match protocol {
        Protocol::HttpServer => {
            status.map_or(code != "cancelled" && !code.ends_with("xx"), |status| status >= 500)
        }
        Protocol::HttpClient => status.map_or(true, |status| status >= 400),
        Protocol::RpcServer => matches!(
            code,
            "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS"
        ),
        _ => code != "OK",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_for_its_own_errors_and_a_client_for_all() {
        let check = |protocol, code, expected| {
            assert_eq!(is_error(protocol, code), expected, "{protocol:?} {code}");
        };
        check(Protocol::HttpServer, "200", false);
        check(Protocol::HttpServer, "404", false);
        check(Protocol::HttpServer, "500", true);
        check(Protocol::HttpServer, "timeout", true);
        check(Protocol::HttpServer, "aborted", true);
        check(Protocol::HttpServer, "cancelled", false);
        check(Protocol::HttpClient, "302", false);
        check(Protocol::HttpClient, "404", true);
        check(Protocol::RpcServer, "NOT_FOUND", false);
        check(Protocol::RpcServer, "INTERNAL", true);
        check(Protocol::RpcClient, "NOT_FOUND", true);
        check(Protocol::RpcClient, "OK", false);
        check(Protocol::Db, "timeout", true);
        check(Protocol::Task, "panic", true);
    }
}
