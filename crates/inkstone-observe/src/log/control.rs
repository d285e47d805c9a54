//! The logs of a process, and the handle with which they are steered.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use inkstone_config::{Dur, Live};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::Serialize;
use tracing_core::{Level, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::config::{LogConfig, LogFormat, LogOutput};
use super::file::FileSink;
use super::keeper::Keeper;
use super::layer::Lines;
use super::levels::{Directives, Levels};
use super::line::{Line, Look, with_buffers};
use super::redaction::Redaction;
use super::repeat::{Like, Repeat, Sum, Verdict};
use super::sink::{Sink, Stream};
use crate::metrics::Metrics;
use crate::names;
use crate::trace::{self, TraceIds};

/// How long a panic waits for the file.
const AT_PANIC: Duration = Duration::from_secs(1);

/// Everything behind the lines of one process.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(super) levels: Levels,
    pub(super) look: Look,
    pub(super) most: usize,
    pub(super) repeat: Repeat,
    pub(super) redaction: Arc<ArcSwap<Redaction>>,
    caller: bool,
    /// Fields that every line has.
    fixed: Vec<(String, String)>,
    sink: Sink,
    keeper: Arc<Keeper>,
    /// Whether nothing is gathered any more, because the process ends.
    through: AtomicBool,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    lines: Family<OfLevel, Counter>,
    by_level: [Counter; 5],
    dropped: Counter,
    left_out: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLevel {
    level: &'static str,
}

const LEVELS: [(Level, &str); 5] = [
    (Level::ERROR, "error"),
    (Level::WARN, "warn"),
    (Level::INFO, "info"),
    (Level::DEBUG, "debug"),
    (Level::TRACE, "trace"),
];

impl Counts {
    fn new() -> Self {
        let lines = Family::<OfLevel, Counter>::default();
        let by_level = LEVELS.map(|(_, level)| lines.get_or_create(&OfLevel { level }).clone());
        Self { lines, by_level, ..Self::default() }
    }
}

/// Steers the logs of a process: levels, and the end. A handle; clones steer the same.
///
/// The first app of a process, or the user before it, decides what its logs are. A later app gets the handle to them,
/// but its configuration does not change them. Logs that are not Inkstone's cannot be steered.
#[derive(Debug, Clone, Default)]
pub struct LogControl {
    logs: Option<Arc<Logs>>,
    /// Whether it was this handle's configuration that was installed.
    first: bool,
    /// What this handle's configuration says is not to be seen, whoever's the logs are.
    redaction: Arc<ArcSwap<Redaction>>,
    follows: Arc<Mutex<Vec<Live<()>>>>,
}

/// The levels in force, and what they will be after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLevels {
    /// What is in force.
    pub levels: String,
    /// What the configuration says.
    pub configured: String,
    /// How long what is in force stays so, if it is not what the configuration says: then `configured` is back.
    pub reverts_in: Option<Dur>,
}

impl LogConfig {
    /// Makes these the process's logs, unless something else has done so before: the first one stays.
    pub fn install(&self) -> LogControl {
        self.install_for(&[])
    }

    /// [`install`](Self::install) for a service: with `identity`, every line has these fields.
    pub fn install_for(&self, identity: &[(&str, &str)]) -> LogControl {
        let redaction = Arc::new(ArcSwap::from_pointee(Redaction::new(&self.redact)));
        if let Some(logs) = Logs::current() {
            return LogControl { logs: Some(logs), redaction, ..LogControl::default() };
        }
        let logs = Logs::new(self, identity, None);
        // Another app of this process, or the user, may have installed logs already. Theirs stay.
        if tracing_subscriber::registry().with(Lines(logs.clone())).try_init().is_err() {
            return LogControl { logs: Logs::current(), redaction, ..LogControl::default() };
        }
        flush_at_panic(&logs);
        LogControl {
            redaction: logs.redaction.clone(),
            logs: Some(logs),
            first: true,
            ..LogControl::default()
        }
    }
}

/// A panic may be the end of the process.
fn flush_at_panic(logs: &Arc<Logs>) {
    let (logs, before) = (Arc::downgrade(logs), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if let Some(logs) = logs.upgrade() {
            logs.flush(AT_PANIC);
        }
    }));
}

impl LogControl {
    /// The handle to the logs that are installed.
    #[must_use]
    pub fn current() -> Self {
        Self { logs: Logs::current(), ..Self::default() }
    }

    /// Whether the process's logs are Inkstone's, so that they can be steered.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        self.logs.is_some()
    }

    /// The levels in force, as they would be written in the configuration. Empty if the logs are not Inkstone's.
    #[must_use]
    pub fn levels(&self) -> String {
        self.status().map(|status| status.levels).unwrap_or_default()
    }

    /// The levels in force and what they will be after that, unless the logs are not Inkstone's.
    #[must_use]
    pub fn status(&self) -> Option<LogLevels> {
        let (configured, instead) = self.logs.as_ref()?.levels.plan();
        let configured = configured.to_string();
        Some(match instead {
            Some((levels, left)) => {
                LogLevels { levels: levels.to_string(), configured, reverts_in: left.map(Dur::from) }
            }
            None => LogLevels { levels: configured.clone(), configured, reverts_in: None },
        })
    }

    /// Puts these levels in force in place of the configured ones, for a time or until [`reset`](Self::reset).
    ///
    /// # Errors
    /// When it is not a list of levels, or the logs are not Inkstone's; the message says which.
    pub fn set(&self, directives: &str, within: Option<Duration>) -> Result<(), String> {
        let Some(logs) = &self.logs else {
            return Err(
                "the process's logs were installed by somebody else; set their levels there".to_owned()
            );
        };
        let directives: Directives = directives.parse()?;
        let until = within.and_then(|within| Instant::now().checked_add(within));
        logs.levels.instead(Some((directives, until)));
        logs.keeper.poke();
        Ok(())
    }

    /// Puts the configured levels back in force.
    pub fn reset(&self) {
        if let Some(logs) = &self.logs {
            logs.levels.instead(None);
        }
    }

    /// Follows the live keys of a configuration from now on. One that is not the one that was installed decides only
    /// what is masked in the records of its app's calls.
    pub fn follow(&self, config: &Live<LogConfig>) {
        let (logs, redaction) = (self.logs.clone().filter(|_| self.first), self.redaction.clone());
        let following = config.map(move |config| {
            redaction.store(Arc::new(Redaction::new(&config.redact)));
            if let Some(logs) = &logs {
                logs.configure(config);
            }
        });
        self.follows.lock().unwrap_or_else(PoisonError::into_inner).push(following);
    }

    /// The service has started: from now on lines that repeat are left out. Before that all are written.
    pub fn started(&self) {
        if let Some(logs) = &self.logs {
            logs.repeat.start();
        }
    }

    /// Writes out what is gathered. Whether all of it was written within this time; if not, it is tried further.
    pub fn flush(&self, within: Duration) -> bool {
        self.logs.as_ref().is_none_or(|logs| logs.flush(within))
    }

    /// The process is about to end: writes out what is gathered, waiting no longer than `within`, and from now on every
    /// line at once.
    pub fn finish(&self, within: Duration) {
        if let Some(logs) = &self.logs {
            if self.first {
                logs.finish(within);
            } else {
                logs.flush(within);
            }
        }
    }

    pub(crate) fn logs(&self) -> Option<&Arc<Logs>> {
        self.logs.as_ref()
    }

    pub(crate) fn redaction(&self) -> arc_swap::Guard<Arc<Redaction>> {
        self.redaction.load()
    }

    /// Exports what is counted: `inkstone_log_lines_total`, `inkstone_log_dropped_total`, `inkstone_log_repeated_total`.
    pub fn register(&self, metrics: &Metrics) {
        let Some(logs) = &self.logs else { return };
        let counts = &logs.counts;
        metrics.register(|registry| {
            names::LOG_LINES.register(registry, counts.lines.clone());
            names::LOG_DROPPED.register(registry, counts.dropped.clone());
            names::LOG_REPEATED.register(registry, counts.left_out.clone());
        });
    }
}

impl Logs {
    /// Lines to `out`, or to where the configuration says.
    pub(super) fn new(
        config: &LogConfig,
        identity: &[(&str, &str)],
        out: Option<Box<dyn Write + Send>>,
    ) -> Arc<Self> {
        let counts = Counts::new();
        let terminal = match (config.output, &out) {
            (LogOutput::Stdout, None) => io::stdout().is_terminal(),
            (LogOutput::Stderr, None) => io::stderr().is_terminal(),
            _ => false,
        };
        let stream = |out| Sink::Stream(Stream::new(out, counts.dropped.clone()));
        let sink = match (out, config.output) {
            (Some(out), _) => stream(out),
            (None, LogOutput::Stdout) => stream(Box::new(io::stdout())),
            (None, LogOutput::Stderr) => stream(Box::new(io::stderr())),
            (None, LogOutput::File) => {
                Sink::File(Box::new(FileSink::new(&config.file, counts.dropped.clone())))
            }
        };
        let named = identity.iter().filter(|(_, value)| config.identity && !value.is_empty());
        let named = named.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let logs = Arc::new(Self {
            levels: Levels::new(config.directives()),
            look: config.look(terminal),
            most: config.max_value.as_usize(),
            repeat: Repeat::new(config.repeat.clone()),
            redaction: Arc::new(ArcSwap::from_pointee(Redaction::new(&config.redact))),
            caller: config.caller,
            fixed: named.chain(config.fields.clone()).collect(),
            sink,
            keeper: Arc::default(),
            through: AtomicBool::new(false),
            counts,
        });
        Keeper::start(&logs.keeper, Arc::downgrade(&logs));
        logs
    }

    /// The logs of the process, or of this thread, if they are ours.
    fn current() -> Option<Arc<Self>> {
        tracing::dispatcher::get_default(|now| now.downcast_ref::<Lines>().map(|lines| lines.0.clone()))
    }

    fn configure(&self, config: &LogConfig) {
        self.levels.configure(config.directives());
        self.repeat.configure(config.repeat.clone());
    }

    /// A line that is none of tracing's. Nothing is done unless its level is written.
    pub(crate) fn line(&self, level: Level, target: &str, fill: impl FnOnce(&mut Line<'_>)) {
        if LevelFilter::from_level(level) > self.levels.now().level_of(target) {
            return;
        }
        with_buffers(|buffers| {
            let mut line = Line::begin(buffers, self.look, self.most, level, target);
            fill(&mut line);
            self.fixed(&mut line);
            line.end();
            self.write(level, &buffers.text);
        });
    }

    /// What every line of tracing's ends with.
    pub(super) fn common(&self, line: &mut Line<'_>, place: Option<(&str, u32)>) {
        trace::with_current(|context| {
            belongs_to(line, &self.redaction.load(), context.ids(), context.keys())
        });
        if let Some((file, number)) = place.filter(|_| self.caller) {
            line.show("caller", format_args!("{file}:{number}"));
        }
        self.fixed(line);
    }

    fn fixed(&self, line: &mut Line<'_>) {
        for (name, value) in &self.fixed {
            if !line.has(name) {
                line.str(name, value);
            }
        }
    }

    /// Whether a line of this key is to be written; says before it what was left out of its like.
    pub(super) fn admit(&self, key: u64, like: impl FnOnce() -> Like) -> bool {
        match self.repeat.judge(key, Instant::now(), like) {
            Verdict::Write(sum) => {
                sum.iter().for_each(|sum| self.sum_up(sum));
                true
            }
            Verdict::LeaveOut { first } => {
                self.counts.left_out.inc();
                if first {
                    self.keeper.poke();
                }
                false
            }
        }
    }

    fn sum_up(&self, sum: &Sum) {
        let Sum { count, within, like } = sum;
        self.line(like.level, &like.target, |line| {
            line.message(format_args!("{count} more like this in the last {within}: {}", like.message));
            line.plain("repeated", count);
        });
    }

    pub(super) fn write(&self, level: Level, line: &str) {
        if let Some(at) = LEVELS.iter().position(|(known, _)| *known == level) {
            self.counts.by_level[at].inc();
        }
        match &self.sink {
            Sink::Stream(stream) => stream.write(line.as_bytes()),
            Sink::File(file) => {
                if file.take(line.as_bytes()) {
                    self.keeper.poke();
                }
                if self.through.load(Ordering::Relaxed) {
                    self.flush(AT_PANIC);
                }
            }
        }
    }

    /// Does what is due, on the keeper's thread. When to look again.
    pub(super) fn keep(&self, now: Instant) -> Option<Instant> {
        self.levels.revert(now);
        let (sums, next_sum) = self.repeat.sums(now, false);
        sums.iter().for_each(|sum| self.sum_up(sum));
        let next_write = match &self.sink {
            Sink::File(file) => file.keep(now),
            Sink::Stream(_) => None,
        };
        [self.levels.until(), next_sum, next_write].into_iter().flatten().min()
    }

    fn flush(&self, within: Duration) -> bool {
        let Sink::File(file) = &self.sink else { return true };
        if self.keeper.is_there() { file.flush(within, || self.keeper.poke()) } else { file.write() }
    }

    fn finish(&self, within: Duration) {
        let (sums, _) = self.repeat.sums(Instant::now(), true);
        sums.iter().for_each(|sum| self.sum_up(sum));
        self.through.store(true, Ordering::Relaxed);
        if let (false, Sink::File(file)) = (self.flush(within), &self.sink) {
            file.give_up();
        }
    }
}

/// What a line belongs to: a trace, and the keys that travel with it.
pub(crate) fn belongs_to<'a>(
    line: &mut Line<'_>,
    redaction: &Redaction,
    ids: TraceIds,
    keys: impl Iterator<Item = (&'a str, &'a str)>,
) {
    if !line.has("trace_id") {
        line.str("trace_id", ids.trace_id().as_str());
        line.str("span_id", ids.span_id().as_str());
    }
    for (name, value) in keys {
        if !line.has(name) {
            line.str(name, redaction.value(name, value));
        }
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.keeper.end();
        if let Sink::File(file) = &self.sink {
            file.write();
        }
    }
}

impl LogConfig {
    fn directives(&self) -> Directives {
        // A configuration that is wrong is refused by `check`; until that is said, something must be logged.
        self.level
            .parse()
            .or_else(|_| "info".parse())
            .unwrap_or_else(|_: String| unreachable!("`info` is a level"))
    }

    fn look(&self, terminal: bool) -> Look {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = terminal && !no_colour;
        match self.format {
            LogFormat::Json => Look::Json,
            LogFormat::Auto if !terminal => Look::Json,
            LogFormat::Auto | LogFormat::Text => Look::Text { colour },
        }
    }
}
