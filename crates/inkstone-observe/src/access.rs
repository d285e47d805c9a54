//! The access log and the slow log: a line for a call, the same for every component.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use inkstone_config::{Config, Dur, Live, Problems, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_core::Level;

use crate::log::{Line, LogControl, Redaction, belongs_to};
use crate::record::{Outcome, Protocol};
use crate::tail::{CallRecord, Tail};
use crate::trace::Context;

/// The target of these lines: `level = "info,inkstone::access=warn"` leaves out calls that went well.
pub(crate) const TARGET: &str = "inkstone::access";

/// What the access log says of the calls of one component. All settings are live; a call goes by those with which it
/// began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Whether each call is a line of the log. Calls that fail through no fault of the caller, and slow ones, are lines
    /// all the same.
    pub enabled: bool,
    /// Whether the line has the request, with secrets masked. Costs far more than the rest of it.
    pub requests: bool,
    /// Whether the line has the response, with secrets masked. Costs far more than the rest of it.
    pub responses: bool,
    /// Most bytes of a request or response that are kept.
    pub max_bytes: Size,
    /// How long a call may take before it counts as slow: its line is a warning, with `event` `slow`. `0s` sets no limit.
    pub slow: Dur,
    /// Methods that are no lines, ever: `GET /ping`, or with a `*` at the end all that begin so. Health checks of gRPC
    /// never are.
    pub skip: Vec<String>,
}

impl Default for AccessConfig {
    /// What clients start from.
    fn default() -> Self {
        Self {
            // the server on the other side has a line of each call
            enabled: false,
            requests: false,
            responses: false,
            max_bytes: Size::kib(4),
            slow: Dur::from(std::time::Duration::from_millis(500)),
            skip: Vec::new(),
        }
    }
}

impl AccessConfig {
    /// With a line for each call: what servers start from.
    #[must_use]
    pub fn server() -> Self {
        Self { enabled: true, ..Self::default() }
    }

    fn skips(&self, method: &str) -> bool {
        method.starts_with("grpc.health.v1.Health/")
            || self.skip.iter().any(|skip| match skip.strip_suffix('*') {
                Some(start) => method.starts_with(start),
                None => skip == method,
            })
    }
}

impl Config for AccessConfig {
    fn check(&self, problems: &mut Problems) {
        if self.max_bytes > MOST {
            problems.reject("max_bytes", format_args!("{} is more than {MOST}", self.max_bytes));
        }
    }
}

/// Most that may be kept of a request or response.
const MOST: Size = Size::mib(1);

/// How a call ended, whatever its protocol's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Well.
    Ok,
    /// The caller asked for what cannot be had, or went away.
    Refused,
    /// The one who was called could not do it.
    Failed,
}

impl Ending {
    /// Of the protocol's own word.
    pub(crate) fn of(code: &str) -> Self {
        match code {
            "OK" => Self::Ok,
            // https://opentelemetry.io/docs/specs/semconv/rpc/grpc/: the codes that are a server's errors.
            "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS" => {
                Self::Failed
            }
            "cancelled" | "aborted" | "constraint" | "not_found" => Self::Refused,
            code if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => Self::Refused,
            code => match code.as_bytes().first() {
                Some(b'1'..=b'3') => Self::Ok,
                Some(b'4') => Self::Refused,
                _ => Self::Failed,
            },
        }
    }
}

/// Where the records of one component go besides the metrics.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) config: Live<AccessConfig>,
    pub(crate) logs: LogControl,
    pub(crate) tail: Tail,
}

impl Access {
    pub(crate) fn new(protocol: Protocol) -> Self {
        let config = match protocol {
            Protocol::RpcServer | Protocol::HttpServer | Protocol::Task => AccessConfig::server(),
            _ => AccessConfig::default(),
        };
        Self { config: Live::fixed(config), logs: LogControl::default(), tail: Tail::default() }
    }
}

/// A call as its component recorded it.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) kind: &'static str,
    pub(crate) name: &'a str,
    pub(crate) addr: &'a str,
    pub(crate) outcome: &'a Outcome<'a>,
}

impl Recorded<'_> {
    fn side(&self) -> &'static str {
        match self.protocol {
            Protocol::RpcServer | Protocol::HttpServer => "server",
            Protocol::Task => "task",
            _ => "client",
        }
    }

    fn is_slow(&self, config: &AccessConfig) -> bool {
        !config.slow.is_zero() && self.outcome.cost >= *config.slow
    }

    /// Writes the line, if there is to be one, and hands the record on to whoever watches.
    pub(crate) fn write(&self, access: &Access) {
        let outcome = self.outcome;
        let latest;
        let config = match outcome.access {
            Some(config) => config,
            None => {
                latest = access.config.get();
                &*latest
            }
        };
        let (ending, slow) = (Ending::of(outcome.code), self.is_slow(config));
        access.tail.send(|| self.record(ending, slow));
        let wanted = config.enabled || slow || ending == Ending::Failed;
        if !wanted || config.skips(outcome.method.name()) {
            return;
        }
        let level = match ending {
            Ending::Failed => Level::ERROR,
            Ending::Refused => Level::WARN,
            Ending::Ok if slow => Level::WARN,
            Ending::Ok => Level::INFO,
        };
        match access.logs.logs() {
            Some(logs) => logs.line(level, TARGET, |line| self.fill(line, slow, &access.logs.redaction())),
            None => self.event(level, slow),
        }
    }

    fn fill(&self, line: &mut Line<'_>, slow: bool, redaction: &Redaction) {
        let outcome = self.outcome;
        line.message(format_args!("access"));
        line.str("event", if slow { "slow" } else { "normal" });
        line.str("side", self.side());
        line.str("kind", self.kind);
        line.str("name", self.name);
        line.str("addr", self.addr);
        line.str("method", outcome.method.name());
        line.str("code", outcome.code);
        line.plain("cost_ms", Milliseconds(outcome.cost));
        if let Some(peer) = outcome.peer {
            line.show("peer", format_args!("{peer}"));
        }
        let texts = [
            ("error", outcome.error),
            ("request", outcome.logged_request()),
            ("response", outcome.logged_response()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                line.str(name, text);
            }
        }
        if let Some(caller) = outcome.caller {
            line.str("caller", caller);
        }
        if let Some(ids) = outcome.trace {
            let keys = outcome.context.into_iter().flat_map(Context::keys);
            belongs_to(line, redaction, ids, keys);
        }
    }

    /// The same for logs that are not ours.
    fn event(&self, level: Level, slow: bool) {
        let outcome = self.outcome;
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    event = if slow { "slow" } else { "normal" },
                    side = self.side(),
                    kind = self.kind,
                    name = self.name,
                    addr = self.addr,
                    method = &**outcome.method.name(),
                    code = outcome.code,
                    cost_ms = outcome.cost.as_secs_f64() * 1e3,
                    error = outcome.error,
                    "access"
                )
            };
        }
        match level {
            Level::ERROR => event!(error),
            Level::WARN => event!(warn),
            _ => event!(info),
        }
    }

    fn record(&self, ending: Ending, slow: bool) -> CallRecord {
        let outcome = self.outcome;
        let own = |text: Option<&str>| text.map(str::to_owned);
        CallRecord {
            time: jiff::Timestamp::now().to_string(),
            event: if slow { "slow" } else { "normal" },
            ending,
            side: self.side(),
            kind: self.kind,
            name: self.name.to_owned(),
            addr: self.addr.to_owned(),
            method: outcome.method.name().to_string(),
            code: outcome.code,
            cost_ms: outcome.cost.as_micros() as f64 / 1e3,
            peer: outcome.peer.map(|peer: SocketAddr| peer.to_string()),
            error: own(outcome.error),
            request: own(outcome.logged_request()),
            response: own(outcome.logged_response()),
            trace_id: outcome.trace.map(|ids| ids.trace_id().as_str().to_owned()),
            span_id: outcome.trace.map(|ids| ids.span_id().as_str().to_owned()),
            missed: 0,
        }
    }
}

/// A time in milliseconds with three decimals, without the detour over a floating point number.
struct Milliseconds(std::time::Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}

/// A value as it is shown: at most so many bytes of it, whatever its size, with secrets masked.
pub(crate) fn shown(value: &dyn fmt::Debug, most: usize, redaction: &Redaction) -> String {
    let mut bounded = Bounded { kept: String::new(), most, over: 0 };
    let _cannot_fail = fmt::write(&mut bounded, format_args!("{value:?}"));
    let mut text = redaction.text(&bounded.kept);
    if bounded.over > 0 {
        text.push_str(&format!("… ({} bytes)", bounded.kept.len() + bounded.over));
    }
    text
}

/// Keeps the beginning of what is written, and counts the rest.
struct Bounded {
    kept: String,
    most: usize,
    over: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = if self.over > 0 { 0 } else { self.most.saturating_sub(self.kept.len()) };
        let end = text.floor_char_boundary(room);
        self.kept.push_str(&text[..end]);
        self.over += text.len() - end;
        Ok(())
    }
}

/// The settings with which a call began.
pub type AccessSettings = Arc<AccessConfig>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_call_is_judged_by_who_could_have_done_better() {
        for (codes, ending) in [
            (&["OK", "200", "204", "302", "101", "2xx"][..], Ending::Ok),
            (
                &["400", "404", "429", "4xx", "cancelled", "NOT_FOUND", "RESOURCE_EXHAUSTED", "CANCELLED"],
                Ending::Refused,
            ),
            (
                &["500", "503", "5xx", "timeout", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "io"],
                Ending::Failed,
            ),
        ] {
            for code in codes {
                assert_eq!(Ending::of(code), ending, "{code}");
            }
        }
    }

    #[test]
    fn what_is_shown_is_bounded_and_masked_however_large_the_value() {
        let redaction = Redaction::default();
        let text = shown(&format_args!("/login?password=hunter2&{}", "x".repeat(1 << 20)), 40, &redaction);
        assert_eq!(text, "/login?password=***&xxxxxxxxxxxxxxxx… (1048600 bytes)");
    }

    #[test]
    fn milliseconds_have_three_decimals() {
        let check = |micros, text: &str| {
            assert_eq!(Milliseconds(std::time::Duration::from_micros(micros)).to_string(), text);
        };
        check(0, "0.000");
        check(12_345_678, "12345.678");
    }
}
