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
    /// Not an error: `--check` found nothing wrong but what is worth a look, and that is all that was asked.
    Checked(Problems),
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
            Why::Problems(problems) | Why::Checked(problems) => problems.clone(),
        }
    }

    /// What an error and all its sources say, each once.
    ///
    /// ```
    /// let file = std::fs::read("/no/such/file").unwrap_err();
    /// assert!(inkstone_core::Error::chain(&file).contains("No such file"));
    /// ```
    pub fn chain(error: &dyn std::error::Error) -> String {
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
        message
    }

    pub(crate) fn checked(warnings: Problems) -> Self {
        Self(Why::Checked(warnings))
    }

    pub(crate) fn is_checked(&self) -> bool {
        matches!(self.0, Why::Checked(_))
    }

    /// The first fault's documented status for the shell.
    pub(crate) fn exit_status(&self) -> u8 {
        match &self.0 {
            Why::Problems(problems) => problems.exit_status(),
            Why::Checked(_) => 0,
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
        Self::new(Code::ServiceFailed, Self::chain(&error))
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
            Why::Checked(_) => f.write_str("the configuration is complete and valid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot {0}")]
    struct Cannot(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn a_chain_says_what_every_source_says() {
        let chain =
            Cannot("pay", Some(Box::new(Cannot("reach the bank", Some(Box::new(Cannot("resolve", None)))))));
        assert_eq!(Error::chain(&chain), "cannot pay: cannot reach the bank: cannot resolve");
        let report = Error::from(chain).to_string();
        assert!(report.contains("cannot pay: cannot reach the bank: cannot resolve"), "{report}");
    }
}
