//! One thing that is wrong, and where.

use std::{fmt::Display, panic::Location};

use serde_json::{Value, json};

use crate::{Code, Origin};

/// Whether a fault stops the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look; nothing is refused because of it.
    Warning,
    /// Nothing starts, and no reload is accepted, while this stands.
    #[default]
    Error,
}

/// One thing that is wrong: what, where, and what to do about it.
///
/// ```
/// use inkstone_config::{Code, Fault};
/// let fault = Fault::new(Code::ConnectFailed, "connection refused")
///     .component("redis `redis.cart`")
///     .target("10.0.0.7:6379")
///     .hint("start Redis, or change `addr`");
/// assert_eq!(fault.code.as_str(), "INK2004");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// Whether it stops the program.
    pub severity: Severity,
    /// Kind and name of the component: ``redis `redis.cart` ``.
    pub component: Option<String>,
    /// The whole key: `redis.cart.addr`.
    pub key: Option<String>,
    /// What was being reached: an address, a file, a port.
    pub target: Option<String>,
    /// Why it failed. One sentence, without a full stop.
    pub message: String,
    /// Where the offending key or value stands.
    pub origin: Option<Origin>,
    /// What to do.
    pub hint: Option<String>,
    /// The line of the program that asked for the component.
    pub asked_at: Option<&'static Location<'static>>,
}

impl Fault {
    /// A fault with a code and a reason.
    pub fn new(code: Code, message: impl Display) -> Self {
        Self {
            code,
            severity: Severity::Error,
            component: None,
            key: None,
            target: None,
            message: message.to_string(),
            origin: None,
            hint: None,
            asked_at: None,
        }
    }

    /// Names the component: kind and config key.
    #[must_use]
    pub fn component(mut self, component: impl Display) -> Self {
        self.component = Some(component.to_string());
        self
    }

    /// Names the whole key.
    #[must_use]
    pub fn key(mut self, key: impl Display) -> Self {
        self.key = Some(key.to_string());
        self
    }

    /// Names what was being reached.
    #[must_use]
    pub fn target(mut self, target: impl Display) -> Self {
        self.target = Some(target.to_string());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Points at the place.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Names the line of the program that asked.
    #[must_use]
    pub const fn asked_at(mut self, location: &'static Location<'static>) -> Self {
        self.asked_at = Some(location);
        self
    }

    /// Makes it a warning, or an error again.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Whether it stops the program.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The fault as the governor and the console show it, and as one line of JSON logs.
    pub fn to_json(&self) -> Value {
        let at = self.origin.as_ref();
        let place = |part: fn(&Origin) -> u32| at.map(part).filter(|number| *number > 0);
        json!({
            "severity": self.severity,
            "code": self.code,
            "component": self.component,
            "key": self.key,
            "target": self.target,
            "message": self.message,
            "file": at.map(|origin| &*origin.source.name),
            "line": place(|origin| origin.line),
            "column": place(|origin| origin.column),
            "length": place(|origin| origin.len),
            "hint": self.hint,
            "asked_at": self.asked_at.map(ToString::to_string),
        })
    }
}

/// The report of this one fault.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::report::render(std::slice::from_ref(self), false))
    }
}

impl std::error::Error for Fault {}
