//! Keeps secrets out of messages that are shown.
//!
//! The text is what `Debug` printed: Rust's own form, and inside its strings whatever the message carries: JSON, a
//! query, headers. No form is parsed whole; a telltale name before a `:`, `=` or `(` hides what follows it.

#[cfg(test)]
use inkstone_config::telltale;

pub(crate) const MASK: &str = "***";

/// Values that give nothing away.
const HARMLESS: &[&str] = &["", "None", "null", "true", "false", "\"\"", "?"];

/// Words after which the value of a header goes on behind a space.
const SCHEMES: &[&str] = &["bearer", "basic", "digest", "token", "negotiate"];

#[cfg(test)]
fn redact(text: &str) -> String {
    redact_by(text, telltale)
}

/// The text with the values of those names masked that `hidden` says. Where it is in doubt it hides too much.
pub(crate) fn redact_by(text: &str, hidden: impl Fn(&str) -> bool + Copy) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = secret(rest, hidden) {
        let (before, after) = rest.split_at(at);
        let end = value_end(after.as_bytes(), before.trim_end().ends_with('='));
        let (value, after) = after.split_at(after[..end].trim_end().len());
        shown.push_str(before);
        shown.push_str(if HARMLESS.contains(&value) { value } else { MASK });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Where the value of the first hidden name begins.
fn secret(text: &str, hidden: impl Fn(&str) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut name = 0..0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'_' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                name.start = if name.end == at { name.start } else { at };
                name.end = at + 1;
            }
            // A newtype: `Password("…")`.
            b'(' if name.end == at && hidden(&text[name.clone()]) => return Some(at),
            b':' | b'=' => {
                let width = bytes[at..].iter().take_while(|byte| matches!(byte, b':' | b'=' | b'>')).count();
                let path = bytes[at..].starts_with(b"::");
                if !path && hidden(&text[name.clone()]) {
                    let value = &text[at + width..];
                    return Some(text.len() - value.trim_start_matches(' ').len());
                }
                name = 0..0;
                at += width - 1;
            }
            // These may stand between a name and its value: `"name": …`, `name = …`.
            b' ' | b'"' | b'\'' | b'\\' => {}
            _ => name = 0..0,
        }
        at += 1;
    }
    None
}

/// Where a value ends; one behind a `=` ends at a space.
fn value_end(bytes: &[u8], tight: bool) -> usize {
    let (mut at, mut depth) = (0, 0_u32);
    while let Some(byte) = bytes.get(at) {
        let outermost = depth == 0;
        match (byte, quote(&bytes[at..])) {
            (_, Some(level)) if at == 0 || !outermost || &bytes[..at] == b"b" => {
                at += string_end(&bytes[at..], level);
                if outermost {
                    return at;
                }
                continue;
            }
            // The string ends in which all of this stands.
            (_, Some(_)) => return at,
            (b'\'', _) if at == 0 => return apostrophe_end(bytes),
            (b'(' | b'[' | b'{', _) => depth += 1,
            (b')' | b']' | b'}' | b',' | b';' | b'&' | b'\n', _) if outermost => return at,
            (b')' | b']' | b'}', _) => depth -= 1,
            (b'\\', _) if outermost && matches!(bytes.get(at + 1), Some(b'n' | b'r' | b't')) => return at,
            (b' ', _) if outermost && tight && !is_scheme(&bytes[..at]) => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// With how many backslashes the quotation mark is written that begins here: one in a string in a string.
fn quote(bytes: &[u8]) -> Option<usize> {
    let level = bytes.iter().take_while(|byte| **byte == b'\\').count();
    (bytes.get(level) == Some(&b'"')).then_some(level)
}

/// Where the string ends whose quotation marks have `level` backslashes.
fn string_end(bytes: &[u8], level: usize) -> usize {
    let mut at = level + 1;
    while at < bytes.len() {
        match quote(&bytes[at..]) {
            Some(found) if found < level => return at,
            // Each backslash before an escaped mark is escaped itself, as often as the string is nested.
            Some(found) if found % (2 * (level + 1)) == level => return at + found + 1,
            Some(found) => at += found + 1,
            None => at += 1,
        }
    }
    bytes.len()
}

/// Where a string of SQL ends, in which an apostrophe is written twice.
fn apostrophe_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'\'', Some(b'\'')) => at += 2,
            (b'\'', _) => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_scheme(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn the_values_of_telltale_names_are_masked_in_whatever_form_they_stand() {
        let check = |text: &str, shown: &str| assert_eq!(redact(text), shown, "{text}");
        check(r#"Login { name: "ann", password: "hunter2" }"#, r#"Login { name: "ann", password: *** }"#);
        check(r#"Login { password: Some("hun, \"ter2"), age: 3 }"#, "Login { password: ***, age: 3 }");
        check("Login { api_key: [104, 117], age: 3 }", "Login { api_key: ***, age: 3 }");
        check(r#"T { access_token: b"hun\"ter2", n: 1 }"#, "T { access_token: ***, n: 1 }");
        check(r#"T { secret: S { a: "}", b: "x" }, n: 1 }"#, "T { secret: ***, n: 1 }");
        check(r#"T(Password("hunter2"), 1)"#, "T(Password***, 1)");
        check(r#"Body("{\"password\":\"a\\\"b\",\"n\":1}")"#, r#"Body("{\"password\":***,\"n\":1}")"#);
        check(r#"{"userToken": {"a": ["b", "c"]}, "n": 1}"#, r#"{"userToken": ***, "n": 1}"#);
        check(r#"{"authorization": "Bearer abc", "host": "h"}"#, r#"{"authorization": ***, "host": "h"}"#);
        check(r#""Authorization: Bearer abc\r\nhost: h""#, r#""Authorization: ***\r\nhost: h""#);
        check("authorization=Bearer abc n=1", "authorization=*** n=1");
        check("/login?user=ann&password=hunter2&n=1", "/login?user=ann&password=***&n=1");
        check(r#"Text("token=hunter2")"#, r#"Text("token=***")"#);
        check("password = 'it''s a secret' AND n = 1", "password = *** AND n = 1");
        check("X-Api-Key: hunter2", "X-Api-Key: ***");
        check("password: \"hunt", "password: ***");
    }

    #[test]
    fn everything_else_is_shown_as_it_is() {
        for text in [
            "",
            r#"ListProductsRequest { page: 1, name: "é: \"x\"" }"#,
            "token::Kind { name: 1 }",
            "Login { password: None, token: \"\", secret: null }",
            "SELECT a FROM t WHERE token = ? AND b = ?",
            "the token is wrong, try again",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
