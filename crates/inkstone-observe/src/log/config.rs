//! The `[log]` table.

use std::collections::BTreeMap;

use inkstone_config::{Config, Dur, Problems, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::levels::Directives;

/// What is logged, how it looks and where it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Least important level that is written, for each target: `info`, or `info,shop=debug,sqlx=warn`. The levels are
    /// `off`, `error`, `warn`, `info`, `debug` and `trace`. `INKSTONE_LOG` and `--log` win over it.
    #[schemars(extend("x-live" = true))]
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Where lines go.
    pub output: LogOutput,
    /// Whether a line names the place in the code that wrote it: `caller`, as `src/main.rs:12`.
    pub caller: bool,
    /// Whether a line names the service and its instance: `app` and `instance`. Off, because a collector of container
    /// logs adds them.
    pub identity: bool,
    /// Fields that are added to every line, with these values.
    pub fields: BTreeMap<String, String>,
    /// Names of fields, headers and query parameters whose values are replaced by `***`, in addition to those that
    /// give themselves away (`password`, `authorization`, `api_key`, …). Case, `-` and `_` make no difference.
    #[schemars(extend("x-live" = true))]
    pub redact: Vec<String>,
    /// Longest value of one field. What is longer is cut, and its length is said.
    pub max_value: Size,
    /// What becomes of lines that repeat.
    #[schemars(extend("x-live" = true))]
    pub repeat: RepeatConfig,
    /// The file, when `output` is `file`.
    pub file: LogFileConfig,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// Text for people, coloured on a terminal unless `NO_COLOR` is set.
    Text,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogOutput {
    /// Standard output, written at once.
    Stdout,
    /// Standard error, written at once.
    Stderr,
    /// A file, buffered, written by a thread of its own.
    File,
}

/// Lines that repeat: what goes beyond `burst` within `interval` is left out, counted, and summed up in one line
/// (`… more like this`). Nothing is left out before the service is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatConfig {
    /// Most lines that are alike within `interval`. 0 leaves nothing out.
    pub burst: u32,
    /// How long lines are counted together.
    pub interval: Dur,
    /// Which lines are alike.
    pub by: RepeatBy,
}

/// Which lines are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepeatBy {
    /// The same message with the same fields, from the same place in the code.
    Line,
    /// From the same place in the code, whatever they say.
    Place,
}

/// A log file, rotated by size and by time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogFileConfig {
    /// The file. Folders that are missing are made. A rotated file has the time of its rotation appended:
    /// `service.log.2026-11-22T18-03-15.123Z`.
    pub path: String,
    /// Size at which the file is rotated. 0 sets none. A line is never split.
    pub max_size: Size,
    /// Age at which a rotated file is removed. `0s` sets none.
    pub max_age: Dur,
    /// Most rotated files that are kept. 0 sets no limit.
    pub max_files: u32,
    /// How often the file is rotated whatever its size, counted from midnight UTC: `24h`, `1h`. `0s` is never.
    pub rotate_every: Dur,
    /// How much is gathered before it is written. Four times as much is held in memory at most.
    pub buffer: Size,
    /// Longest time a line waits to be written.
    pub flush_every: Dur,
    /// What happens when lines come faster than they can be written.
    pub when_full: WhenFull,
}

/// What happens when lines come faster than they can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// Whoever logs waits, at most 5 s for a disk that hangs and not at all for one that fails.
    Wait,
    /// The line is dropped, and counted in `inkstone_log_dropped_total`.
    Drop,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Auto,
            output: LogOutput::Stdout,
            caller: false,
            identity: false,
            fields: BTreeMap::new(),
            redact: Vec::new(),
            // a backtrace fits, a response body by accident does not
            max_value: Size::kib(16),
            repeat: RepeatConfig::default(),
            file: LogFileConfig::default(),
        }
    }
}

impl Default for RepeatConfig {
    fn default() -> Self {
        Self { burst: 20, interval: Dur::from_secs(10), by: RepeatBy::Line }
    }
}

impl Default for LogFileConfig {
    fn default() -> Self {
        Self {
            path: "logs/service.log".to_owned(),
            max_size: Size::mib(500),
            max_age: Dur::from_secs(7 * 24 * 3600),
            max_files: 10,
            rotate_every: Dur::from_secs(0),
            buffer: Size::kib(256),
            // somebody who follows the file sees a line soon
            flush_every: Dur::from_secs(1),
            when_full: WhenFull::Wait,
        }
    }
}

/// Most that may be gathered before it is written.
const MOST_BUFFER: Size = Size::mib(64);

impl Config for LogConfig {
    fn check(&self, problems: &mut Problems) {
        if let Err(error) = self.level.parse::<Directives>() {
            problems.reject("level", format_args!("`{}` is not a list of levels: {error}", self.level));
        }
        if self.max_value.bytes() < 64 {
            problems
                .reject("max_value", format_args!("{} leaves nothing to read; at least 64B", self.max_value));
        }
        if self.repeat.burst > 0 && self.repeat.interval.is_zero() {
            problems.reject("repeat.interval", "is 0; to leave nothing out, set `repeat.burst` to 0");
        }
        let file = &self.file;
        if self.output == LogOutput::File && file.path.trim().is_empty() {
            problems.reject("file.path", "is empty; name the file, or choose another `output`");
        }
        if file.buffer.bytes() == 0 || file.buffer > MOST_BUFFER {
            problems
                .reject("file.buffer", format_args!("{} is not between 1B and {MOST_BUFFER}", file.buffer));
        }
        if file.flush_every.is_zero() {
            problems.reject("file.flush_every", "is 0; a short time such as 10ms comes close");
        }
        if (1..4096).contains(&file.max_size.bytes()) {
            problems.reject(
                "file.max_size",
                format_args!("{} is less than 4KiB; 0 sets no limit", file.max_size),
            );
        }
        if !file.rotate_every.is_zero() && file.rotate_every < Dur::from_secs(1) {
            problems.reject("file.rotate_every", format_args!("{} is less than 1s", file.rotate_every));
        }
    }
}
