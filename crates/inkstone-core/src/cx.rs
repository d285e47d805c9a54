//! What a component is built with.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use inkstone_config::{Code, Fault, Live};
use inkstone_guard::{Guard, GuardConfig};
use inkstone_observe::{Protocol, Recorder};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::handle::AppHandle;

/// What a component or server is built with: its name, which is its key in the configuration, and its app.
#[derive(Clone)]
#[non_exhaustive]
pub struct Cx {
    /// The key of its table: `redis.cart`.
    pub name: Arc<str>,
    /// The kind: `redis`.
    pub kind: &'static str,
    app: AppHandle,
}

impl Cx {
    pub(crate) fn new(name: Arc<str>, kind: &'static str, app: AppHandle) -> Self {
        Self { name, kind, app }
    }

    /// The app it belongs to.
    #[must_use]
    pub fn app(&self) -> &AppHandle {
        &self.app
    }

    /// The guard for its calls to `target`, with live settings.
    #[must_use]
    pub fn guard(&self, protocol: Protocol, target: impl Into<Arc<str>>, config: Live<GuardConfig>) -> Guard {
        let app = &self.app;
        let recorder =
            Recorder::new(app.metrics(), protocol, self.kind, self.name.clone(), target, app.debug())
                .with_logs(app.logs(), app.tail());
        Guard::new(recorder, config).traced(app.tracer().clone())
    }

    /// Cancelled when servers are to stop accepting and finish what is in flight.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.app.0.stop.clone()
    }

    /// Cancelled when a [`Server::LAST`](crate::Server::LAST) server is to stop: after all the others have.
    #[must_use]
    pub fn stopping_last(&self) -> CancellationToken {
        self.app.0.stop_last.clone()
    }

    /// A fault of this instance: the component and its key are filled in.
    pub fn fault(&self, code: Code, message: impl fmt::Display) -> Fault {
        Fault::new(code, message).component(format!("{} `{}`", self.kind, self.name)).key(self.name.as_ref())
    }

    /// Says of an error from `build` which component it kept from starting, unless the error says so itself.
    pub(crate) fn failed_to_build(&self, error: &Error, asked_at: &'static Location<'static>) -> Error {
        let mut problems = inkstone_config::Problems::default();
        for fault in error.problems().iter() {
            let mut fault = fault.clone();
            if fault.component.is_none() {
                fault = fault.component(format!("{} `{}`", self.kind, self.name));
            }
            if fault.key.is_none() {
                fault = fault.key(self.name.as_ref());
            }
            fault.asked_at = fault.asked_at.or(Some(asked_at));
            problems.push(fault);
        }
        problems.into()
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("kind", &self.kind).field("name", &self.name).finish_non_exhaustive()
    }
}
