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
mod context;
mod headers;
mod ids;
mod sampler;
mod state;

pub use baggage::{Baggage, BaggageError};
pub use context::{Context, Keys, current, current_ids, in_current, scope, spawn, step, with_current};
pub use headers::{Incoming, extract, inject};
pub use ids::{HexId, TraceIds};
pub use sampler::Ratio;
pub use state::TraceState;
