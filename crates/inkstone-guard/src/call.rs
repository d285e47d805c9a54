//! One call in flight: from entering the guard to its record.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use inkstone_observe::trace::Span;
use inkstone_observe::{AccessSettings, Active, Method, Outcome, Recorder, TraceIds};

use crate::span;

/// What is about to be called.
#[derive(Clone)]
pub struct Op<'a> {
    /// Which method, from [`Guard::method`](crate::Guard::method) of the same guard.
    pub method: Method,
    /// What is asked. Looked at in debug mode only.
    pub request: Option<&'a (dyn fmt::Debug + Sync)>,
    /// Where it goes, if that is chosen for this call.
    pub target: Option<Arc<str>>,
}

/// One call in flight. It is recorded when it is finished, or as `cancelled` when it is dropped before.
#[derive(Debug)]
pub struct Call {
    recorder: Recorder,
    method: Method,
    target: Option<Arc<str>>,
    started: Instant,
    deadline: Option<Instant>,
    span: Span,
    peer: Option<SocketAddr>,
    request: Option<String>,
    response: Option<String>,
    error: Option<String>,
    /// The settings of the access log with which the call began: a change in between must not tear its line.
    access: AccessSettings,
    caller: Option<String>,
    finished: bool,
    /// In flight until then, under the method it began with.
    _active: Active,
}

/// Most bytes of the reason why a call failed.
const LONGEST_ERROR: usize = 1024;

impl<'a> Op<'a> {
    /// A call of `method`.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self { method, request: None, target: None }
    }

    /// With what is asked, for the six-tuple.
    #[must_use]
    pub fn request(self, request: &'a (dyn fmt::Debug + Sync)) -> Self {
        Self { request: Some(request), ..self }
    }

    /// With where this call goes.
    #[must_use]
    pub fn target(self, target: Arc<str>) -> Self {
        Self { target: Some(target), ..self }
    }
}

impl fmt::Debug for Op<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Op")
            .field("method", &self.method)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Call {
    pub(crate) fn start(recorder: Recorder, op: Op<'_>, span: Span, deadline: Option<Instant>) -> Self {
        let access = recorder.access();
        let most = access.max_bytes.as_usize();
        let request = op.request.and_then(|request| recorder.show(request, access.requests, most));
        let caller = recorder.caller();
        let active = op.method.start();
        Self {
            recorder,
            method: op.method,
            target: op.target,
            started: Instant::now(),
            deadline,
            span,
            peer: None,
            request,
            response: None,
            error: None,
            access,
            caller,
            finished: false,
            _active: active,
        }
    }

    /// When the call must be over: the earlier of the guard's time-out and the deadline of what is being served.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether requests and responses are wanted, by the six-tuple or by the access log.
    #[must_use]
    pub fn captures(&self) -> bool {
        self.recorder.debug() || self.access.requests || self.access.responses
    }

    /// Most bytes of a request or response that are wanted.
    #[must_use]
    pub fn most(&self) -> usize {
        let logged =
            if self.access.requests || self.access.responses { self.access.max_bytes.as_usize() } else { 0 };
        if self.recorder.debug() { logged.max(2048) } else { logged }
    }

    /// Who called.
    pub fn set_peer(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
    }

    /// What was called, when only the response told that there is such a method. From a bounded set.
    pub fn set_method(&mut self, method: &str) {
        self.method = self.recorder.method(method);
    }

    /// Its span. What is said about it goes where the trace goes.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The ids of its span.
    #[must_use]
    pub fn trace(&self) -> Option<TraceIds> {
        Some(self.span.context().ids())
    }

    /// Where the call went, when that was found out after it had started.
    pub fn set_target(&mut self, target: Arc<str>) {
        self.target = Some(target);
    }

    /// What was asked, for the six-tuple and the access log.
    pub fn set_request(&mut self, request: impl fmt::Debug) {
        let shown = self.recorder.show(&request, self.access.requests, self.access.max_bytes.as_usize());
        self.request = shown.or(self.request.take());
    }

    /// What came back, for the six-tuple and the access log.
    pub fn set_response(&mut self, response: impl fmt::Debug) {
        let shown = self.recorder.show(&response, self.access.responses, self.access.max_bytes.as_usize());
        self.response = shown.or(self.response.take());
    }

    /// Why it fails: it is in the access log and the six-tuple, whatever they capture.
    pub fn set_error(&mut self, error: impl fmt::Display) {
        self.error = self.recorder.show(&format_args!("{error}"), true, LONGEST_ERROR);
    }

    /// Records the call as ended with `code`, in the protocol's own words.
    pub fn finish(mut self, code: &'static str) {
        self.record(code);
    }

    fn record(&mut self, code: &'static str) {
        self.finished = true;
        if self.span.is_recorded() {
            span::ended(&self.span, &self.recorder, self.method.name(), code, self.target.as_deref());
        }
        self.recorder.record(&Outcome {
            method: &self.method,
            code,
            target: self.target.as_deref(),
            cost: self.started.elapsed(),
            trace: self.trace(),
            context: Some(self.span.context()),
            peer: self.peer,
            request: self.request.as_deref(),
            response: self.response.as_deref(),
            error: self.error.as_deref(),
            access: Some(&self.access),
            caller: self.caller.as_deref(),
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.finished {
            self.record("cancelled");
        }
    }
}
