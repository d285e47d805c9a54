//! Aligned text, coloured on a terminal and plain elsewhere.

use anstream::println;
use anstyle::{AnsiColor, Style};

/// The colour of keys and names.
pub(crate) const KEY: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// One text of a row.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn key(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: KEY }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: PLAIN }
    }

    pub(crate) fn dim(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: DIM }
    }

    /// `+`, `-` or `~`.
    pub(crate) fn change(mark: &str) -> Self {
        let color = match mark {
            "+" => AnsiColor::Green,
            "-" => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        Self { text: mark.to_owned(), style: color.on_default() }
    }
}

/// Prints rows with their columns below each other. A column without text takes no room.
pub(crate) fn print(rows: &[Vec<Cell>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.text.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        let mut gap = 0;
        for (cell, width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            if cell.text.is_empty() {
                gap += width + 2;
                continue;
            }
            let Cell { text, style } = cell;
            line.push_str(&" ".repeat(gap));
            line.push_str(&format!("{style}{text}{style:#}"));
            gap = width - text.chars().count() + 2;
        }
        println!("{line}");
    }
}
