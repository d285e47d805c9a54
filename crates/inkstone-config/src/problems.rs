//! Everything that is wrong, at once.

use std::fmt::{self, Display};

use crate::{Code, Fault, Severity};

/// Everything found wrong, in the order in which it was found.
///
/// `Display` and `Debug` are the report with the offending lines. A `check` reports what it finds with
/// [`Problems::reject`].
#[derive(Clone, Default)]
#[must_use = "problems are only seen when they are returned or printed"]
pub struct Problems(Vec<Fault>);

impl Problems {
    /// Nothing wrong so far.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Reports that the value of `key`, relative to the table, breaks a rule across keys.
    pub fn reject(&mut self, key: &str, message: impl Display) {
        self.push(Fault::new(Code::CrossKey, message).key(key));
    }

    /// Adds all faults of another report.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether nothing at all was found, not even a warning.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many faults there are, warnings included.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether anything stops the program.
    pub fn has_errors(&self) -> bool {
        self.iter().any(Fault::is_error)
    }

    /// The faults, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// The same faults, all of one severity.
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.0.iter_mut().for_each(|fault| fault.severity = severity);
        self
    }

    /// `Err` with everything if anything stops the program; warnings alone are `Ok`.
    pub fn into_result(self) -> Result<(), Self> {
        if self.has_errors() { Err(self) } else { Ok(()) }
    }

    /// The status to exit with: that of the first error, or 0.
    pub fn exit_status(&self) -> u8 {
        self.iter().find(|fault| fault.is_error()).map_or(0, |fault| fault.code.exit_status())
    }

    /// The report for a person, with the offending lines and carets; `color` adds ANSI escapes.
    pub fn render(&self, color: bool) -> String {
        crate::report::render(&self.0, color)
    }

    /// One JSON object a line, for machines.
    pub fn to_json_lines(&self) -> String {
        self.iter().map(|fault| format!("{}\n", fault.to_json())).collect()
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

impl From<Fault> for Problems {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl Extend<Fault> for Problems {
    fn extend<I: IntoIterator<Item = Fault>>(&mut self, faults: I) {
        self.0.extend(faults);
    }
}

impl FromIterator<Fault> for Problems {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl IntoIterator for Problems {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
