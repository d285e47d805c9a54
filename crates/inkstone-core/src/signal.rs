//! What tells a service to stop.

use futures::FutureExt;
use inkstone_config::{Code, Fault};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::StopSignal;
use crate::error::Result;
use crate::handle::AppHandle;

/// Why a service stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM, or the program itself asked: callers are given time to learn of it.
    Terminated,
    /// SIGINT, from a keyboard: nobody wants to wait.
    Interrupted,
    /// SIGQUIT: what is in flight is cut off.
    Forced,
    /// Something failed.
    Failed,
    /// All work is done, and there is no server.
    Done,
}

pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// Would end the process unless somebody listens; other frameworks fork at it.
    user: Option<Signal>,
    further: [Option<Signal>; 3],
    asked: CancellationToken,
    /// Whether a signal has come already.
    told: bool,
}

impl Signals {
    pub(crate) fn listen(handle: &AppHandle) -> Result<Self> {
        let listen = |kind, name: &str| {
            signal(kind)
                .map_err(|error| Fault::new(Code::BuildFailed, format!("cannot listen for {name}: {error}")))
        };
        let mut further = [None, None, None];
        let wanted = &handle.config().stop_signals;
        for (slot, (stop, kind, name)) in further.iter_mut().zip([
            (StopSignal::Hup, SignalKind::hangup(), "SIGHUP"),
            (StopSignal::Usr1, SignalKind::user_defined1(), "SIGUSR1"),
            (StopSignal::Usr2, SignalKind::user_defined2(), "SIGUSR2"),
        ]) {
            if wanted.contains(&stop) {
                *slot = Some(listen(kind, name)?);
            }
        }
        let user = match wanted.contains(&StopSignal::Usr1) {
            true => None,
            false => Some(listen(SignalKind::user_defined1(), "SIGUSR1")?),
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate(), "SIGTERM")?,
            interrupt: listen(SignalKind::interrupt(), "SIGINT")?,
            quit: listen(SignalKind::quit(), "SIGQUIT")?,
            user,
            further,
            asked: handle.0.stop_asked.clone(),
            told: false,
        })
    }

    /// The first request to stop.
    pub(crate) async fn stop(&mut self) -> Stop {
        let asked = self.asked.clone();
        let stop = tokio::select! {
            stop = self.signal() => Some(stop),
            () = asked.cancelled() => None,
        };
        let Some(stop) = stop else {
            // What asks may itself have been told by the signal that waits here: it must not count twice.
            self.told = self.signal().now_or_never().is_some();
            return Stop::Terminated;
        };
        self.told = true;
        stop
    }

    /// A further signal, which ends what is in flight at once.
    pub(crate) async fn again(&mut self) {
        self.signal().await;
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

    async fn signal(&mut self) -> Stop {
        let Self { user, further: [first, second, third], .. } = self;
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Stop::Terminated,
                _ = self.interrupt.recv() => return Stop::Interrupted,
                _ = self.quit.recv() => return Stop::Forced,
                () = received(first) => return Stop::Terminated,
                () = received(second) => return Stop::Terminated,
                () = received(third) => return Stop::Terminated,
                () = received(user) => tracing::info!("SIGUSR1 has no meaning here; app.stop_signals can give it one"),
            }
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
