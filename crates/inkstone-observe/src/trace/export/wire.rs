//! OTLP's messages, as far as spans need them, and how spans become such messages.
//!
//! Field numbers are those of
//! [opentelemetry-proto](https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto), where they
//! never change; `tests/it/otlp.rs` reads what is written here with the published definitions.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::{Enumeration, Message, Oneof};

use super::super::context::Context;
use super::super::span::{self, Ended, SpanKind};
use super::super::value::{Value, cut};

/// The conventions that names of attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.45.0";

/// Bits of a span's flags beside those of `traceparent`: that the third is known, and the parent's being elsewhere.
const REMOTE_KNOWN: u32 = 1 << 8;
const REMOTE: u32 = 1 << 9;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    #[prost(message, repeated, tag = "1")]
    pub(crate) resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Response {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
    #[prost(string, tag = "3")]
    schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
    #[prost(string, tag = "3")]
    schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(enumeration = "Kind", tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "10")]
    dropped_attributes_count: u32,
    #[prost(message, repeated, tag = "11")]
    events: Vec<Event>,
    #[prost(uint32, tag = "12")]
    dropped_events_count: u32,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
enum Kind {
    Unspecified = 0,
    Internal = 1,
    Server = 2,
    Client = 3,
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(enumeration = "Code", tag = "3")]
    code: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
enum Code {
    Unset = 0,
    Ok = 1,
    Error = 2,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 4")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Float(f64),
}

impl Resource {
    pub(crate) fn new(attributes: &[(String, String)]) -> Self {
        Self { attributes: attributes.iter().map(|(key, value)| pair(key, &value.as_str().into())).collect() }
    }
}

/// The message for these spans of one service.
pub(crate) fn request(resource: &Resource, spans: &[Ended]) -> Request {
    let scope = Scope { name: "inkstone".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.iter().map(message).collect(),
        schema_url: SCHEMA.to_owned(),
    };
    Request {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![scope_spans],
            schema_url: SCHEMA.to_owned(),
        }],
    }
}

fn message(ended: &Ended) -> Span {
    let said = &ended.said;
    let ids = ended.context.ids();
    let remote = ended.parent.is_some_and(|parent| parent.remote);
    let status =
        said.failed.as_ref().map(|why| Status { message: cut(why).to_owned(), code: Code::Error.into() });
    Span {
        trace_id: ids.trace.to_vec(),
        span_id: ids.span.to_vec(),
        trace_state: ended.context.state().map(ToString::to_string).unwrap_or_default(),
        parent_span_id: ended.parent.map(|parent| parent.span.to_vec()).unwrap_or_default(),
        name: cut(&said.name).to_owned(),
        kind: kind(ended.kind).into(),
        start_time_unix_nano: nanos(ended.started),
        end_time_unix_nano: nanos(ended.ended),
        attributes: pairs(&said.attributes),
        dropped_attributes_count: said.more_attributes,
        events: said.events.iter().map(event).collect(),
        dropped_events_count: said.more_events,
        status: Some(status.unwrap_or_default()),
        flags: flags(&ended.context) | REMOTE_KNOWN | if remote { REMOTE } else { 0 },
    }
}

fn flags(context: &Context) -> u32 {
    u32::from(context.ids().sampled) | (u32::from(context.random()) << 1)
}

fn kind(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Internal => Kind::Internal,
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
    }
}

fn event(event: &span::Event) -> Event {
    Event {
        time_unix_nano: nanos(event.at),
        name: cut(&event.name).to_owned(),
        attributes: pairs(&event.attributes),
    }
}

fn pairs(attributes: &[(&'static str, Value)]) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| pair(key, value)).collect()
}

fn pair(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Int(number) => Any::Int(*number),
        Value::Float(number) => Any::Float(*number),
        Value::Bool(truth) => Any::Bool(*truth),
        text => Any::Text(text.as_text().unwrap_or_default().to_owned()),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

/// A clock before 1970 has no time that could be told.
fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
