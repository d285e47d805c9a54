//! The `grpc-timeout` header: how long a caller is still willing to wait.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What the header says; nothing if it is missing or malformed, as the specification leaves open.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Writes the header, in the finest unit whose number has at most eight digits, rounded down.
pub(crate) fn write(headers: &mut HeaderMap, remaining: Duration) {
    const DIGITS: u128 = 100_000_000;
    let units =
        [(remaining.as_micros(), 'u'), (remaining.as_millis(), 'm'), (u128::from(remaining.as_secs()), 'S')];
    let text = match units.iter().find(|(number, _)| *number < DIGITS) {
        Some((number, unit)) => format!("{number}{unit}"),
        None => "99999999S".to_owned(),
    };
    let value = HeaderValue::try_from(text).expect("digits and a letter are a header value");
    headers.insert(GRPC_TIMEOUT, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (millis, written) in [(0, "0u"), (250, "250000u"), (99_999, "99999000u"), (100_000, "100000m")] {
            let mut headers = HeaderMap::new();
            write(&mut headers, Duration::from_millis(millis));
            assert_eq!(headers["grpc-timeout"], written);
            assert_eq!(read(&headers), Some(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn what_is_malformed_is_no_timeout() {
        for text in ["", "S", "1", "1s", "+1S", "123456789m", "1 S", "é"] {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_TIMEOUT, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            assert_eq!(read(&headers), None, "{text}");
        }
    }
}
