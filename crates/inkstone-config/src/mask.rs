//! Keeps secrets out of what is printed.

use std::borrow::Cow;

use crate::values::MASK;

/// Parts of names whose values are hidden even where nothing declares them secret: a misspelt
/// `pasword` still ends in a word that gives it away. Without `_` and `-`, which names differ in.
const TELLTALE: &[&str] = &[
    "password",
    "passwd",
    "pasword",
    "passphrase",
    "secret",
    "token",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
    "authorization",
    "cookie",
];

/// Whether the name of a key, a field or a header suggests that its value is secret.
///
/// ```
/// use inkstone_config::telltale;
/// assert!(telltale("db_password") && telltale("X-Api-Key") && telltale("accessToken"));
/// assert!(!telltale("pool_size"));
/// ```
#[must_use]
pub fn telltale(name: &str) -> bool {
    let name: String =
        name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    TELLTALE.iter().any(|word| name.contains(word))
}

/// `scheme://user:password@host?token=…` without the passwords.
///
/// What stands before the last `@` of an address is its login, even where a password with a `/` or `?` was not encoded as
/// it must be.
pub(crate) fn address(text: &str) -> Cow<'_, str> {
    let Some(start) = text.find("://").map(|at| at + 3) else { return Cow::Borrowed(text) };
    let mut end = text[start..].find(['"', '\'', ' ']).map_or(text.len(), |at| start + at);
    // The next address of a list begins at the comma before its scheme.
    if let Some(next) = text[start..end].find("://") {
        end = text[start..start + next].rfind(',').map_or(end, |comma| start + comma);
    }
    let rest = address(&text[end..]);
    match (login(&text[start..end]), rest) {
        (None, Cow::Borrowed(_)) => Cow::Borrowed(text),
        (masked, rest) => {
            let shown = masked.unwrap_or_else(|| text[start..end].to_owned());
            format!("{}{shown}{rest}", &text[..start]).into()
        }
    }
}

/// What follows `://` with what is secret in it masked, if something is.
fn login(text: &str) -> Option<String> {
    let (before, after) = text.rsplit_once('@').map_or((None, text), |(login, host)| (Some(login), host));
    let before = before.map(|login| match login.split_once(':') {
        Some((user, _)) => (format!("{user}:{MASK}@"), true),
        None => (format!("{login}@"), false),
    });
    let (before, hidden) = before.unwrap_or_default();
    let (path, query) = after.split_once('?').unwrap_or((after, ""));
    let tells = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| telltale(name));
    if !hidden && !query.split('&').any(tells) {
        return None;
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if telltale(name) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    });
    let query: Vec<_> = pairs.collect();
    let mark = if after.contains('?') { "?" } else { "" };
    Some(format!("{before}{path}{mark}{}", query.join("&")))
}

/// A line of a source with the secrets at `places` (column and length in characters) masked, and with
/// everything masked that follows a telltale key.
pub(crate) fn line(line: &str, places: impl Iterator<Item = (u32, u32)>) -> String {
    let mut chars: Vec<Option<char>> = line.chars().map(Some).collect();
    for (column, len) in places {
        blank(&mut chars, column.saturating_sub(1) as usize, len as usize);
    }
    if let Some(from) = after_telltale(line) {
        blank(&mut chars, from, usize::MAX);
    }
    let mut masked = String::with_capacity(line.len());
    for (index, char) in chars.iter().enumerate() {
        match char {
            Some(char) => masked.push(*char),
            None if index == 0 || chars[index - 1].is_some() => masked.push_str(MASK),
            None => {}
        }
    }
    address(&masked).into_owned()
}

/// A line of which nothing may be seen but how far it is indented.
pub(crate) fn whole(line: &str) -> String {
    let start = line.trim_start();
    if start.is_empty() { String::new() } else { format!("{}{MASK}", &line[..line.len() - start.len()]) }
}

/// A line of which only the key may be seen.
pub(crate) fn value(line: &str) -> String {
    let Some(at) = line.find(['=', ':']) else { return whole(line) };
    let (key, value) = line.split_at(at + 1);
    let start = value.trim_start();
    if start.is_empty() {
        line.to_owned()
    } else {
        format!("{key}{}{MASK}", &value[..value.len() - start.len()])
    }
}

fn blank(chars: &mut [Option<char>], from: usize, len: usize) {
    let until = from.saturating_add(len).min(chars.len());
    if let Some(range) = chars.get_mut(from..until) {
        range.fill(None);
    }
}

/// The index in characters of the value of the first telltale key of this line.
fn after_telltale(line: &str) -> Option<usize> {
    let mut word = String::new();
    for (index, char) in line.chars().enumerate() {
        match char {
            '=' | ':' if telltale(&word) => {
                let value = line.chars().skip(index + 1).position(|c| !c.is_whitespace())?;
                let from = index + 1 + value;
                // A reference names where the secret is kept and is worth showing.
                let rest: String = line.chars().skip(from).collect();
                let shown =
                    ["\"${", "'${", "${"].iter().any(|start| rest.starts_with(start)) && !rest.contains(":-");
                return (!shown).then_some(from);
            }
            '=' | ':' | ',' | '{' | '[' => word.clear(),
            _ => word.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_masked() {
        for (text, masked) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("k8s:///a.b:grpc", "k8s:///a.b:grpc"),
            ("mysql://root@h:1/d", "mysql://root@h:1/d"),
            ("mysql://root:pw@h:1/d", "mysql://root:***@h:1/d"),
            ("a://u:p@h,b://u:q@i", "a://u:***@h,b://u:***@i"),
            ("a://u:p/w@h/x", "a://u:***@h/x"),
            ("a://u:p?w#@1@h", "a://u:***@h"),
            ("a://u:p,w@h:1,i:2/x", "a://u:***@h:1,i:2/x"),
            ("a://h/x?password=pw&b=1", "a://h/x?password=***&b=1"),
            ("a://h/x?b=1", "a://h/x?b=1"),
            ("see a://u:p/w@h and b://u:q@i", "see a://u:***@h and b://u:***@i"),
            (r#"x = ["a://u:p@h", "b://u:q@i/"]"#, r#"x = ["a://u:***@h", "b://u:***@i/"]"#),
        ] {
            assert_eq!(address(text), masked);
        }
    }

    #[test]
    fn a_line_is_masked_at_known_places_and_after_telltale_keys() {
        for (text, places, masked) in [
            ("a = \"geheim\" # x", vec![(5, 8)], "a = *** # x"),
            ("db_password = \"x", vec![], "db_password = ***"),
            ("pasword: x", vec![], "pasword: ***"),
            ("{ \"token\": \"x\" }", vec![], "{ \"token\": ***"),
            ("o = { user = 5, password = \"x\" }", vec![], "o = { user = 5, password = ***"),
            ("token = \"${env:TOKEN}\"", vec![], "token = \"${env:TOKEN}\""),
            ("token = \"${env:TOKEN:-x}\"", vec![], "token = ***"),
            ("pool_size = 3", vec![], "pool_size = 3"),
        ] {
            assert_eq!(line(text, places.into_iter()), masked);
        }
    }
}
