//! What can go wrong with a call.

use std::fmt;

use inkstone_core::Error as StartError;
use inkstone_guard::{CallError, Failure};
use tonic::{Code, Status};

/// Why etcd gave no answer, or refused.
#[derive(Debug, Clone)]
pub struct Error {
    code: Code,
    message: String,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    /// A status with the member it is from: transport errors name none.
    pub(crate) fn of(status: &Status, member: &str) -> Self {
        let said = status.message().trim_start_matches("etcdserver: ");
        let message = match std::error::Error::source(status) {
            Some(source) => format!("{member} does not answer: {}", StartError::chain(source)),
            None => format!("{member}: {said}"),
        };
        Self { code: status.code(), message }
    }

    /// The gRPC code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Whether trying again is of no use before somebody mends something.
    pub(crate) const fn is_lasting(&self) -> bool {
        matches!(
            self.code,
            Code::InvalidArgument
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::Unimplemented
        )
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> &'static str {
        match self.code {
            Code::PermissionDenied => {
                "grant the user's role the key: etcdctl role grant-permission ROLE read KEY"
            }
            Code::InvalidArgument | Code::Unauthenticated if self.message.contains("user name is empty") => {
                "this etcd asks for user and password"
            }
            Code::InvalidArgument | Code::Unauthenticated => "see that user and password are right",
            Code::FailedPrecondition if self.message.contains("not enabled") => {
                "leave user and password out: this etcd does not ask for them"
            }
            _ => "see that etcd is up, that the address is right, and whether it speaks TLS",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Failure for Error {
    fn code(&self) -> &'static str {
        match self.code {
            Code::Ok => "OK",
            Code::Cancelled => "CANCELLED",
            Code::Unknown => "UNKNOWN",
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::NotFound => "NOT_FOUND",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::PermissionDenied => "PERMISSION_DENIED",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::Aborted => "ABORTED",
            Code::OutOfRange => "OUT_OF_RANGE",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::Internal => "INTERNAL",
            Code::Unavailable => "UNAVAILABLE",
            Code::DataLoss => "DATA_LOSS",
            Code::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

impl From<CallError<Self>> for Error {
    fn from(error: CallError<Self>) -> Self {
        match error {
            CallError::Failed(error) => error,
            CallError::Timeout(_) => Self::new(Code::DeadlineExceeded, error),
            other => Self::new(Code::ResourceExhausted, other),
        }
    }
}
