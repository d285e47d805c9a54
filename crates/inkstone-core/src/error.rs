//! The error of a service's own life: starting, serving, running a job.

use std::any::Any;
use std::fmt;

use inkstone_config::{Code, Fault, Problems};

/// Why a service did not start, stopped serving, or a job failed. Its `Debug` is the report for people.
///
/// Any error converts into it with `?`. It is not itself a [`std::error::Error`], which is what makes that possible.
pub struct Error(Why);

enum Why {
    Problems(Problems),
    /// Not an error: `--check` found nothing wrong, and that is all that was asked.
    Checked,
}

/// What `main` of a service and its jobs return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that is only a sentence.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Fault::new(code, message).into()
    }

    /// All that was found wrong.
    pub fn problems(&self) -> Problems {
        match &self.0 {
            Why::Problems(problems) => problems.clone(),
            Why::Checked => Problems::default(),
        }
    }

    pub(crate) fn checked() -> Self {
        Self(Why::Checked)
    }

    pub(crate) fn is_checked(&self) -> bool {
        matches!(self.0, Why::Checked)
    }

    /// The first fault's documented status for the shell.
    pub(crate) fn exit_status(&self) -> u8 {
        match &self.0 {
            Why::Problems(problems) => problems.exit_status(),
            Why::Checked => 0,
        }
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        // Faults are errors too; they must not be flattened into one sentence.
        let any: &dyn Any = &error;
        if let Some(problems) = any.downcast_ref::<Problems>() {
            return Self(Why::Problems(problems.clone()));
        }
        if let Some(fault) = any.downcast_ref::<Fault>() {
            return Self(Why::Problems(fault.clone().into()));
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many libraries print their source inside their own text already.
            if !message.contains(&cause_text) {
                message.push_str(": ");
                message.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self::new(Code::ServiceFailed, message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Problems(problems) => problems.fmt(f),
            Why::Checked => f.write_str("the configuration is complete and valid"),
        }
    }
}
