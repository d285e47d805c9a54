//! A length of time, written as people write it.

use std::{borrow::Cow, fmt, ops::Deref, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const EXPECTED: &str = r#"a length of time such as "250ms" or "2s""#;

/// A length of time: `"250ms"`, `"2s"`, `"1m30s"`.
///
/// ```
/// use inkstone_config::Dur;
/// let pause: Dur = "1m30s".parse().unwrap();
/// assert_eq!(pause.as_secs(), 90);
/// assert_eq!(pause.to_string(), "1m30s");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dur(pub Duration);

impl Dur {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// A number of milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A number of seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The same length as the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// Units in the order in which they are printed, in nanoseconds.
const UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The longest length of time. A clock's time plus one much longer does not exist, and adding them would panic.
const MOST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Why a text is no length of time.
enum Wrong {
    Shape,
    TooLong,
}

fn parse(text: &str) -> Result<Duration, Wrong> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(Wrong::Shape)?;
        let (amount, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (name, tail) = tail.split_at(unit);
        let name = if name == "µs" { "us" } else { name };
        let (_, nanos) = UNITS.iter().find(|(unit, _)| *unit == name).ok_or(Wrong::Shape)?;
        // "1s1m" and "1s1s" are more likely slips than wishes.
        if *nanos >= last {
            return Err(Wrong::Shape);
        }
        last = *nanos;
        total = total.checked_add(scaled(amount, *nanos)?).ok_or(Wrong::TooLong)?;
        rest = tail;
    }
    match last {
        u64::MAX => Err(Wrong::Shape),
        _ if total > MOST => Err(Wrong::TooLong),
        _ => Ok(total),
    }
}

/// `amount` (digits, perhaps with a fraction) times `nanos`, exactly.
fn scaled(amount: &str, nanos: u64) -> Result<Duration, Wrong> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if whole.is_empty() || amount.ends_with('.') || fraction.contains('.') || fraction.len() > 18 {
        return Err(Wrong::Shape);
    }
    // Only digits are left, so what cannot be read or multiplied is too much.
    let whole: u128 = whole.parse().map_err(|_| Wrong::TooLong)?;
    let mut total = whole.checked_mul(nanos.into()).ok_or(Wrong::TooLong)?;
    if !fraction.is_empty() {
        let parts: u128 = fraction.parse().map_err(|_| Wrong::Shape)?;
        // At most 18 digits times the nanoseconds of a day: far below what fits.
        let digits = u32::try_from(fraction.len()).map_err(|_| Wrong::Shape)?;
        total = total.checked_add(parts * u128::from(nanos) / 10u128.pow(digits)).ok_or(Wrong::TooLong)?;
    }
    let secs = u64::try_from(total / 1_000_000_000).map_err(|_| Wrong::TooLong)?;
    Ok(Duration::new(secs, u32::try_from(total % 1_000_000_000).map_err(|_| Wrong::TooLong)?))
}

impl FromStr for Dur {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(Self).map_err(|wrong| match wrong {
            Wrong::Shape => format!("expected {EXPECTED}, found {text:?}"),
            Wrong::TooLong => format!("{text:?} is too long; the longest length of time is {}", Self(MOST)),
        })
    }
}

impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let mut left = self.0.as_nanos();
        for (name, nanos) in UNITS {
            let nanos = u128::from(*nanos);
            if left >= nanos {
                write!(f, "{}{name}", left / nanos)?;
                left %= nanos;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Deref for Dur {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<Duration> for Dur {
    fn from(value: Duration) -> Self {
        Self(value)
    }
}

impl From<Dur> for Duration {
    fn from(value: Dur) -> Self {
        value.0
    }
}

impl Serialize for Dur {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Dur;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Dur, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Dur {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Dur {
    fn schema_name() -> Cow<'static, str> {
        "Dur".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "x-type": "duration",
            "pattern": r"^\s*(0|([0-9]+(\.[0-9]+)?(d|h|m|s|ms|us|µs|ns))+)\s*$|\$\{",
            "examples": ["250ms", "2s", "1m30s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("2s", 2_000_000_000),
            ("1m30s", 90_000_000_000),
            (" 1.5s ", 1_500_000_000),
            ("0", 0),
            ("0s", 0),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("1d", 86_400_000_000_000),
        ] {
            assert_eq!(text.parse::<Dur>().unwrap().as_nanos(), nanos, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_length_of_time() {
        for text in ["", "s", "5", "1 sc", "1s1m", "1s1s", "-1s", "1.s", ".5s", "1.2.3s", "1S"] {
            let error = text.parse::<Dur>().unwrap_err();
            assert_eq!(error, format!("expected {EXPECTED}, found {text:?}"));
        }
    }

    #[test]
    fn one_that_is_too_long_is_told_the_limit() {
        assert_eq!("36500d".parse::<Dur>().unwrap().get(), MOST);
        for text in [
            "36501d",
            "36500d1ns",
            "9999999999999d",
            "99999999999999999999d",
            &format!("{}d", "9".repeat(50)),
        ] {
            let error = text.parse::<Dur>().unwrap_err();
            assert_eq!(error, format!("{text:?} is too long; the longest length of time is 36500d"));
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["250ms", "2s", "1m30s", "1d2h3m4s5ms6us7ns", "0s"] {
            assert_eq!(text.parse::<Dur>().unwrap().to_string(), text);
        }
    }
}
