//! Ctrl-C, and what a supervisor sends.

use inkstone::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What tells this program to stop. Listening begins before anything is started that would have to be stopped.
#[derive(Debug)]
pub(crate) struct Signals(Signal, Signal);

impl Signals {
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    /// The next request to stop.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
