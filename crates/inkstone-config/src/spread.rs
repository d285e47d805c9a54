//! Values of telltale keys that go on over several lines, found in the text alone: it may be one that cannot be read.

use std::collections::BTreeMap;

use crate::mask::telltale;

/// What of a line belongs to the value of a telltale key further up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// The whole line.
    All,
    /// What follows the first key of the line.
    Value,
}

/// The lines, counted from 1, that belong to the value of a telltale key further up.
pub(crate) fn hidden(name: &str, text: &str) -> BTreeMap<u32, Hidden> {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let lines = match ending.as_str() {
        "toml" => toml(text),
        "json" => json(text),
        _ => yaml(text),
    };
    lines.into_iter().filter_map(|(index, hidden)| Some((u32::try_from(index).ok()? + 1, hidden))).collect()
}

type Lines = Vec<(usize, Hidden)>;

/// What a line of TOML stands in.
enum Within {
    Nothing,
    /// A string of several lines that ends with this.
    Text(&'static str),
    /// A list or table with so many brackets still open.
    Brackets(usize),
}

fn toml(text: &str) -> Lines {
    let mut lines = Lines::new();
    let mut within = Within::Nothing;
    let (mut hide, mut table) = (false, false);
    for (index, line) in text.lines().enumerate() {
        match within {
            Within::Nothing => {
                let start = line.trim_start();
                let Some((key, value)) = line.split_once('=').filter(|_| !start.starts_with('[')) else {
                    if start.starts_with('[') {
                        table = telltale(start);
                    }
                    continue;
                };
                hide = table || telltale(key);
                if table && !telltale(key) {
                    lines.push((index, Hidden::Value));
                }
                within = opened(value, 0);
            }
            Within::Text(end) => {
                // Whatever its key is called: who writes a text of several lines seldom errs within it.
                lines.push((index, Hidden::All));
                if let Some((_, rest)) = line.split_once(end) {
                    within = opened(rest, 0);
                }
            }
            Within::Brackets(open) => {
                lines.extend(hide.then_some((index, Hidden::All)));
                within = opened(line, open);
            }
        }
    }
    lines
}

/// What a value of TOML leaves open at the end of its first line.
fn opened(value: &str, mut open: usize) -> Within {
    let mut rest = value;
    while let Some(at) = rest.find(['"', '\'', '[', ']', '{', '}', '#']) {
        let tail = &rest[at..];
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| tail.starts_with(quote));
        rest = match (quote, tail.as_bytes().first()) {
            (Some(quote), _) => match closed(&tail[quote.len()..], quote) {
                Some(rest) => rest,
                None if quote.len() == 3 => return Within::Text(quote),
                None => "",
            },
            (None, Some(b'#')) => "",
            (None, Some(b'[' | b'{')) => {
                open += 1;
                &tail[1..]
            }
            _ => {
                open = open.saturating_sub(1);
                &tail[1..]
            }
        };
    }
    if open > 0 { Within::Brackets(open) } else { Within::Nothing }
}

/// What follows the end of a string.
fn closed<'t>(text: &'t str, quote: &str) -> Option<&'t str> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find(quote)?;
        let escapes = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if quote.starts_with('\'') || escapes % 2 == 0 {
            return Some(&text[at + quote.len()..]);
        }
        from = at + quote.len();
    }
}

fn json(text: &str) -> Lines {
    let mut lines = Lines::new();
    // Whether what stands around is the value of a telltale key.
    let mut around: Vec<bool> = Vec::new();
    let (mut word, mut key, mut inside, mut escaped, mut index) = (String::new(), false, false, false, 0);
    for char in text.chars() {
        match char {
            '\n' => {
                index += 1;
                inside = false;
                if around.last().is_some_and(|hide| *hide) {
                    lines.push((index, Hidden::All));
                }
            }
            _ if inside && escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' if inside => inside = false,
            '"' => {
                inside = true;
                word.clear();
            }
            _ if inside => word.push(char),
            ':' => key = telltale(&word),
            ',' => key = false,
            '{' | '[' => {
                around.push(key || around.last().is_some_and(|hide| *hide));
                key = false;
            }
            '}' | ']' => drop(around.pop()),
            _ => {}
        }
    }
    lines
}

/// The value of a telltale key of YAML, or a text of several lines under any key: it goes on as long as lines are indented further.
struct Value {
    indent: usize,
    /// It began on the line of the key, so what follows is no table.
    begun: bool,
}

fn yaml(text: &str) -> Lines {
    let mut lines = Lines::new();
    let mut open: Vec<Value> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.is_empty() {
            continue;
        }
        let indent = line.len() - start.len();
        // The items of a list may stand as far left as its key.
        let ends = |value: &Value| {
            indent < value.indent || indent == value.indent && (value.begun || !start.starts_with('-'))
        };
        while open.last().is_some_and(ends) {
            open.pop();
        }
        if open.last().is_some_and(|value| value.begun) {
            lines.push((index, Hidden::All));
            continue;
        }
        let item = start.trim_start_matches("- ");
        let keyed = key_of_yaml(item);
        if !open.is_empty() {
            lines.push((index, if keyed.is_some() { Hidden::Value } else { Hidden::All }));
        }
        if let Some((key, value)) = keyed
            && (telltale(key) || !open.is_empty() || value.trim_start().starts_with(['|', '>']))
        {
            let begun = !value.trim().is_empty();
            open.push(Value { indent: line.len() - item.len(), begun });
        }
    }
    lines
}

fn key_of_yaml(line: &str) -> Option<(&str, &str)> {
    let at = line.find(": ").or_else(|| line.trim_end().strip_suffix(':').map(str::len))?;
    Some((&line[..at], &line[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: &[(u32, Hidden)]) {
        let found: Vec<_> = hidden(name, text).into_iter().collect();
        assert_eq!(found, expected, "{text}");
    }

    use Hidden::{All, Value as Part};

    #[test]
    fn what_a_telltale_key_of_toml_begins_is_hidden_to_its_end() {
        check("a.toml", "password = \"\"\"\none\ntwo\"\"\"\nthree = 1", &[(2, All), (3, All)]);
        check("a.toml", "tokens = [\n\"one\", # ]\n'two]',\n]\nx = 1", &[(2, All), (3, All), (4, All)]);
        check("a.toml", "[a.credentials]\nmain = 1\n[b]\nmain = 1", &[(2, Part)]);
        check("a.toml", "text = \"\"\"\npassword = [\n\"\"\"\nx = 1", &[(2, All), (3, All)]);
        check("a.toml", "password = \"\\\"\"\nx = 1", &[]);
    }

    #[test]
    fn what_a_telltale_key_of_json_begins_is_hidden_to_its_end() {
        check("a.json", "{\n\"tokens\": [\n\"one\"\n],\n\"b\": [\n1]}", &[(3, All), (4, All)]);
        check("a.json", "{\n\"secret\": {\"a\": {\n\"b\": 1}\n}, \"x\": {\n}}", &[(3, All), (4, All)]);
    }

    #[test]
    fn what_a_telltale_key_of_yaml_begins_is_hidden_to_its_end() {
        check("a.yaml", "password: |\n  one\n\n  two: x\nthree: 1", &[(2, All), (4, All)]);
        check("a.yaml", "password: one\n  two\nthree: 1", &[(2, All)]);
        check("a.yaml", "tokens:\n- one\n- two\nthree: 1", &[(2, All), (3, All)]);
        check(
            "a.yaml",
            "secrets:\n  a: one\n  b:\n    c: |\n      two\nthree: 1",
            &[(2, Part), (3, Part), (4, Part), (5, All)],
        );
        check("a.yaml", "- token: x\n  name: y\n", &[]);
    }
}
