//! What tells a service to stop.

use inkstone_config::{Code, Fault};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::handle::AppHandle;

/// Why a service stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM, or the program itself asked: callers are given time to learn of it.
    Terminated,
    /// SIGINT, from a keyboard: nobody wants to wait.
    Interrupted,
    /// A server ended by itself.
    Failed,
}

pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    asked: CancellationToken,
    /// Whether a signal has come already.
    told: bool,
}

impl Signals {
    pub(crate) fn listen(handle: &AppHandle) -> Result<Self> {
        let listen = |kind, name| {
            signal(kind)
                .map_err(|error| Fault::new(Code::BuildFailed, format!("cannot listen for {name}: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate(), "SIGTERM")?,
            interrupt: listen(SignalKind::interrupt(), "SIGINT")?,
            asked: handle.0.stop_asked.clone(),
            told: false,
        })
    }

    /// The first request to stop.
    pub(crate) async fn stop(&mut self) -> Stop {
        let stop = tokio::select! {
            _ = self.terminate.recv() => Stop::Terminated,
            _ = self.interrupt.recv() => Stop::Interrupted,
            () = self.asked.cancelled() => return Stop::Terminated,
        };
        self.told = true;
        stop
    }

    /// A further signal, which ends what is in flight at once.
    pub(crate) async fn again(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        self.told = true;
    }

    /// A signal while the service ends already. The first of all asks for no more than that.
    pub(crate) async fn at_once(&mut self) {
        if !self.told {
            self.again().await;
            tracing::info!("told to stop: closing already; a second signal ends at once");
        }
        self.again().await;
    }
}
