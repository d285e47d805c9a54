//! Why the database did not do what was asked.

/// A failure of the database: what was tried, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct StoreError {
    action: &'static str,
    reason: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    Busy,
    Other,
}

impl StoreError {
    pub(crate) fn new(action: &'static str, error: &sqlx::Error) -> Self {
        let kind = match error {
            sqlx::Error::Database(e) => kind_of(e.code().as_deref()),
            sqlx::Error::PoolTimedOut => Kind::Busy,
            sqlx::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => Kind::Full,
            _ => Kind::Other,
        };
        Self { action, reason: error.to_string(), kind }
    }

    pub(crate) fn migrate(error: &sqlx::migrate::MigrateError) -> Self {
        Self { action: "migrate the console's database", reason: error.to_string(), kind: Kind::Other }
    }

    pub(crate) fn damaged(action: &'static str, reason: impl Into<String>) -> Self {
        Self { action, reason: reason.into(), kind: Kind::Other }
    }

    /// Whether the disk, or the database's own limit, has no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }

    /// Whether the database was only busy: asking again may succeed.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.kind == Kind::Busy
    }
}

/// SQLite's primary result code is the low byte of the extended one.
fn kind_of(code: Option<&str>) -> Kind {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const FULL: i32 = 13;
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
        Some(FULL) => Kind::Full,
        Some(BUSY | LOCKED) => Kind::Busy,
        _ => Kind::Other,
    }
}
