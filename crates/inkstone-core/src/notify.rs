//! Tells whatever started the process of its life, as systemd asks for it (`man sd_notify`).

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::handle::{AppHandle, Phase};

/// Where to tell it, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Notify {
    socket: String,
    alive: Option<Duration>,
}

impl Notify {
    /// What the process's environment asks for.
    pub(crate) fn of_process() -> Option<Self> {
        let told = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let socket = told("NOTIFY_SOCKET")?;
        // A watchdog may be meant for another process, which then has its own number in it.
        let ours = told("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros: Option<u64> = told("WATCHDOG_USEC").filter(|_| ours).and_then(|text| text.parse().ok());
        Some(Self { socket, alive: micros.map(|micros| Duration::from_micros(micros) / 2) })
    }

    fn tell(&self, what: &str) {
        let told = UnixDatagram::unbound().and_then(|socket| match self.socket.strip_prefix('@') {
            Some(name) => {
                use std::os::linux::net::SocketAddrExt;
                let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
                socket.send_to_addr(what.as_bytes(), &address)
            }
            None => socket.send_to(what.as_bytes(), &self.socket),
        });
        if let Err(error) = told {
            tracing::warn!(socket = self.socket, "cannot report {what}: {error}");
        }
    }

    /// Tells of the app's life until it has stopped.
    pub(crate) async fn follow(self, app: AppHandle) {
        let mut phase = app.phase();
        loop {
            match *phase.borrow_and_update() {
                Phase::Starting => {}
                Phase::Ready => self.tell("READY=1"),
                Phase::Draining => self.tell("STOPPING=1"),
                Phase::Stopped => return,
            }
            loop {
                let alive = self.alive.unwrap_or(Duration::MAX);
                tokio::select! {
                    changed = phase.changed() => match changed {
                        Ok(()) => break,
                        Err(_gone) => return,
                    },
                    // Sent by a task of the runtime: when no worker runs any more, none is sent.
                    () = tokio::time::sleep(alive) => self.tell("WATCHDOG=1"),
                }
            }
        }
    }
}
