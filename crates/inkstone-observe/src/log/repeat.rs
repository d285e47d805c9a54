//! Lines that repeat: a burst is written, the rest is counted and summed up in one line.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use inkstone_config::Dur;
use tracing_core::Level;

use super::config::{RepeatBy, RepeatConfig};

/// Most different lines that are counted at once. With more than that, lines hardly repeat.
const MOST: usize = 4096;

#[derive(Debug)]
pub(super) struct Repeat {
    settings: ArcSwap<RepeatConfig>,
    /// Whether the service has started: what goes wrong before is always written.
    started: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lines: HashMap<u64, Counted>,
    /// When the first sum is due.
    due: Option<Instant>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Counted {
    since: Instant,
    written: u32,
    left_out: u64,
    like: Option<Like>,
}

/// What the lines that were left out were like.
#[derive(Debug, Clone)]
pub(super) struct Like {
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) message: String,
}

/// What was left out.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) within: Dur,
    pub(super) like: Like,
}

/// What becomes of a line.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is written, after the sum of those before it, if there is one.
    Write(Option<Sum>),
    /// It is left out. `first` of its like: somebody must sum up later.
    LeaveOut { first: bool },
}

impl Repeat {
    pub(super) fn new(settings: RepeatConfig) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            started: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    pub(super) fn configure(&self, settings: RepeatConfig) {
        self.settings.store(settings.into());
    }

    /// From now on repeated lines are left out.
    pub(super) fn start(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Which lines are alike, if any are looked for.
    pub(super) fn by(&self) -> Option<RepeatBy> {
        if !self.started.load(Ordering::Relaxed) {
            return None;
        }
        let settings = self.settings.load();
        (settings.burst > 0).then_some(settings.by)
    }

    /// What becomes of a line with this key.
    pub(super) fn judge(&self, key: u64, now: Instant, like: impl FnOnce() -> Like) -> Verdict {
        let settings = self.settings.load();
        let interval = *settings.interval;
        let mut seen = self.seen();
        let fresh = || Counted { since: now, written: 1, left_out: 0, like: None };
        let Some(counted) = seen.lines.get_mut(&key) else {
            if seen.has_room(now, interval) {
                seen.lines.insert(key, fresh());
            }
            return Verdict::Write(None);
        };
        if now.saturating_duration_since(counted.since) >= interval {
            let before = std::mem::replace(counted, fresh());
            return Verdict::Write(before.sum(settings.interval));
        }
        if counted.written < settings.burst {
            counted.written += 1;
            return Verdict::Write(None);
        }
        counted.left_out += 1;
        let first = counted.like.is_none();
        if first {
            counted.like = Some(like());
            let due = counted.since + interval;
            seen.due = Some(seen.due.map_or(due, |earlier| earlier.min(due)));
        }
        Verdict::LeaveOut { first }
    }

    /// The sums that are due now, or with `all` those that are not due yet either; and when to look again.
    pub(super) fn sums(&self, now: Instant, all: bool) -> (Vec<Sum>, Option<Instant>) {
        let settings = self.settings.load();
        let interval = *settings.interval;
        let mut seen = self.seen();
        let Some(due) = seen.due else { return (Vec::new(), None) };
        if due > now && !all {
            return (Vec::new(), Some(due));
        }
        let ended = |counted: &Counted| all || now.saturating_duration_since(counted.since) >= interval;
        let over: Vec<Counted> =
            seen.lines.extract_if(|_, counted| ended(counted)).map(|(_, counted)| counted).collect();
        seen.due = seen
            .lines
            .values()
            .filter(|counted| counted.left_out > 0)
            .map(|counted| counted.since + interval)
            .min();
        (over.into_iter().filter_map(|counted| counted.sum(settings.interval)).collect(), seen.due)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn sum(self, within: Dur) -> Option<Sum> {
        let like = self.like?;
        Some(Sum { count: self.left_out, within, like })
    }
}

impl Seen {
    /// Whether one more can be counted; forgets those whose time is over, at most once a second.
    fn has_room(&mut self, now: Instant, interval: Duration) -> bool {
        let rested =
            self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= Duration::from_secs(1));
        if self.lines.len() >= MOST && rested {
            self.swept = Some(now);
            self.lines.retain(|_, counted| {
                counted.left_out > 0 || now.saturating_duration_since(counted.since) < interval
            });
        }
        self.lines.len() < MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like() -> Like {
        Like { level: Level::WARN, target: "t".to_owned(), message: "again".to_owned() }
    }

    fn repeat(burst: u32) -> Repeat {
        Repeat::new(RepeatConfig { burst, ..RepeatConfig::default() })
    }

    #[test]
    fn beyond_the_burst_lines_are_left_out_and_summed_up() {
        let (repeat, now) = (repeat(3), Instant::now());
        let written = (0..10).filter(|_| matches!(repeat.judge(1, now, like), Verdict::Write(None))).count();
        assert_eq!(written, 3);
        assert!(matches!(repeat.judge(2, now, like), Verdict::Write(None)), "another line is another matter");
        let (sums, next) = repeat.sums(now + Duration::from_secs(9), false);
        assert!(sums.is_empty() && next == Some(now + Duration::from_secs(10)));
        let (sums, next) = repeat.sums(now + Duration::from_secs(10), false);
        assert_eq!((sums.len(), sums[0].count, next), (1, 7, None));
        assert!(matches!(repeat.judge(1, now + Duration::from_secs(10), like), Verdict::Write(None)));
    }

    #[test]
    fn the_next_line_brings_the_sum_of_those_before() {
        let (repeat, now) = (repeat(1), Instant::now());
        (0..3).for_each(|_| drop(repeat.judge(1, now, like)));
        let Verdict::Write(Some(sum)) = repeat.judge(1, now + Duration::from_secs(11), like) else {
            panic!("no sum")
        };
        assert_eq!(sum.count, 2);
        assert!(repeat.sums(now + Duration::from_secs(11), true).0.is_empty(), "it is said once");
    }

    #[test]
    fn nothing_is_looked_for_before_the_start_or_with_a_burst_of_zero() {
        let one = repeat(1);
        assert_eq!(one.by(), None);
        one.start();
        assert_eq!(one.by(), Some(RepeatBy::Line));
        let none = repeat(0);
        none.start();
        assert_eq!(none.by(), None);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let (repeat, now) = (repeat(1), Instant::now());
        (0..100_000).for_each(|key| assert!(matches!(repeat.judge(key, now, like), Verdict::Write(None))));
        assert_eq!(repeat.seen().lines.len(), MOST);
        drop(repeat.judge(200_000, now + Duration::from_secs(11), like));
        assert_eq!(repeat.seen().lines.len(), 1);
    }
}
