//! What went wrong, in one word for metrics and in a sentence for the person who starts the service.

use std::io;

use inkstone_config::{Code, Fault};
use inkstone_core::Cx;
use sqlx::Error;
use sqlx::error::ErrorKind;

use crate::file::Place;

/// One word for an error, from a bounded set: what metrics and the six-tuple say.
///
/// `unique`, `foreign_key`, `not_null`, `check` and `constraint` for rules of the tables, `busy`, `full`, `io`, `readonly`,
/// `corrupt`, `unavailable` and `denied` for the file, `sql` for a statement that is wrong, `not_found` when a row was
/// demanded, `timeout`, `pool_timeout`, `closed`, `value` for one that does not fit its type, and `failed` for the rest.
///
/// ```
/// use inkstone_sql::{code, sqlx};
/// assert_eq!(code(&sqlx::Error::RowNotFound), "not_found");
/// ```
#[must_use]
pub fn code(error: &Error) -> &'static str {
    match error {
        Error::Database(error) => match error.kind() {
            ErrorKind::UniqueViolation => "unique",
            ErrorKind::ForeignKeyViolation => "foreign_key",
            ErrorKind::NotNullViolation => "not_null",
            ErrorKind::CheckViolation => "check",
            _ => result_code(primary(error.as_ref())),
        },
        Error::RowNotFound => "not_found",
        Error::PoolTimedOut => "pool_timeout",
        Error::PoolClosed => "closed",
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => "timeout",
        Error::Io(_) => "io",
        Error::Encode(_)
        | Error::Decode(_)
        | Error::ColumnDecode { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::TypeNotFound { .. } => "value",
        Error::InvalidArgument(_) => "sql",
        _ => "failed",
    }
}

/// SQLite's result codes, whose upper bytes only say more about the lowest.
fn primary(error: &dyn sqlx::error::DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default() & 0xff
}

const fn result_code(primary: u32) -> &'static str {
    match primary {
        1 => "sql",
        3 | 23 => "denied",
        5 | 6 => "busy",
        8 => "readonly",
        10 => "io",
        11 | 26 => "corrupt",
        13 => "full",
        14 => "unavailable",
        19 => "constraint",
        _ => "failed",
    }
}

/// Why the database could not be opened, and what to do.
pub(crate) fn cannot_open(error: &Error, place: &Place, cx: &Cx) -> Fault {
    let (message, hint) = advice(error);
    let fault = cx.fault(Code::ConnectFailed, message).target(place);
    if hint.is_empty() { fault } else { fault.hint(hint) }
}

fn advice(error: &Error) -> (String, &'static str) {
    let said =
        error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    match code(error) {
        "full" => ("the disk is full".to_owned(), "free some space where the file is; nothing has been lost"),
        "corrupt" => (
            format!("this is not an SQLite database, or a damaged one: {said}"),
            "put back a good copy of the file, or let addr name another",
        ),
        "busy" => (
            format!("another process holds the database: {said}"),
            "end the process that writes to it, or raise busy_timeout",
        ),
        "readonly" => (
            format!("the database cannot be written: {said}"),
            "give the service's user the permission to write the file and its directory",
        ),
        "unavailable" => (
            format!("the file cannot be opened: {said}"),
            "SQLite also creates files beside it (-wal, -shm): the service's user must be able to write the directory",
        ),
        "io" => {
            (format!("the disk reports an error: {said}"), "look at the space left and at the kernel's log")
        }
        _ => (said, ""),
    }
}
