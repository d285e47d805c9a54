//! Lengths of time as people read them: `45s`, `5m10s`, `3h`, `12d`.

use jiff::Timestamp;
use serde_json::Value;

use crate::store::Object;

/// How long the object has existed.
pub(super) fn age(object: &Object) -> Value {
    object["metadata"]["creationTimestamp"].as_str().map_or("<unknown>".into(), since).into()
}

/// How long ago a moment was.
pub(super) fn since(moment: &str) -> String {
    match moment.parse::<Timestamp>() {
        Ok(then) => short(Timestamp::now().duration_since(then).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

fn short(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let with = |big: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => with(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => with(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => with(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () => with(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn lengths_of_time_are_shortened_as_kubectl_does() {
        for (seconds, expected) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (310, "5m10s"),
            (3600, "60m"),
            (4 * 3600 + 120, "4h2m"),
            (20 * 3600, "20h"),
            (3 * 86400 + 7200, "3d2h"),
            (30 * 86400, "30d"),
            (800 * 86400, "2y70d"),
        ] {
            assert_eq!(short(seconds), expected, "{seconds} s");
        }
    }
}
