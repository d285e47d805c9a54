//! Listening sockets that the process was started with, as systemd passes them (`man sd_listen_fds`).

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use listenfd::ListenFd;

/// The sockets that have not been taken yet.
#[derive(Default)]
pub(crate) struct Sockets(Mutex<Vec<Passed>>);

struct Passed {
    /// The key of the server it is for; anything else, such as the name of a socket unit, names nobody.
    name: String,
    listener: TcpListener,
}

impl Sockets {
    /// What this process was started with: `LISTEN_FDS` sockets from descriptor 3 on, if `LISTEN_PID` says that they are
    /// for this process. A child of the one that they are for has the variables too, and must leave the sockets alone.
    ///
    /// The variables are taken away, so that no process started from here takes them for its own.
    pub(crate) fn of_process() -> Self {
        let pid = std::env::var("LISTEN_PID").unwrap_or_default();
        if pid != std::process::id().to_string() {
            return Self::default();
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut found = ListenFd::from_env();
        let mut passed = Vec::new();
        for index in 0..found.len() {
            let name = names.next().unwrap_or_default().to_owned();
            match found.take_tcp_listener(index) {
                Ok(Some(listener)) => passed.push(Passed { name, listener }),
                Ok(None) => {}
                // Logs are not there yet, and the socket may be somebody else's business.
                Err(error) => tracing::warn!(name, "the passed socket {index} is not used: {error}"),
            }
        }
        Self(Mutex::new(passed))
    }

    /// The socket for the server at `key`: the one of that name, or else one that listens on its port.
    pub(crate) fn take(&self, key: &str, port: u16) -> io::Result<Option<tokio::net::TcpListener>> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listens = |passed: &Passed| {
            port != 0 && passed.listener.local_addr().is_ok_and(|address| address.port() == port)
        };
        let named = passed.iter().position(|passed| passed.name == key);
        let Some(at) = named.or_else(|| passed.iter().position(listens)) else { return Ok(None) };
        let listener = passed.swap_remove(at).listener;
        drop(passed);
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(Some)
    }

    /// What nobody has taken, for a warning.
    pub(crate) fn left(&self) -> Vec<String> {
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |passed: &Passed| {
            let address = passed.listener.local_addr().map_or_else(|_| "?".to_owned(), |at| at.to_string());
            format!("{} ({address})", passed.name)
        };
        passed.iter().map(shown).collect()
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.left()).finish()
    }
}
