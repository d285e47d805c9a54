//! Lines on their way to a file: gathered in memory by whoever logs, written by one thread.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use prometheus_client::metrics::counter::Counter;

use super::config::{LogFileConfig, WhenFull};
use super::rotate::Rotating;
use super::sink::complain;

/// Longest time somebody who logs waits for a disk that hangs. Who comes later, while it still does, waits no more.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after the file could not be written it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct FileSink {
    held: Mutex<Held>,
    /// There is room again, or something was written, or could not be.
    moved: Condvar,
    out: Mutex<Out>,
    dropped: Counter,
    /// At how much it is written at once.
    enough: usize,
    /// Most that is held here; as much again may be on its way out.
    most: usize,
    flush_every: Duration,
    when_full: WhenFull,
    patience: Duration,
}

/// What is gathered.
#[derive(Debug, Default)]
struct Held {
    lines: Vec<u8>,
    /// Since when something is.
    since: Option<Instant>,
    /// Bytes taken in, and of those the ones that have left.
    taken: u64,
    left: u64,
    /// How often writing was tried, and whether it went wrong the last time.
    tries: u64,
    failing: bool,
    /// Whether somebody has lost patience since something was written.
    hanging: bool,
    /// Whether somebody waits for all of it to be written.
    wanted: bool,
}

/// What is on its way out.
#[derive(Debug)]
struct Out {
    file: Rotating,
    rest: Vec<u8>,
    failed: Option<(Instant, u64)>,
    not_rotated: bool,
}

impl FileSink {
    pub(super) fn new(config: &LogFileConfig, dropped: Counter) -> Self {
        let enough = config.buffer.as_usize();
        let out = Out { file: Rotating::new(config), rest: Vec::new(), failed: None, not_rotated: false };
        Self {
            held: Mutex::default(),
            moved: Condvar::new(),
            out: Mutex::new(out),
            dropped,
            enough,
            most: enough.saturating_mul(2),
            flush_every: *config.flush_every,
            when_full: config.when_full,
            patience: PATIENCE,
        }
    }

    /// Takes a line. Whether the writer should look now.
    pub(super) fn take(&self, line: &[u8]) -> bool {
        let mut held = self.held();
        let started = Instant::now();
        while !held.lines.is_empty() && held.lines.len() + line.len() > self.most {
            let patience = self.patience.saturating_sub(started.elapsed());
            held.hanging |= patience.is_zero();
            if self.when_full == WhenFull::Drop || held.failing || held.hanging {
                self.dropped.inc();
                return false;
            }
            held = self.moved.wait_timeout(held, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        let before = held.lines.len();
        held.lines.extend_from_slice(line);
        held.taken += line.len() as u64;
        if before == 0 {
            held.since = Some(started);
        }
        before == 0 || (before < self.enough && held.lines.len() >= self.enough)
    }

    /// Writes what is due. When to look again.
    pub(super) fn keep(&self, now: Instant) -> Option<Instant> {
        let due = {
            let held = self.held();
            let waited = held.since.map(|since| since + self.flush_every);
            held.wanted
                || held.failing
                || held.lines.len() >= self.enough
                || waited.is_some_and(|at| at <= now)
        };
        if due && !self.write() {
            return Some(Instant::now() + AGAIN);
        }
        self.held().since.map(|since| since + self.flush_every)
    }

    /// Writes everything that is held. Whether all of it was.
    pub(super) fn write(&self) -> bool {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if out.rest.is_empty() {
                let mut held = self.held();
                std::mem::swap(&mut held.lines, &mut out.rest);
                held.since = None;
                held.wanted = false;
                if out.rest.is_empty() {
                    return true;
                }
            }
            let Out { file, rest, .. } = &mut *out;
            let (written, result) = file.write(rest, SystemTime::now());
            rest.drain(..written);
            {
                let mut held = self.held();
                held.left += written as u64;
                held.tries += 1;
                held.failing = result.is_err();
                held.hanging = false;
                held.wanted = held.wanted && result.is_ok();
            }
            self.moved.notify_all();
            let failed = result.is_err();
            self.report(&mut out, result);
            if failed {
                return false;
            }
        }
    }

    /// Asks for everything taken so far to be written; `poke` wakes who does. Whether it was, within this time.
    pub(super) fn flush(&self, within: Duration, poke: impl FnOnce()) -> bool {
        let (started, mut held) = (Instant::now(), self.held());
        let (upto, tries) = (held.taken, held.tries);
        held.wanted = true;
        drop(held);
        poke();
        let mut held = self.held();
        loop {
            let left = within.saturating_sub(started.elapsed());
            if held.left >= upto {
                return true;
            }
            if left.is_zero() || (held.failing && held.tries > tries) {
                return false;
            }
            held = self.moved.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives up what could not be written, at the very end.
    pub(super) fn give_up(&self) {
        // Whoever writes may hang for ever.
        let Ok(mut out) = self.out.try_lock() else { return };
        let mut held = self.held();
        let lost = lines(&out.rest) + lines(&held.lines);
        if lost > 0 {
            self.dropped.inc_by(lost);
            held.left = held.taken;
            (out.rest, held.lines) = (Vec::new(), Vec::new());
            let path = out.file.path().display();
            complain(format_args!("the last {lost} lines of the log could not be written to {path}"));
        }
    }

    /// Says once that something is wrong, and once that it is well again.
    fn report(&self, out: &mut Out, result: io::Result<()>) {
        let path = out.file.path().display();
        match (result, out.failed) {
            (Err(error), None) => {
                out.failed = Some((Instant::now(), self.dropped.get()));
                let most = inkstone_config::Size(self.most as u64 * 2);
                complain(format_args!(
                    "cannot write the log to {path}: {error}; trying again, and keeping up to {most} of it until then"
                ));
            }
            (Ok(()), Some((since, dropped))) => {
                out.failed = None;
                let (after, lost) = (since.elapsed(), self.dropped.get().saturating_sub(dropped));
                complain(format_args!(
                    "the log is written to {path} again after {after:.1?}; {lost} lines were dropped"
                ));
            }
            _ => {}
        }
        match (&out.file.not_rotated, out.not_rotated) {
            (Some(error), false) => {
                complain(format_args!("cannot rotate the log {path}: {error}; writing on into it"));
            }
            (None, true) => complain(format_args!("the log {path} is rotated again")),
            _ => {}
        }
        out.not_rotated = out.file.not_rotated.is_some();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use inkstone_config::Size;

    use super::*;

    fn sink(path: &Path, when_full: WhenFull) -> FileSink {
        let path = path.to_str().unwrap().to_owned();
        let config = LogFileConfig { path, buffer: Size(8), when_full, ..LogFileConfig::default() };
        FileSink::new(&config, Counter::default())
    }

    #[test]
    fn told_to_drop_it_drops_what_does_not_fit_and_counts_it() {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(&dir.path().join("a.log"), WhenFull::Drop);
        // Nobody writes meanwhile.
        (0..5).for_each(|_| {
            sink.take(b"12345\n");
        });
        assert!(sink.write());
        assert_eq!(sink.dropped.get(), 3);
        assert_eq!(fs::read_to_string(dir.path().join("a.log")).unwrap(), "12345\n12345\n");
    }

    #[test]
    fn told_to_wait_it_waits_until_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(&dir.path().join("a.log"), WhenFull::Wait);
        std::thread::scope(|scope| {
            let logs = scope.spawn(|| {
                (0..100).for_each(|_| {
                    sink.take(b"12345\n");
                })
            });
            while !logs.is_finished() {
                sink.write();
                std::thread::yield_now();
            }
        });
        assert!(sink.write());
        assert_eq!(fs::read_to_string(dir.path().join("a.log")).unwrap().lines().count(), 100);
        assert_eq!(sink.dropped.get(), 0);
    }

    #[test]
    fn a_disk_that_hangs_holds_up_the_first_and_not_everybody_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = sink(&path, WhenFull::Wait);
        sink.patience = Duration::from_millis(200);
        // What writes is held, as by a disk.
        let out = sink.out.lock().unwrap();
        let waits: Vec<_> = (0..12)
            .map(|_| {
                let started = Instant::now();
                sink.take(b"12345\n");
                started.elapsed() >= sink.patience
            })
            .collect();
        assert_eq!(
            (sink.dropped.get(), waits.iter().filter(|waited| **waited).count()),
            (10, 1),
            "{waits:?}"
        );
        drop(out);
        assert!(sink.write());
        sink.take(b"again\n");
        assert!(sink.write());
        assert_eq!(fs::read_to_string(path).unwrap(), "12345\n12345\nagain\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_keeps_nobody_and_what_fits_is_written_later() {
        let dir = tempfile::tempdir().unwrap();
        // A folder stands where the file should.
        let path = dir.path().join("a.log");
        fs::create_dir(&path).unwrap();
        let sink = sink(&path, WhenFull::Wait);
        sink.take(b"one\n");
        assert!(!sink.write());
        assert!(
            !sink.flush(Duration::from_secs(60), || {
                sink.write();
            }),
            "it does not wait for a disk that fails"
        );
        (0..20).for_each(|_| {
            sink.take(b"12345\n");
        });
        assert_eq!(sink.dropped.get(), 18);
        fs::remove_dir(&path).unwrap();
        assert!(sink.write());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n12345\n12345\n");
    }
}
