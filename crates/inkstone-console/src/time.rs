//! Times as the console keeps them (milliseconds) and as it tells them (RFC 3339, UTC).

use std::time::Duration;

use jiff::Timestamp;

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// `2026-11-22T14:40:00.123Z`
pub(crate) fn text(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map(stamp).unwrap_or_default()
}

/// The same, for a time that came from elsewhere.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A duration in the unit that the database keeps.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
