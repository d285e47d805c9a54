//! Which lines are written: a level for each target, changed while the program runs.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tracing_core::{LevelFilter, Metadata};

/// A list of levels: `info,shop=debug`. The longest target that a line's target begins with decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directives {
    default: LevelFilter,
    /// Longest first.
    targets: Vec<(String, LevelFilter)>,
}

impl FromStr for Directives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut directives = Self { default: LevelFilter::OFF, targets: Vec::new() };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => directives.default = level(part)?,
                Some((target, of)) if is_target(target.trim()) => {
                    let (target, of) = (target.trim(), level(of.trim())?);
                    directives.targets.retain(|(known, _)| known != target);
                    directives.targets.push((target.to_owned(), of));
                }
                Some((target, _)) => {
                    return Err(format!(
                        "`{target}` is not a target; expected one such as `shop` or `shop::orders`"
                    ));
                }
            }
        }
        if text.trim().is_empty() {
            return Err("it is empty; expected `info`, or `info,shop=debug`".to_owned());
        }
        directives.targets.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then(a.cmp(b)));
        Ok(directives)
    }
}

fn level(word: &str) -> Result<LevelFilter, String> {
    match word.to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(format!("`{word}` is not a level; expected off, error, warn, info, debug or trace")),
    }
}

fn is_target(target: &str) -> bool {
    !target.is_empty()
        && target.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.' | '/'))
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default)?;
        self.targets.iter().rev().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

impl Directives {
    /// The level of a target. `shop` speaks for `shop::orders`, not for `shopping`.
    pub(super) fn level_of(&self, target: &str) -> LevelFilter {
        let speaks_for = |known: &str| {
            target
                .strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '.', '/']))
        };
        self.targets.iter().find(|(known, _)| speaks_for(known)).map_or(self.default, |(_, level)| *level)
    }

    pub(super) fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let most = self.level_of(metadata.target());
        if metadata.is_span() && most != LevelFilter::OFF {
            // The fields of a span belong to every line inside it, however few levels are written.
            return *metadata.level() <= most.max(LevelFilter::INFO);
        }
        *metadata.level() <= most
    }

    /// The most talkative of all.
    pub(super) fn most(&self) -> LevelFilter {
        let most = self.targets.iter().map(|(_, level)| *level).max().unwrap_or(self.default);
        most.max(self.default)
    }
}

/// The levels in force.
#[derive(Debug)]
pub(super) struct Levels {
    now: ArcSwap<Directives>,
    plan: Mutex<Plan>,
}

/// What the configuration says, and what somebody has put in its place.
#[derive(Debug)]
struct Plan {
    configured: Directives,
    instead: Option<(Directives, Option<Instant>)>,
}

impl Levels {
    pub(super) fn new(configured: Directives) -> Self {
        let now = ArcSwap::from_pointee(configured.clone());
        Self { now, plan: Mutex::new(Plan { configured, instead: None }) }
    }

    pub(super) fn now(&self) -> arc_swap::Guard<std::sync::Arc<Directives>> {
        self.now.load()
    }

    /// What the configuration says, what is said in its place, and how long that still holds.
    pub(super) fn plan(&self) -> (Directives, Option<(Directives, Option<Duration>)>) {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let left =
            |until: Option<Instant>| until.map(|until| until.saturating_duration_since(Instant::now()));
        (plan.configured.clone(), plan.instead.clone().map(|(directives, until)| (directives, left(until))))
    }

    /// Follows the configuration, behind what was said in its place.
    pub(super) fn configure(&self, configured: Directives) {
        self.change(|plan| plan.configured = configured);
    }

    /// Puts these in place of the configured ones, or takes that back.
    pub(super) fn instead(&self, instead: Option<(Directives, Option<Instant>)>) {
        self.change(|plan| plan.instead = instead);
    }

    /// When what was said in place of the configuration ends.
    pub(super) fn until(&self) -> Option<Instant> {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.instead.as_ref().and_then(|(_, until)| *until)
    }

    /// Takes back what was to hold until now.
    pub(super) fn revert(&self, now: Instant) {
        if self.until().is_some_and(|until| until <= now) {
            self.change(|plan| {
                if plan.instead.as_ref().is_some_and(|(_, until)| until.is_some_and(|until| until <= now)) {
                    plan.instead = None;
                }
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut Plan)) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut plan);
        let now = plan.instead.as_ref().map_or(&plan.configured, |(directives, _)| directives);
        let same = **self.now.load() == *now;
        self.now.store(std::sync::Arc::new(now.clone()));
        drop(plan);
        if !same {
            // Each place in the code keeps whether it is wanted; `log`'s records look at a maximum of their own.
            tracing_core::callsite::rebuild_interest_cache();
            let most = tracing_log::AsLog::as_log(&LevelFilter::current());
            tracing_log::log::set_max_level(most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_target_decides_and_a_target_speaks_for_what_is_below_it() {
        let directives: Directives = "info,shop=warn, shop::orders=debug,sqlx=off".parse().unwrap();
        for (target, level) in [
            ("other", LevelFilter::INFO),
            ("shop", LevelFilter::WARN),
            ("shopping", LevelFilter::INFO),
            ("shop::cart", LevelFilter::WARN),
            ("shop::orders::store", LevelFilter::DEBUG),
            ("sqlx::query", LevelFilter::OFF),
        ] {
            assert_eq!(directives.level_of(target), level, "{target}");
        }
        assert_eq!(directives.most(), LevelFilter::DEBUG);
        assert_eq!(directives.to_string().parse::<Directives>().unwrap(), directives);
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_rather_than_taken_for_a_target() {
        for (text, part) in
            [("infoo", "`infoo` is not a level"), ("shop=loud", "`loud`"), ("=info", "target"), ("", "empty")]
        {
            let error = text.parse::<Directives>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!("INFO,shop=DEBUG".parse::<Directives>().is_ok());
    }

    #[test]
    fn levels_said_in_place_of_the_configured_ones_end_at_their_time() {
        let of = |text: &str| text.parse::<Directives>().unwrap();
        let levels = Levels::new(of("info"));
        let later = Instant::now() + Duration::from_secs(60);
        levels.instead(Some((of("debug"), Some(later))));
        levels.configure(of("warn"));
        assert_eq!(**levels.now(), of("debug"));
        levels.revert(later - Duration::from_secs(1));
        assert_eq!(**levels.now(), of("debug"));
        levels.revert(later);
        assert_eq!(**levels.now(), of("warn"));
    }
}
