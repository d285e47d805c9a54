//! The record of one call: what every component leaves behind of everything it does for somebody.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use inkstone_config::Live;

use crate::access::{Access, AccessConfig, AccessSettings, Recorded, shown};
use crate::caller::caller;
use crate::log::LogControl;
use crate::metrics::{Instance, Method, Metrics};
use crate::names::{self, Metric};
use crate::tail::Tail;
use crate::trace::{Context, TraceIds};

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
    /// What it belongs to, of which the log shows the keys that travel with it.
    pub context: Option<&'a Context>,
    /// Who called, if we serve it and know.
    pub peer: Option<SocketAddr>,
    /// What was asked, as [`Recorder::show`] shows it. Only when it is wanted.
    pub request: Option<&'a str>,
    /// What came back, or why nothing did, shown likewise. Only when it is wanted.
    pub response: Option<&'a str>,
    /// Why it failed, shown likewise.
    pub error: Option<&'a str>,
    /// The settings of the access log with which it began, from [`Recorder::access`]. Without it the latest ones count.
    pub access: Option<&'a AccessConfig>,
    /// The line of the user's code that made the call. Only in debug mode.
    pub caller: Option<&'a str>,
}

/// Records the calls of one component instance. A handle: clones share what is behind it.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Inner>);

impl<'a> Outcome<'a> {
    /// The request, if it is for the access log.
    pub(crate) fn logged_request(&self) -> Option<&'a str> {
        self.request.filter(|_| self.access.is_some_and(|access| access.requests))
    }

    /// The response, if it is for the access log.
    pub(crate) fn logged_response(&self) -> Option<&'a str> {
        self.response.filter(|_| self.access.is_some_and(|access| access.responses))
    }
}

#[derive(Debug, Clone)]
struct Inner {
    calls: Arc<Instance>,
    protocol: Protocol,
    kind: &'static str,
    name: Arc<str>,
    target: Arc<str>,
    debug: bool,
    access: Access,
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
        let access = Access::new(protocol);
        Self(Arc::new(Inner { calls, protocol, kind, name, target, debug, access }))
    }

    /// With the access log of these logs, and the tail to which each record goes.
    #[must_use]
    pub fn with_logs(self, logs: LogControl, tail: Tail) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        (inner.access.logs, inner.access.tail) = (logs, tail);
        Self(Arc::new(inner))
    }

    /// With these settings of the access log, in place of those of its protocol: on for servers and tasks, off for clients.
    #[must_use]
    pub fn with_access(self, config: Live<AccessConfig>) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.access.config = config;
        Self(Arc::new(inner))
    }

    /// The settings of the access log as they are now. A call keeps those with which it began.
    #[must_use]
    pub fn access(&self) -> AccessSettings {
        self.0.access.config.get()
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

    /// The value as the six-tuple and the access log show it: cut to `most` bytes (in debug mode to no less than 2 KiB),
    /// and with the values of fields masked whose names are telltale ([`telltale`](inkstone_config::telltale)) or
    /// configured in `log.redact`. Nothing is made of it unless it is `wanted` or in debug mode.
    #[must_use]
    pub fn show(&self, value: &dyn fmt::Debug, wanted: bool, most: usize) -> Option<String> {
        let most = match (wanted, self.0.debug) {
            (false, false) => return None,
            (true, false) => most,
            (false, true) => SHOWN,
            (true, true) => SHOWN.max(most),
        };
        Some(shown(value, most, &self.0.access.logs.redaction()))
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

    /// Records one call: in the metrics, the access log, the live tail, and with `debug` as a six-tuple.
    pub fn record(&self, outcome: &Outcome<'_>) {
        let inner = &*self.0;
        inner.calls.observe(outcome.method, outcome.code, outcome.cost, outcome.trace);
        let addr = outcome.target.unwrap_or(&inner.target);
        let (protocol, kind, name) = (inner.protocol, inner.kind, &*inner.name);
        Recorded { protocol, kind, name, addr, outcome }.write(&inner.access);
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
        outcome.response.or(outcome.error).unwrap_or("-"),
    );
    // A closed standard error must not fail the call that is being recorded.
    let _closed = std::io::stderr().lock().write_all(line.as_bytes());
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
        assert_eq!(recorder(true).show(&login, false, 0).unwrap(), r#"Login { name: "ann", password: *** }"#);
        let long = Login { name: "é".repeat(SHOWN), ..login };
        let shown = recorder(true).show(&long, false, 0).unwrap();
        assert!(shown.len() < SHOWN + 40 && shown.ends_with(" bytes)"), "{shown}");
    }

    #[test]
    fn outside_debug_mode_nothing_is_shown_unless_it_is_wanted() {
        assert_eq!(recorder(false).show(&"abc", true, 2).unwrap(), "\"a… (5 bytes)");
        assert_eq!(recorder(false).show(&"x", false, 9), None);
    }
}
