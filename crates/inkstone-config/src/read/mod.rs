//! Reads one source into a tree.

mod flag;
mod json;
mod reference;
mod toml;
mod vars;
mod yaml;

use std::{ops::Range, sync::Arc};

pub(crate) use self::{
    flag::assignment,
    reference::{Lookup, resolve},
    toml::scalar,
    vars::{environment, flags},
};
use crate::{Code, Fault, Origin, Problems, Size, Source, node::Table};

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Toml,
    Yaml,
    Json,
}

impl Format {
    /// The format that a file name's extension stands for.
    pub(crate) fn of(name: &str) -> Result<Self, Fault> {
        let extension =
            name.rsplit(['/', '\\']).next().and_then(|file| file.rsplit_once('.')).map(|(_, end)| end);
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("toml") => Ok(Self::Toml),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            _ => Err(Fault::new(Code::UnreadableFile, "its name does not say which format it has")
                .target(name)
                .hint("name it `.toml`, `.yaml`, `.yml` or `.json`")),
        }
    }
}

/// The largest text that is read: what a ConfigMap holds at most.
pub const MOST_TEXT: Size = Size::mib(1);

/// Reads a whole document; its root is a table.
pub(crate) fn document(source: &Arc<Source>, format: Format) -> Result<Table, Problems> {
    if source.text.len() as u64 > MOST_TEXT.bytes() {
        return Err(Fault::new(Code::UnreadableFile, too_large()).target(&source.name).into());
    }
    let text = Text::new(source);
    match format {
        Format::Toml => toml::read(&text),
        Format::Yaml => yaml::read(&text).map_err(Problems::from),
        Format::Json => json::read(&text).map_err(Problems::from),
    }
}

/// What is said about a text beyond the limit.
pub(crate) fn too_large() -> String {
    format!("it is larger than {MOST_TEXT}, the most a configuration may be")
}

/// A source's text with the places of its lines.
pub(crate) struct Text<'t> {
    source: &'t Arc<Source>,
    starts: Vec<usize>,
    /// How many characters stand before each block: a file may be a single line, with a place for each of its keys.
    chars: Vec<usize>,
    /// Each byte is a character, as in most configurations.
    ascii: bool,
}

const BLOCK: usize = 512;

impl<'t> Text<'t> {
    fn new(source: &'t Arc<Source>) -> Self {
        let newlines = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let blocks = source.text.as_bytes().chunks(BLOCK).map(characters);
        let before = blocks.scan(0, |sum, here| Some(std::mem::replace(sum, *sum + here)));
        Self { source, starts, chars: before.collect(), ascii: source.text.is_ascii() }
    }

    /// The place that someone else counted, or the nearest that there is.
    fn place_within(&self, line: u32, column: u32, len: u32) -> Origin {
        let line = line.clamp(1, number(self.starts.len()));
        let text = self.str().split('\n').nth(line as usize - 1).unwrap_or_default();
        self.place(line, column.clamp(1, number(text.chars().count() + 1)), len)
    }

    fn str(&self) -> &'t str {
        &self.source.text
    }

    /// The place of a range of bytes.
    fn origin(&self, span: Range<usize>) -> Origin {
        let text = self.str();
        let start = floor(text, span.start);
        let line = self.starts.partition_point(|at| *at <= start).max(1);
        let column = match self.ascii {
            true => start - self.starts[line - 1],
            false => self.characters_before(start) - self.characters_before(self.starts[line - 1]),
        };
        let whole = text[start..floor(text, span.end.max(start))].trim_end();
        let first_line = whole.lines().next().unwrap_or_default();
        let place = self.place(number(line), number(column + 1), number(characters(first_line.as_bytes())));
        let rest = if first_line.len() == whole.len() { 0 } else { whole.matches('\n').count() };
        Origin { rest: number(rest), ..place }
    }

    fn characters_before(&self, at: usize) -> usize {
        let block = (at / BLOCK).min(self.chars.len().saturating_sub(1));
        let here = &self.str().as_bytes()[block * BLOCK..at];
        self.chars.get(block).copied().unwrap_or_default() + characters(here)
    }

    fn place(&self, line: u32, column: u32, len: u32) -> Origin {
        Origin { source: Arc::clone(self.source), line, column, len: len.max(1), rest: 0 }
    }

    /// The byte that stands at a line and a column, both counted from 1, the column in bytes.
    fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.str().len());
        (start + column.saturating_sub(1)).min(self.str().len())
    }

    /// Remembers that what stands at a place was written at another one.
    fn alias(&self, at: &Origin, written: &Origin) {
        self.source.alias(at, written);
    }

    fn syntax(&self, message: impl std::fmt::Display, origin: Origin) -> Fault {
        Fault::new(Code::Syntax, message).target(&self.source.name).at(origin)
    }
}

/// How many characters begin in a part of a text.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count()
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
