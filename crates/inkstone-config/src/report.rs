//! The report that a person reads when something is wrong.

use std::{collections::BTreeSet, fmt::Write};

use anstyle::{AnsiColor, Style};

use crate::{Code, Fault, Origin, Severity};

/// More faults than these are only counted: nobody reads on, and to quote them takes long.
const MOST_FAULTS: usize = 100;
/// How many characters of a line are quoted.
const MOST_QUOTED: usize = 160;

/// The faults with the lines they point at. Neighbours of one component share a heading.
pub(crate) fn render(faults: &[Fault], color: bool) -> String {
    let paint = Paint(color);
    let mut out = String::new();
    let (shown, more) = faults.split_at(faults.len().min(MOST_FAULTS));
    for group in shown.chunk_by(|a, b| a.severity == b.severity && same_heading(a, b)) {
        if !out.is_empty() {
            out.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = paint.group(&mut out, group);
    }
    if !more.is_empty() {
        let _ = writeln!(out, "\nand {} more", more.len());
    }
    let codes: BTreeSet<Code> = faults.iter().map(|fault| fault.code).collect();
    if !codes.is_empty() {
        let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
        let _ =
            writeln!(out, "\n{}", paint.dim(&format!("more about it: inkstone explain {}", codes.join(" "))));
    }
    out
}

fn same_heading(a: &Fault, b: &Fault) -> bool {
    match (&a.component, &b.component) {
        (Some(left), Some(right)) => {
            left == right && a.asked_at == b.asked_at && a.code.outcome() == b.code.outcome()
        }
        (None, None) => a.code == b.code,
        _ => false,
    }
}

/// Where the report is coloured, and with what.
struct Paint(bool);

impl Paint {
    fn with(&self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    fn dim(&self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    fn gutter(&self, text: &str) -> String {
        self.with(AnsiColor::Blue.on_default().bold(), text)
    }

    fn severity(&self, severity: Severity, text: &str) -> String {
        let color = if severity == Severity::Error { AnsiColor::Red } else { AnsiColor::Yellow };
        self.with(color.on_default().bold(), text)
    }

    fn group(&self, out: &mut String, group: &[Fault]) -> std::fmt::Result {
        let Some(first) = group.first() else { return Ok(()) };
        let word = if first.severity == Severity::Error { "error" } else { "warning" };
        let heading = match &first.component {
            Some(component) => format!("{component} {}", first.code.outcome()),
            None => first.code.title().to_owned(),
        };
        writeln!(out, "{}{}", self.severity(first.severity, word), self.bold(&format!(": {heading}")))?;
        for fault in group {
            self.fault(out, fault)?;
        }
        match first.asked_at {
            Some(place) => writeln!(out, "  asked for at {place}"),
            None => Ok(()),
        }
    }

    fn fault(&self, out: &mut String, fault: &Fault) -> std::fmt::Result {
        let quoted =
            fault.origin.as_ref().and_then(|origin| Some((origin, origin.source.line(origin.line)?)));
        match quoted {
            Some((origin, line)) => self.excerpt(out, fault, origin, &line),
            None => self.without_place(out, fault),
        }
    }

    fn excerpt(&self, out: &mut String, fault: &Fault, origin: &Origin, line: &str) -> std::fmt::Result {
        let number = origin.line.to_string();
        let margin = " ".repeat(number.len() + 1);
        let Quote { line, lead, carets } = Quote::of(origin, line);
        let mark = self.severity(fault.severity, &format!("{carets} {}", fault.message));
        writeln!(out, "{margin} {} {origin}", self.gutter("-->"))?;
        writeln!(out, "{margin} {}", self.gutter("|"))?;
        writeln!(out, " {} {line}", self.gutter(&format!("{number} |")))?;
        writeln!(out, "{margin} {} {lead}{mark} {}", self.gutter("|"), self.code(fault.code))?;
        match &fault.hint {
            Some(hint) => writeln!(out, "{margin} {} {hint}", self.gutter("= hint:")),
            None => Ok(()),
        }
    }

    fn without_place(&self, out: &mut String, fault: &Fault) -> std::fmt::Result {
        let target = fault.target.clone().or_else(|| fault.origin.as_ref().map(|origin| origin.to_string()));
        let target = target.map(|target| format!("{target}: ")).unwrap_or_default();
        // A message about a whole table names it already.
        let key = fault.key.as_ref().filter(|key| !fault.message.contains(&***key));
        let key = key.map(|key| format!("`{key}`: ")).unwrap_or_default();
        let lines = fault.message.replace('\n', "\n  ");
        writeln!(out, "  {target}{key}{lines} {}", self.code(fault.code))?;
        match &fault.hint {
            Some(hint) => writeln!(out, "  {} {hint}", self.gutter("hint:")),
            None => Ok(()),
        }
    }

    fn code(&self, code: Code) -> String {
        self.dim(&format!("[{code}]"))
    }
}

/// A line as it is quoted, the blanks before the carets, and the carets.
struct Quote {
    line: String,
    lead: String,
    carets: String,
}

impl Quote {
    fn of(origin: &Origin, line: &str) -> Self {
        let text = &origin.source.text;
        let original = text.lines().nth(origin.line.saturating_sub(1) as usize).unwrap_or_default();
        let start = origin.column.saturating_sub(1) as usize;
        // A secret before the place makes the printed line shorter or longer than the original.
        let same_start = original.chars().take(start).eq(line.chars().take(start));
        let column = if same_start { start } else { line.chars().count().min(start) };
        let (line, column) = around(line, column);
        let lead = line
            .chars()
            .take(column)
            .map(|c| if c == '\t' { "\t".to_owned() } else { " ".repeat(width(c)) })
            .collect();
        let marked = line.chars().skip(column).take(origin.len as usize).map(width).sum::<usize>();
        Self { line, lead, carets: "^".repeat(marked.max(1)) }
    }
}

/// The part of a long line that is around a column, and the column in it.
fn around(line: &str, column: usize) -> (String, usize) {
    let len = line.chars().count();
    if len <= MOST_QUOTED {
        return (line.to_owned(), column);
    }
    let from = column.saturating_sub(MOST_QUOTED / 3).min(len - MOST_QUOTED);
    let mut part = String::new();
    if from > 0 {
        part.push('…');
    }
    part.extend(line.chars().skip(from).take(MOST_QUOTED));
    if from + MOST_QUOTED < len {
        part.push('…');
    }
    (part, column - from + usize::from(from > 0))
}

/// How many columns of a terminal a character takes: two for those of East Asian scripts.
const fn width(char: char) -> usize {
    match char as u32 {
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        0x0300..=0x036f | 0x200b..=0x200f => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Problems, Source};

    fn origin(text: &str, line: u32, column: u32, len: u32) -> Origin {
        Origin { source: Arc::new(Source::new("config/local.toml", text)), line, column, len, rest: 0 }
    }

    #[test]
    fn a_report_quotes_the_line_and_points_at_the_place() {
        let at = origin("[redis.user]\nadr = \"10.0.0.7:6379\"\n", 2, 1, 3);
        let mut problems = Problems::new();
        let component = "redis `redis.user`";
        problems.push(
            Fault::new(Code::UnknownKey, "unknown key; did you mean `addr`?").component(component).at(at),
        );
        problems.push(
            Fault::new(Code::CrossKey, "40 is more than 20").component(component).key("redis.user.min_idle"),
        );
        problems.push(
            Fault::new(Code::ConnectFailed, "connection refused")
                .component("redis `a`")
                .target("10.0.0.7:1")
                .hint("start it"),
        );
        let expect = "\
error: redis `redis.user` cannot be used
   --> config/local.toml:2:1
   |
 2 | adr = \"10.0.0.7:6379\"
   | ^^^ unknown key; did you mean `addr`? [INK1001]
  `redis.user.min_idle`: 40 is more than 20 [INK1005]

error: redis `a` did not start
  10.0.0.7:1: connection refused [INK2004]
  hint: start it

more about it: inkstone explain INK1001 INK1005 INK2004
";
        assert_eq!(problems.to_string(), expect);
        assert_eq!(format!("{problems:?}"), expect);
        assert!(problems.render(true).contains("\u{1b}[1m\u{1b}[31m"));
    }

    #[test]
    fn carets_stand_under_wide_characters_and_tabs() {
        let quote = Quote::of(&origin("名 = 五", 1, 5, 1), "名 = 五");
        assert_eq!((quote.lead.as_str(), quote.carets.as_str()), ("     ", "^^"));
        let quote = Quote::of(&origin("\ta = 1", 1, 6, 1), "\ta = 1");
        assert_eq!(quote.lead, "\t    ");
    }
}
