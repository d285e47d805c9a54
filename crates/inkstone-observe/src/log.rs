//! Logs: tracing events as lines on standard output.

use std::io::IsTerminal;

use inkstone_config::{Config, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::FmtSpan;

/// What is logged, and how it looks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Least important level that is written, for each target: `info`, or `info,shop=debug,sqlx=warn`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// Text for people, coloured on a terminal.
    Text,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl Config for LogConfig {
    fn check(&self, problems: &mut Problems) {
        if let Err(error) = self.filter() {
            problems.reject("level", format_args!("`{}` is not a list of levels: {error}", self.level));
        }
    }
}

impl LogConfig {
    fn filter(&self) -> Result<EnvFilter, ParseError> {
        EnvFilter::builder().parse(&self.level)
    }

    /// Makes these the process's logs, unless something else has done so before: the first one stays.
    pub fn install(&self) {
        let filter = self.filter().unwrap_or_else(|_| EnvFilter::new("info"));
        let terminal = std::io::stdout().is_terminal();
        let json = match self.format {
            LogFormat::Auto => !terminal,
            LogFormat::Json => true,
            LogFormat::Text => false,
        };
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::NONE);
        // Another app of this process, or the user, may have installed logs already. Theirs stay.
        let _already = if json {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        } else {
            lines.with_ansi(terminal).try_init()
        };
    }
}
