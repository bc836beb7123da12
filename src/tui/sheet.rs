//! Lines of facts under headings: details, the sensor, the help.

use super::text::{neutral, wrapped};
use super::theme::{Theme, Tone};
use ratatui::text::{Line, Span};

/// Columns of the names of facts.
const NAMES: usize = 14;

/// Collects lines, each broken to the width of the terminal.
pub(super) struct Sheet {
    lines: Vec<Line<'static>>,
    width: usize,
    theme: Theme,
}

impl Sheet {
    /// An empty one.
    pub(super) fn new(width: usize, theme: Theme) -> Sheet {
        Sheet { lines: Vec::new(), width, theme }
    }

    /// All lines.
    pub(super) fn lines(self) -> Vec<Line<'static>> {
        self.lines
    }

    /// An empty line, unless there is none above it.
    pub(super) fn gap(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    /// The name of a section, with space above it.
    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.say(Tone::Heading, text);
    }

    /// Text of one tone.
    pub(super) fn say(&mut self, tone: Tone, text: &str) {
        self.hang("", tone, text);
    }

    /// An item of a list.
    pub(super) fn item(&mut self, tone: Tone, text: &str) {
        self.hang("  ", tone, text);
    }

    /// A name and what it is.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        self.toned_fact(name, Tone::Plain, value);
    }

    /// A name and what it is, in a tone.
    pub(super) fn toned_fact(&mut self, name: &str, tone: Tone, value: &str) {
        self.hang(&format!("{name:<NAMES$}"), tone, value);
    }

    /// A line that is drawn as it is: it was made for this width, of harmless text.
    pub(super) fn drawn(&mut self, tone: Tone, text: String) {
        self.lines.push(Line::from(Span::styled(text, self.theme.style(tone))));
    }

    /// Text behind a label; further lines are indented as far.
    fn hang(&mut self, label: &str, tone: Tone, text: &str) {
        let indent = label.chars().count();
        let parts = wrapped(&neutral(text), self.width.saturating_sub(indent).max(8));
        for (number, part) in parts.into_iter().enumerate() {
            let start = if number == 0 { label.to_owned() } else { " ".repeat(indent) };
            let name = Span::styled(start, self.theme.style(Tone::Dim));
            self.lines.push(Line::from(vec![name, Span::styled(part, self.theme.style(tone))]));
        }
    }
}
