//! The guard: one value per component instance, around each of its calls.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use inkstone_config::{Dur, Live};
use inkstone_observe::trace::{self, Incoming, Tracer};
use inkstone_observe::{AccessConfig, Method, Recorder};

use crate::call::{Call, Op};
use crate::config::GuardConfig;
use crate::{deadline, span};

/// What surrounds every call of one component instance. A handle: clones share the settings and the record.
#[derive(Debug, Clone)]
pub struct Guard {
    recorder: Recorder,
    config: Live<GuardConfig>,
    tracer: Tracer,
}

/// Why a guarded call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The limit on concurrent calls or on their rate is reached; nothing was sent.
    Busy,
    /// The breaker is open after too many failures; nothing was sent.
    Open,
    /// No answer within this time.
    Timeout(Dur),
    /// The call itself failed.
    Failed(E),
}

/// An error of a protocol that has a short, bounded code for metrics.
pub trait Failure: fmt::Display {
    /// The code, from a bounded set: `NOT_FOUND`, `constraint`, `io`.
    fn code(&self) -> &'static str;
}

impl Guard {
    /// A guard with live settings, writing its records to `recorder`.
    #[must_use]
    pub fn new(recorder: Recorder, config: Live<GuardConfig>) -> Self {
        Self { recorder, config, tracer: Tracer::default() }
    }

    /// With its calls' spans in these traces.
    #[must_use]
    pub fn traced(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// The handle of a method, which comes from a bounded set and becomes a metric's label.
    #[must_use]
    pub fn method(&self, name: &str) -> Method {
        self.recorder.method(name)
    }

    /// What is about to be called: `guard.op("SELECT")`.
    #[must_use]
    pub fn op<'a>(&self, method: &str) -> Op<'a> {
        Op::new(self.method(method))
    }

    /// With these settings of the access log, in place of the defaults of its protocol.
    #[must_use]
    pub fn access(self, config: Live<AccessConfig>) -> Self {
        Self { recorder: self.recorder.with_access(config), ..self }
    }

    /// Makes one call. `attempt` is a closure because a retried call runs it again.
    ///
    /// # Errors
    /// What `attempt` returned, or the reason why the guard did not wait for it.
    pub async fn call<T, E, F, Fut>(&self, op: Op<'_>, attempt: F) -> Result<T, CallError<E>>
    where
        T: fmt::Debug,
        E: Failure,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut call = self.enter(op);
        let context = call.span().context().clone();
        let result = within(call.deadline(), trace::scope(context, attempt())).await;
        match result {
            Ok(Ok(value)) => {
                call.set_response(&value);
                call.finish("OK");
                Ok(value)
            }
            Ok(Err(error)) => {
                call.set_error(&error);
                if call.span().is_recorded() {
                    call.span().fail(error.to_string());
                }
                call.finish(error.code());
                Err(CallError::Failed(error))
            }
            Err(waited) => {
                call.set_error(format_args!("no answer within {}", Dur::from(waited)));
                call.finish("timeout");
                Err(CallError::Timeout(Dur::from(waited)))
            }
        }
    }

    /// Starts a call whose end another part of the code sees: a stream's last frame, a callback. [`Guard::call`] is
    /// this and a time-out.
    #[must_use]
    pub fn enter(&self, op: Op<'_>) -> Call {
        let span = self.tracer.span(span::kind(self.recorder.protocol()), "");
        self.begin(op, span)
    }

    /// Starts a call that came from elsewhere. `background` is for what asks all the time, such as probes: it begins no
    /// trace that is recorded.
    #[must_use]
    pub fn serve(&self, op: Op<'_>, incoming: Incoming, background: bool) -> Call {
        self.begin(op, self.tracer.serve(incoming, background, ""))
    }

    fn begin(&self, op: Op<'_>, span: trace::Span) -> Call {
        let own = self.config.get().timeout_of(op.method.name()).map(|timeout| Instant::now() + timeout);
        Call::start(self.recorder.clone(), op, span, deadline::earlier(own, deadline::current()))
    }

    /// The traces that its calls belong to.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// The record's writer.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// `work`'s output, or how long it was waited for.
pub(crate) async fn within<F: Future>(deadline: Option<Instant>, work: F) -> Result<F::Output, Duration> {
    let Some(deadline) = deadline else {
        return Ok(work.await);
    };
    let started = Instant::now();
    tokio::time::timeout_at(deadline.into(), work)
        .await
        .map_err(|_elapsed| deadline.saturating_duration_since(started))
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many calls at once; nothing was sent"),
            Self::Open => f.write_str("the breaker is open after too many failures; nothing was sent"),
            Self::Timeout(waited) => write!(f, "no answer within {waited}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}
