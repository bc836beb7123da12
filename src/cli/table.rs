//! Plain aligned tables for terminals and pipes.

use std::fmt;

/// Rows of text below headings. The last column is not padded.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &[&str]) -> Self {
        Table { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    pub(super) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        // Text from files or the network must not contain terminal control sequences.
        let plain = |cell: T| cell.as_ref().replace(char::is_control, "\u{fffd}");
        self.rows.push(cells.into_iter().map(plain).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let mut table = Table::new(&["A"]);
        table.row(["x\u{1b}]0;title\u{7}\ny"]);
        assert_eq!(table.to_string(), "A\nx\u{fffd}]0;title\u{fffd}\u{fffd}y\n");
    }

    #[test]
    fn columns_align() {
        let mut table = Table::new(&["A", "LONG"]);
        table.row(["wide cell", "x"]);
        assert_eq!(table.to_string(), "A          LONG\nwide cell  x\n");
    }
}
