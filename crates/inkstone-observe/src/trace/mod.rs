//! Traces: what belongs to one request, across tasks, services and protocols.
//!
//! A [`Context`] is what travels: the ids of the current span, whether the trace is sampled, and what the caller sent
//! along (tracestate, baggage, the keys chosen to be propagated). It is kept with the task that does the work:
//! [`current`] is what the work at hand belongs to, [`scope`] runs work under another one.
//!
//! On the wire it has the form of two recommendations of the W3C:
//! [Trace Context, level 2](https://www.w3.org/TR/trace-context-2/) and [Baggage](https://www.w3.org/TR/baggage/). What
//! breaks their rules is left out, and never makes a request fail.

mod baggage;
mod config;
mod context;
mod export;
mod headers;
mod ids;
mod sampler;
mod span;
mod state;
mod tracer;
mod value;

pub use baggage::{Baggage, BaggageError};
pub use config::{OtlpProtocol, TraceConfig};
pub use context::{Context, Keys, current, current_ids, in_current, scope, spawn, step, with_current};
pub use export::Exporter;
pub use headers::{Incoming, extract, inject};
pub use ids::{HexId, TraceIds};
pub use sampler::Ratio;
pub use span::{Span, SpanKind, event, exception, fail, set, span};
pub use state::TraceState;
pub use tracer::{Rules, Tracer};
pub use value::Value;
