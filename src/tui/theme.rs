//! Colours: the sixteen of the terminal, so that they suit its background. Nothing is said by colour alone.

use crate::base::Severity;
use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Ordinary text.
    Plain,
    /// What is read last.
    Dim,
    /// What is read first.
    Strong,
    /// The name of a section, the heading of a column.
    Heading,
    /// All is well.
    Good,
    /// Worth knowing.
    Notice,
    /// Worth a look.
    Warning,
    /// Worth waking up for.
    Critical,
    /// The selected row or pane.
    Selected,
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Tone {
        match severity {
            Severity::Info => Tone::Notice,
            Severity::Warning => Tone::Warning,
            Severity::Critical => Tone::Critical,
        }
    }
}

/// How tones look on this terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    colour: bool,
}

impl Theme {
    /// With colours, or with bold and reversed text only.
    pub(super) fn new(colour: bool) -> Theme {
        Theme { colour }
    }

    /// Of text.
    pub(super) fn style(self, tone: Tone) -> Style {
        let plain = Style::default();
        let (colour, style) = match tone {
            Tone::Plain => return plain,
            Tone::Dim => return plain.add_modifier(Modifier::DIM),
            Tone::Selected => return plain.add_modifier(Modifier::REVERSED),
            Tone::Strong => return plain.add_modifier(Modifier::BOLD),
            Tone::Heading => (Color::Cyan, plain.add_modifier(Modifier::BOLD)),
            Tone::Good => (Color::Green, plain),
            Tone::Notice => (Color::Cyan, plain),
            Tone::Warning => (Color::Yellow, plain),
            Tone::Critical => (Color::Red, plain.add_modifier(Modifier::BOLD)),
        };
        if self.colour { style.fg(colour) } else { style }
    }

    /// Of a line that must be seen first: the background instead of the text.
    pub(super) fn banner(self, tone: Tone) -> Style {
        let bold = Style::default().add_modifier(Modifier::BOLD);
        let (text, background) = match tone {
            Tone::Critical => (Color::White, Color::Red),
            Tone::Warning => (Color::Black, Color::Yellow),
            Tone::Notice | Tone::Heading => (Color::Black, Color::Cyan),
            Tone::Good => return self.style(tone).add_modifier(Modifier::BOLD),
            Tone::Plain | Tone::Dim | Tone::Strong | Tone::Selected => return bold,
        };
        if self.colour { bold.fg(text).bg(background) } else { bold.add_modifier(Modifier::REVERSED) }
    }
}
