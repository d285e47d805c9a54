//! Where lines go.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;

use super::file::FileSink;

/// Where lines go.
pub(super) enum Sink {
    /// A standard stream: a line is written at once, by whoever logs.
    Stream(Stream),
    /// A file: a line is gathered, and written by the keeper.
    File(Box<FileSink>),
}

pub(super) struct Stream {
    out: Mutex<Box<dyn Write + Send>>,
    failing: AtomicBool,
    dropped: Counter,
}

impl Stream {
    pub(super) fn new(out: Box<dyn Write + Send>, dropped: Counter) -> Self {
        Self { out: Mutex::new(out), failing: AtomicBool::new(false), dropped }
    }

    /// A stream that nobody reads any more must not fail whoever logs.
    pub(super) fn write(&self, line: &[u8]) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match out.write_all(line).and_then(|()| out.flush()) {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    complain(format_args!("the log is written again"));
                }
            }
            Err(error) => {
                self.dropped.inc();
                if !self.failing.swap(true, Ordering::Relaxed) {
                    complain(format_args!(
                        "cannot write the log: {error}; lines are dropped until it can be written"
                    ));
                }
            }
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(_) => f.write_str("Stream"),
            Self::File(file) => file.fmt(f),
        }
    }
}

/// What is wrong with the log cannot be said in the log.
pub(super) fn complain(message: fmt::Arguments<'_>) {
    let _closed = io::stderr().lock().write_all(format!("inkstone: {message}\n").as_bytes());
}
