//! The record of one call: what every component leaves behind of everything it does for somebody.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::caller::caller;
use crate::metrics::{Instance, Method, Metrics};
use crate::names::{self, Metric};
use crate::redact::redact;
use crate::trace::TraceIds;

/// What kind of call is recorded. It decides the metric; nothing else differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Protocol {
    /// An RPC that we serve.
    RpcServer,
    /// An RPC that we make.
    RpcClient,
    /// An HTTP request that we serve.
    HttpServer,
    /// An HTTP request that we make.
    HttpClient,
    /// An operation on a database.
    Db,
    /// A run of a scheduled task.
    Task,
}

impl Protocol {
    pub(crate) const ALL: &[Self] =
        &[Self::RpcServer, Self::RpcClient, Self::HttpServer, Self::HttpClient, Self::Db, Self::Task];

    /// How labels and logs name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RpcServer => "rpc_server",
            Self::RpcClient => "rpc_client",
            Self::HttpServer => "http_server",
            Self::HttpClient => "http_client",
            Self::Db => "db",
            Self::Task => "task",
        }
    }

    /// Whether we serve the calls rather than make them.
    #[must_use]
    pub fn is_server(self) -> bool {
        matches!(self, Self::RpcServer | Self::HttpServer)
    }

    /// The histogram of its calls.
    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::RpcServer => names::RPC_SERVER,
            Self::RpcClient => names::RPC_CLIENT,
            Self::HttpServer => names::HTTP_SERVER,
            Self::HttpClient => names::HTTP_CLIENT,
            Self::Db => names::DB_CLIENT,
            Self::Task => names::TASK,
        }
    }
}

/// How one call ended.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// What was called: a route's template, a gRPC method, an SQL operation.
    pub method: &'a Method,
    /// How it ended, in the protocol's own words: `OK`, `NOT_FOUND`, `200`, `timeout`.
    pub code: &'static str,
    /// Where it went, if that was chosen for this call; otherwise the recorder's own target is meant.
    pub target: Option<&'a str>,
    /// How long it took, from start to the end of the response.
    pub cost: Duration,
    /// The ids of the call's span, if it has one.
    pub trace: Option<TraceIds>,
    /// What was asked, as [`Recorder::show`] shows it. Only in debug mode.
    pub request: Option<&'a str>,
    /// What came back, or why nothing did, shown likewise. Only in debug mode.
    pub response: Option<&'a str>,
    /// The line of the user's code that made the call. Only in debug mode.
    pub caller: Option<&'a str>,
}

/// Records the calls of one component instance. A handle: clones share what is behind it.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Arc<Instance>,
    protocol: Protocol,
    kind: &'static str,
    name: Arc<str>,
    target: Arc<str>,
    debug: bool,
}

/// Most bytes of a request or response that the six-tuple shows.
const SHOWN: usize = 2048;

impl Recorder {
    /// A recorder for the instance configured at `name`. With `debug`, each call prints its six-tuple to standard error.
    #[must_use]
    pub fn new(
        metrics: &Metrics,
        protocol: Protocol,
        kind: &'static str,
        name: Arc<str>,
        target: impl Into<Arc<str>>,
        debug: bool,
    ) -> Self {
        let (calls, target) = (metrics.instance(protocol, name.clone()), target.into());
        Self(Arc::new(Inner { calls, protocol, kind, name, target, debug }))
    }

    /// The handle of a method, which comes from a bounded set: a route's template, a gRPC method, an SQL operation.
    /// Keep it where that is easy; otherwise this is a look-up without a lock.
    #[must_use]
    pub fn method(&self, name: &str) -> Method {
        self.0.calls.method(name)
    }

    /// What kind of calls are recorded.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.0.protocol
    }

    /// The kind of the component: `grpc`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Whether requests, responses and callers are wanted. They cost far more than the rest of a record.
    #[must_use]
    pub fn debug(&self) -> bool {
        self.0.debug
    }

    /// The line of the user's code that is awaiting us, in debug mode. About 0.3 ms.
    #[must_use]
    pub fn caller(&self) -> Option<String> {
        if self.0.debug { caller() } else { None }
    }

    /// The value as the six-tuple shows it, in debug mode: cut to size, and with the values of fields masked whose
    /// names are telltale ([`telltale`](inkstone_config::telltale)).
    #[must_use]
    pub fn show(&self, value: &dyn fmt::Debug) -> Option<String> {
        self.0.debug.then(|| shown(&format!("{value:?}")))
    }

    /// The configuration key of the instance.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Where the instance's calls go when the call itself does not say.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Records one call: in the metrics, and with `debug` as a six-tuple.
    pub fn record(&self, outcome: &Outcome<'_>) {
        let inner = &*self.0;
        inner.calls.observe(outcome.method, outcome.code, outcome.cost, outcome.trace);
        if inner.debug {
            print(inner, outcome);
        }
    }
}

/// The six-tuple on one line of standard error: caller, name, target, cost, request, response.
fn print(inner: &Inner, outcome: &Outcome<'_>) {
    let line = format!(
        "{} {} {} {} [{:.3?}] {} {} => {} {}\n",
        outcome.caller.unwrap_or("-"),
        inner.kind,
        inner.name,
        outcome.target.unwrap_or(&inner.target),
        outcome.cost,
        outcome.method.name(),
        outcome.request.unwrap_or("-"),
        outcome.code,
        outcome.response.unwrap_or("-"),
    );
    // A closed standard error must not fail the call that is being recorded.
    let _closed = std::io::stderr().lock().write_all(line.as_bytes());
}

fn shown(text: &str) -> String {
    let most = text.floor_char_boundary(SHOWN);
    let mut shown = redact(&text[..most]);
    if most < text.len() {
        shown.push_str(&format!("… ({} bytes)", text.len()));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[allow(dead_code, reason = "only shown")]
    struct Login {
        name: String,
        password: Option<&'static str>,
    }

    fn recorder(debug: bool) -> Recorder {
        Recorder::new(&Metrics::new(), Protocol::RpcClient, "grpc", "grpc.users".into(), "h:1", debug)
    }

    #[test]
    fn what_is_shown_has_no_secrets_and_is_cut_to_size() {
        let login = Login { name: "ann".to_owned(), password: Some("hunter2") };
        assert_eq!(recorder(true).show(&login).unwrap(), r#"Login { name: "ann", password: *** }"#);
        let long = Login { name: "é".repeat(SHOWN), ..login };
        let shown = recorder(true).show(&long).unwrap();
        assert!(shown.len() < SHOWN + 40 && shown.ends_with(" bytes)"), "{shown}");
    }

    #[test]
    fn outside_debug_mode_nothing_is_shown() {
        assert_eq!(recorder(false).show(&"x"), None);
    }
}
