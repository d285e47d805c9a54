//! Spans on their way to the collector, over gRPC or HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER, TE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::super::config::TraceConfig;
use super::wire::{PartialSuccess, Response};

/// Where OTLP's methods are
/// ([gRPC](https://opentelemetry.io/docs/specs/otlp/#otlpgrpc), [HTTP](https://opentelemetry.io/docs/specs/otlp/#otlphttp)).
const GRPC: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const HTTP: &str = "/v1/traces";

/// Most bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// A connection to the collector, made when it is needed.
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    grpc: bool,
    headers: HeaderMap,
}

/// Why spans did not arrive.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) why: String,
    /// Whether it may go better another time, and when the collector says that is.
    pub(crate) again: Option<Option<Duration>>,
}

impl Transport {
    /// Fails when the certificates cannot be read.
    pub(crate) fn new(config: &TraceConfig, endpoint: &Uri, grpc: bool) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(*config.timeout));
        let https = endpoint.scheme_str() == Some("https");
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls(&config.ca, https)?).https_or_http();
        let connector = match grpc {
            true => builder.enable_http2().wrap_connector(tcp),
            false => builder.enable_http1().wrap_connector(tcp),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_only(grpc)
            .build(connector);
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            if let (Ok(name), Ok(mut value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value.reveal()))
            {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        let agent = concat!("OTel-OTLP-Exporter-Inkstone/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let kind = if grpc { "application/grpc" } else { "application/x-protobuf" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        Ok(Self { client, uri: address(endpoint, grpc), grpc, headers })
    }

    /// The message as it goes out.
    pub(crate) fn body(&self, message: &impl Message) -> Bytes {
        let length = message.encoded_len();
        let mut body = BytesMut::with_capacity(length + 5);
        if self.grpc {
            // Not compressed, and how long.
            body.put_u8(0);
            body.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        }
        message.encode(&mut body).expect("a BytesMut grows as needed");
        body.freeze()
    }

    /// Sends one message. What the collector says that it did not take is returned.
    pub(crate) async fn send(&self, body: Bytes) -> Result<Option<PartialSuccess>, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| Failure { why: deepest(&error), again: Some(None) })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER)
            .collect()
            .await
            .map_err(|error| Failure { why: format!("the answer broke off: {error}"), again: Some(None) })?;
        if head.status != StatusCode::OK {
            return Err(by_status(head.status, &head.headers));
        }
        if self.grpc {
            by_trailers(&head.headers, body)
        } else {
            Ok(Response::decode(body.to_bytes()).ok().and_then(|answer| answer.partial_success))
        }
    }
}

/// Where messages go.
fn address(endpoint: &Uri, grpc: bool) -> Uri {
    let base = endpoint.path().trim_end_matches('/');
    let path = match (grpc, base.ends_with(HTTP)) {
        (true, _) => format!("{base}{GRPC}"),
        (false, true) => base.to_owned(),
        (false, false) => format!("{base}{HTTP}"),
    };
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = path.parse::<PathAndQuery>().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| endpoint.clone())
}

/// TLS with the process's provider, and the certificates of the system unless there are others to trust.
fn tls(ca: &str, needed: bool) -> Result<ClientConfig, String> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let mut roots = RootCertStore::empty();
    if !ca.is_empty() {
        let unreadable = |error: &dyn std::fmt::Display| format!("trace.ca: {ca} cannot be read: {error}");
        for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| unreadable(&error))? {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    } else if needed {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("the process's TLS provider cannot be used: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn by_status(status: StatusCode, headers: &HeaderMap) -> Failure {
    let after = headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
    // https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
    let again = matches!(status.as_u16(), 429 | 502 | 503 | 504).then(|| after.map(Duration::from_secs));
    Failure { why: format!("answered {status}"), again }
}

fn by_trailers(head: &HeaderMap, body: Collected<Bytes>) -> Result<Option<PartialSuccess>, Failure> {
    let trailers = body.trailers().cloned().unwrap_or_default();
    let find = |name: &str| {
        trailers.get(name).or_else(|| head.get(name)).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    match find("grpc-status").as_deref() {
        Some("0") => {
            let body = body.to_bytes();
            let message = body.get(5..).unwrap_or_default();
            Ok(Response::decode(message).ok().and_then(|answer| answer.partial_success))
        }
        code => {
            let code = code.unwrap_or("2");
            let message = find("grpc-message").unwrap_or_default();
            // https://opentelemetry.io/docs/specs/otlp/#failures: cancelled, deadline, aborted, out of range, unavailable,
            // data loss.
            let again = matches!(code, "1" | "4" | "10" | "11" | "14" | "15").then_some(None);
            Err(Failure { why: format!("answered with gRPC status {code}: {message}"), again })
        }
    }
}

/// The error that caused all others: the client's own says little.
fn deepest(error: &hyper_util::client::legacy::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_to_the_endpoint_once() {
        let check = |endpoint: &'static str, grpc: bool, expected: &str| {
            assert_eq!(address(&Uri::from_static(endpoint), grpc).to_string(), expected);
        };
        check("http://c:4318", false, "http://c:4318/v1/traces");
        check("http://c:4318/otlp/", false, "http://c:4318/otlp/v1/traces");
        check("http://c:4318/v1/traces", false, "http://c:4318/v1/traces");
        check(
            "http://c:4317",
            true,
            "http://c:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        );
    }
}
