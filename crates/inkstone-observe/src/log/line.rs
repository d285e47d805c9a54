//! One line in the making, as JSON or as text. Whatever goes in, what comes out is one valid line.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_core::Level;

/// Longest line. What comes after is left out, which the line says.
const LONGEST: usize = 1 << 20;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Json,
    Text { colour: bool },
}

/// What a line is made in: the text, and where in it the names of its fields are.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) text: String,
    keys: Vec<Range<usize>>,
}

thread_local! {
    /// Taken while a line is made: a value may log something itself while it is shown.
    static SPARE: Cell<Option<Buffers>> = const { Cell::new(None) };
    /// The second that was last written out, and how.
    static SECOND: Cell<(i64, [u8; 19])> = const { Cell::new((i64::MIN, [b'0'; 19])) };
}

/// Makes a line in buffers that this thread keeps.
pub(crate) fn with_buffers<T>(make: impl FnOnce(&mut Buffers) -> T) -> T {
    let mut buffers = SPARE.take().unwrap_or_default();
    buffers.text.clear();
    buffers.keys.clear();
    let made = make(&mut buffers);
    // One huge line must not keep its memory for ever.
    if buffers.text.capacity() <= 64 << 10 {
        SPARE.set(Some(buffers));
    }
    made
}

/// One line in the making.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    buffers: &'a mut Buffers,
    look: Look,
    most: usize,
    truncated: bool,
    said: bool,
}

impl<'a> Line<'a> {
    /// Begins a line: time, level and target. No value of it will be longer than `most` bytes.
    pub(crate) fn begin(
        buffers: &'a mut Buffers,
        look: Look,
        most: usize,
        level: Level,
        target: &str,
    ) -> Self {
        let mut line = Self { buffers, look, most, truncated: false, said: false };
        match look {
            Look::Json => {
                line.buffers.text.push_str("{\"time\":\"");
                time(&mut line.buffers.text, SystemTime::now());
                line.buffers.text.push('"');
                line.buffers.keys.push(2..6);
                line.str("level", name(level));
                line.str("target", target);
            }
            Look::Text { colour } => {
                let [grey, paint, plain] =
                    if colour { ["\x1b[2m", paint(level), "\x1b[0m"] } else { [""; 3] };
                let text = &mut line.buffers.text;
                text.push_str(grey);
                time(text, SystemTime::now());
                let _ = write!(text, "{plain} {paint}{:>5}{plain} {grey}", level.as_str());
                Escaped::new(text, Look::Text { colour }, most).all(format_args!("{target}"));
                let _ = write!(line.buffers.text, ":{plain}");
            }
        }
        line
    }

    /// What the line says.
    pub(crate) fn message(&mut self, message: fmt::Arguments<'_>) {
        if self.said {
            return self.show("message", message);
        }
        self.said = true;
        if self.look == Look::Json {
            self.show("message", message);
        } else {
            self.buffers.text.push(' ');
            let mut escaped = Escaped::new(&mut self.buffers.text, self.look, self.most);
            escaped.breaks = true;
            escaped.all(message);
        }
    }

    /// A field that is text.
    pub(crate) fn str(&mut self, key: &str, value: &str) {
        self.show(key, format_args!("{value}"));
    }

    /// A field shown as text. A name that the line has already gets a `_`, so that nothing is lost.
    pub(crate) fn show(&mut self, key: &str, value: fmt::Arguments<'_>) {
        if self.key(key) {
            self.text(value);
        }
    }

    /// A field that JSON knows: a number, a switch.
    pub(crate) fn plain(&mut self, key: &str, value: impl fmt::Display) {
        if self.key(key) {
            let _ = write!(self.buffers.text, "{value}");
        }
    }

    /// A number that JSON may not know: no number, and the infinite ones, are text.
    pub(crate) fn float(&mut self, key: &str, value: f64) {
        match value {
            value if !value.is_finite() => self.show(key, format_args!("{value}")),
            // Rust writes whole numbers without a point, and very large ones out in full.
            value if value.abs() >= 1e16 || (value != 0.0 && value.abs() < 1e-5) => {
                self.plain(key, format_args!("{value:e}"))
            }
            value => self.plain(key, value),
        }
    }

    /// How long it is so far.
    pub(crate) fn len(&self) -> usize {
        self.buffers.text.len()
    }

    /// Whether the line has a field of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.buffers.keys.iter().any(|range| &self.buffers.text[range.clone()] == key)
    }

    /// Ends the line.
    pub(crate) fn end(mut self) {
        if !self.said && self.look == Look::Json {
            self.str("message", "");
        }
        if self.truncated {
            self.truncated = false;
            self.most = usize::MAX;
            self.open("truncated", 0);
            self.buffers.text.push_str("true");
        }
        self.buffers.text.push_str(if self.look == Look::Json { "}\n" } else { "\n" });
    }

    /// Begins a field, if there is room for it.
    fn key(&mut self, key: &str) -> bool {
        if self.buffers.text.len() >= LONGEST {
            self.truncated = true;
            return false;
        }
        let mut marks = 0;
        while !self.open(key, marks) {
            marks += 1;
        }
        true
    }

    /// Writes a field's name, unless the line has it.
    fn open(&mut self, key: &str, marks: usize) -> bool {
        let before = self.buffers.text.len();
        let (quote, between) = match self.look {
            Look::Json => (",\"", "\":"),
            Look::Text { colour: true } => (" \x1b[2m", "\x1b[0m="),
            Look::Text { colour: false } => (" ", "="),
        };
        self.buffers.text.push_str(quote);
        let start = self.buffers.text.len();
        Escaped::new(&mut self.buffers.text, self.look, 256).all(format_args!("{key}"));
        (0..marks).for_each(|_| self.buffers.text.push('_'));
        let name = start..self.buffers.text.len();
        let (earlier, written) = (&self.buffers.keys, &self.buffers.text[name.clone()]);
        if earlier.iter().any(|range| &self.buffers.text[range.clone()] == written) {
            self.buffers.text.truncate(before);
            return false;
        }
        self.buffers.keys.push(name);
        self.buffers.text.push_str(between);
        true
    }

    fn text(&mut self, value: fmt::Arguments<'_>) {
        let room = self.most.min(LONGEST.saturating_sub(self.buffers.text.len()));
        if self.look == Look::Json {
            self.buffers.text.push('"');
            Escaped::new(&mut self.buffers.text, self.look, room).all(value);
            return self.buffers.text.push('"');
        }
        let start = self.buffers.text.len();
        Escaped::new(&mut self.buffers.text, self.look, room).all(value);
        let shown = &self.buffers.text[start..];
        if shown.is_empty() || shown.contains([' ', '"', '=']) {
            let quoted = format!("{shown:?}");
            self.buffers.text.truncate(start);
            self.buffers.text.push_str(&quoted);
        }
    }
}

/// Writes into a line what cannot break it: escaped, and cut to size.
struct Escaped<'a> {
    out: &'a mut String,
    look: Look,
    left: usize,
    over: usize,
    /// Whether line breaks stay, indented: in the message of a text for people.
    breaks: bool,
}

impl<'a> Escaped<'a> {
    fn new(out: &'a mut String, look: Look, most: usize) -> Self {
        Self { out, look, left: most, over: 0, breaks: false }
    }

    fn all(mut self, value: fmt::Arguments<'_>) {
        let written = match value.as_str() {
            Some(text) => self.write_str(text),
            None => self.write_fmt(value),
        };
        if written.is_err() {
            self.out.push_str("(cannot be shown)");
        }
        if self.over > 0 {
            let _ = write!(self.out, "… ({} bytes more)", self.over);
        }
    }

    fn escape(&mut self, byte: u8) {
        let _ = match (byte, self.look) {
            (b'"', Look::Json) => self.out.write_str("\\\""),
            (b'\\', Look::Json) => self.out.write_str("\\\\"),
            (b'\n', Look::Text { .. }) if self.breaks => self.out.write_str("\n    "),
            (b'\n', _) => self.out.write_str("\\n"),
            (b'\r', _) => self.out.write_str("\\r"),
            (b'\t', _) => self.out.write_str("\\t"),
            (_, Look::Json) => write!(self.out, "\\u{byte:04x}"),
            (_, Look::Text { .. }) => write!(self.out, "\\x{byte:02x}"),
        };
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = if text.len() <= self.left { text } else { &text[..text.floor_char_boundary(self.left)] };
        self.over += text.len() - kept.len();
        // Once something is cut, what follows is cut too.
        self.left = if kept.len() < text.len() { 0 } else { self.left - kept.len() };
        let json = self.look == Look::Json;
        let mut from = 0;
        for (at, byte) in kept.bytes().enumerate() {
            if byte < 0x20 || byte == 0x7f || (json && (byte == b'"' || byte == b'\\')) {
                self.out.push_str(&kept[from..at]);
                self.escape(byte);
                from = at + 1;
            }
        }
        self.out.push_str(&kept[from..]);
        Ok(())
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn paint(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// `2026-11-22T18:03:15.123456Z`, as RFC 3339 has it.
pub(super) fn time(out: &mut String, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let second = i64::try_from(since.as_secs()).unwrap_or_default();
    let (known, mut text) = SECOND.get();
    if known != second {
        let written = jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
        text.copy_from_slice(&written.as_bytes()[..19]);
        SECOND.set((second, text));
    }
    out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    let mut fraction = *b".000000Z";
    let mut micros = since.subsec_micros();
    for digit in fraction[1..7].iter_mut().rev() {
        *digit = b'0' + u8::try_from(micros % 10).unwrap_or_default();
        micros /= 10;
    }
    out.push_str(std::str::from_utf8(&fraction).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn made(look: Look, most: usize, fill: impl FnOnce(&mut Line<'_>)) -> String {
        let mut buffers = Buffers::default();
        let mut line = Line::begin(&mut buffers, look, most, Level::WARN, "shop");
        fill(&mut line);
        line.end();
        buffers.text
    }

    fn json(fill: impl FnOnce(&mut Line<'_>)) -> serde_json::Value {
        let text = made(Look::Json, 100, fill);
        assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn time_is_rfc_3339_with_microseconds() {
        let mut text = String::new();
        time(&mut text, UNIX_EPOCH + Duration::from_micros(1_795_370_595_000_042));
        assert_eq!(text, "2026-11-22T18:03:15.000042Z");
        time(&mut text, UNIX_EPOCH + Duration::from_micros(1_795_370_595_999_999));
        assert!(text.ends_with("2026-11-22T18:03:15.999999Z"), "{text}");
    }

    #[test]
    fn whatever_is_logged_the_line_is_valid_json() {
        let nasty = "\"\\\n\r\t\0\x1b[31m\x7f\u{2028}é🦀";
        let value = json(|line| {
            line.message(format_args!("{nasty}"));
            line.str(nasty, nasty);
            line.float("nan", f64::NAN);
            line.float("inf", f64::NEG_INFINITY);
            line.float("huge", 1e300);
            line.float("tiny", -1e-300);
            line.float("whole", 3.0);
            line.plain("u128", u128::MAX);
        });
        assert_eq!(value["message"], nasty);
        assert_eq!(value[nasty], nasty);
        assert_eq!((value["nan"].as_str(), value["inf"].as_str()), (Some("NaN"), Some("-inf")));
        assert_eq!((value["huge"].as_f64(), value["tiny"].as_f64()), (Some(1e300), Some(-1e-300)));
    }

    #[test]
    fn two_fields_of_one_name_are_both_there_under_different_names() {
        let value = json(|line| {
            line.str("a", "1");
            line.plain("a", 2);
            line.str("level", "mine");
            line.str("time", "mine");
        });
        assert_eq!((&value["a"], &value["a_"]), (&"1".into(), &2.into()));
        assert_eq!(
            (&value["level"], &value["level_"], &value["time_"]),
            (&"warn".into(), &"mine".into(), &"mine".into())
        );
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_the_length_is_said() {
        let value = json(|line| line.str("long", &"é".repeat(200)));
        assert_eq!(value["long"], format!("{}… (300 bytes more)", "é".repeat(50)));
        let huge = "x".repeat(300 << 10);
        let text = made(Look::Json, usize::MAX, |line| (0..9).for_each(|_| line.str("huge", &huge)));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() < LONGEST + 1000 && value["truncated"] == true, "{}", text.len());
    }

    #[test]
    fn a_value_that_cannot_be_shown_does_not_break_the_line() {
        struct Broken;
        impl fmt::Display for Broken {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        let value = json(|line| line.show("broken", format_args!("{Broken}")));
        assert_eq!(value["broken"], "(cannot be shown)");
    }

    #[test]
    fn text_for_people_cannot_be_made_to_look_like_another_line() {
        let text = made(Look::Text { colour: false }, 100, |line| {
            line.message(format_args!("first\n2026 ERROR forged\x1b[2J"));
            line.str("order", "7");
            line.str("who", "Ann \"A\" B");
            line.str("empty", "");
        });
        let rest = text.split_once("Z ").unwrap().1;
        assert_eq!(
            rest,
            " WARN shop: first\n    2026 ERROR forged\\x1b[2J order=7 who=\"Ann \\\"A\\\" B\" empty=\"\"\n"
        );
        let painted = made(Look::Text { colour: true }, 100, |line| line.message(format_args!("x")));
        assert!(painted.contains("\x1b[33m WARN\x1b[0m"), "{painted:?}");
    }

    #[test]
    fn a_value_may_log_while_it_is_shown() {
        struct Chatty;
        impl fmt::Display for Chatty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                with_buffers(|inner| inner.text.push_str("inner"));
                f.write_str("outer")
            }
        }
        let text = with_buffers(|buffers| {
            let mut line = Line::begin(buffers, Look::Json, 100, Level::INFO, "t");
            line.show("value", format_args!("{Chatty}"));
            line.end();
            buffers.text.clone()
        });
        assert!(text.contains("\"value\":\"outer\","), "{text}");
    }
}
