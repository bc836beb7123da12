//! What a pane is: lines, a table whose rows can be opened, or both. State and drawing know panes by this type only.

use super::text::neutral;
use super::theme::{Theme, Tone};
use crate::base::scaled;
use crate::view::Overview;
use ratatui::text::{Line, Span};
use std::cmp::Ordering;

/// One pane.
pub(super) struct Pane {
    /// In the bar of panes.
    pub(super) title: &'static str,
    /// What it shows, in one line, for the help.
    pub(super) help: &'static str,
    /// Of its table; none where it is lines only.
    pub(super) columns: &'static [Column],
    /// The rows of its table, in the order that suits most.
    pub(super) rows: fn(&Overview) -> Vec<Row>,
    /// Lines above the table; where there is no table, they fill the pane and can be scrolled.
    pub(super) above: fn(&Look<'_>) -> Vec<Line<'static>>,
    /// Lines below the table, for this many lines at most.
    pub(super) below: fn(&Look<'_>) -> Vec<Line<'static>>,
    /// What is said where the table has no rows.
    pub(super) empty: fn(&Overview) -> String,
    /// All about the row with this key; `None` if there is nothing with it any more.
    pub(super) detail: fn(&Look<'_>, &str) -> Option<Vec<Line<'static>>>,
}

/// What a pane draws from.
pub(super) struct Look<'a> {
    /// The second that is shown.
    pub(super) overview: &'a Overview,
    /// Columns to draw in.
    pub(super) width: usize,
    /// Lines to draw in.
    pub(super) height: usize,
    /// How tones look.
    pub(super) theme: Theme,
}

impl Look<'_> {
    /// A line of one tone, with what is hostile in it replaced.
    pub(super) fn line(&self, tone: Tone, text: &str) -> Line<'static> {
        Line::from(self.span(tone, text))
    }

    /// A piece of a line.
    pub(super) fn span(&self, tone: Tone, text: &str) -> Span<'static> {
        Span::styled(neutral(text), self.theme.style(tone))
    }
}

/// No lines: for panes without any above or below their table.
pub(super) fn no_lines(_: &Look<'_>) -> Vec<Line<'static>> {
    Vec::new()
}

/// No rows: for panes of lines.
pub(super) fn no_rows(_: &Overview) -> Vec<Row> {
    Vec::new()
}

/// One column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// Its heading.
    pub(super) title: &'static str,
    /// In columns of the terminal; at least this many where it grows.
    pub(super) width: u16,
    /// Whether it takes what the others leave.
    pub(super) grows: bool,
    /// Whether its values are aligned at the right, and sorted from the largest.
    pub(super) is_number: bool,
    /// Whether narrow terminals leave it out.
    pub(super) wide_only: bool,
}

impl Column {
    /// Of words.
    pub(super) const fn words(title: &'static str, width: u16) -> Column {
        Column { title, width, grows: false, is_number: false, wide_only: false }
    }

    /// Of figures.
    pub(super) const fn figures(title: &'static str, width: u16) -> Column {
        Column { title, width, grows: false, is_number: true, wide_only: false }
    }

    /// The same, and it takes what the others leave.
    pub(super) const fn growing(self) -> Column {
        Column { grows: true, ..self }
    }

    /// The same, on wide terminals only.
    pub(super) const fn wide(self) -> Column {
        Column { wide_only: true, ..self }
    }
}

/// One row of a table.
pub(super) struct Row {
    /// Finds it again in the next second.
    pub(super) key: String,
    /// One for each column.
    pub(super) cells: Vec<Cell>,
    /// How its first cells look.
    pub(super) tone: Tone,
    /// Lower case: what a filter is compared with.
    search: String,
}

impl Row {
    /// From its cells.
    pub(super) fn new(key: String, cells: Vec<Cell>) -> Row {
        let mut search = String::new();
        for cell in &cells {
            search.push_str(&cell.text.to_lowercase());
            search.push('\n');
        }
        Row { key, cells, tone: Tone::Plain, search }
    }

    /// The same in another tone.
    pub(super) fn toned(self, tone: Tone) -> Row {
        Row { tone, ..self }
    }

    /// The same, found by these words as well.
    pub(super) fn also(mut self, words: &str) -> Row {
        self.search.push_str(&words.to_lowercase());
        self.search.push('\n');
        self
    }

    /// Whether a filter, in lower case, keeps it.
    pub(super) fn matches(&self, filter: &str) -> bool {
        self.search.contains(filter)
    }
}

/// One value of a row.
pub(super) struct Cell {
    /// Harmless to show.
    pub(super) text: String,
    order: Order,
}

enum Order {
    Text,
    Number(f64),
    Bits(u128),
}

impl Cell {
    /// Sorted by its text.
    pub(super) fn text(text: &str) -> Cell {
        Cell { text: neutral(text), order: Order::Text }
    }

    /// Sorted by a number.
    pub(super) fn number(text: &str, value: f64) -> Cell {
        Cell { text: neutral(text), order: Order::Number(value) }
    }

    /// A count or a rate, with an SI prefix.
    pub(super) fn count(value: u64) -> Cell {
        Cell { text: scaled(value).trim_end().to_owned(), order: Order::Number(value as f64) }
    }

    /// Sorted by the bits of an address.
    pub(super) fn bits(text: &str, bits: u128) -> Cell {
        Cell { text: neutral(text), order: Order::Bits(bits) }
    }

    /// In the order of its column.
    pub(super) fn compare(&self, other: &Cell) -> Ordering {
        match (&self.order, &other.order) {
            // The larger number first: this is what is looked for.
            (Order::Number(a), Order::Number(b)) => b.total_cmp(a),
            (Order::Bits(a), Order::Bits(b)) => a.cmp(b),
            _ => self.text.cmp(&other.text),
        }
    }
}

/// Keeps the rows that a filter matches, and sorts them by a column, if one is chosen.
pub(super) fn chosen(mut rows: Vec<Row>, filter: &str, sort: Option<usize>, is_reversed: bool) -> Vec<Row> {
    let filter = filter.to_lowercase();
    rows.retain(|row| row.matches(&filter));
    if let Some(column) = sort {
        rows.sort_by(|a, b| match (a.cells.get(column), b.cells.get(column)) {
            (Some(a), Some(b)) => a.compare(b),
            _ => Ordering::Equal,
        });
    }
    if is_reversed {
        rows.reverse();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_filtered_and_sorted_by_value() {
        let rows = || {
            let row = |name: &str, rate: f64| {
                Row::new(name.to_owned(), vec![Cell::text(name), Cell::number(&format!("{rate}"), rate)])
            };
            vec![row("Beta", 9.0), row("alpha", 100.0), row("gamma", 20.0).also("guest 7")]
        };
        let keys = |filter: &str, sort, reversed| {
            chosen(rows(), filter, sort, reversed).into_iter().map(|row| row.key).collect::<Vec<_>>()
        };
        assert_eq!(keys("", None, false), ["Beta", "alpha", "gamma"]);
        assert_eq!(keys("", Some(1), false), ["alpha", "gamma", "Beta"]);
        assert_eq!(keys("", Some(1), true), ["Beta", "gamma", "alpha"]);
        assert_eq!(keys("BETA", Some(7), false), ["Beta"]);
        assert_eq!(keys("guest 7", None, false), ["gamma"]);
    }
}
