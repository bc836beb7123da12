//! A report before it is rendered. Texts may hold foreign parts ([`text::parts`](super::text::parts)).

use super::language::Language;
use crate::base::Timestamp;

/// A report.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// `incident` or `period`.
    pub kind: &'static str,
    pub language: Language,
    pub title: String,
    /// Small line below the title: sensor and time.
    pub subtitle: String,
    pub tone: Tone,
    /// One word for the tone.
    pub badge: String,
    /// The first paragraph.
    pub verdict: String,
    /// The figures that a reader looks for first.
    pub figures: Vec<Figure>,
    pub sections: Vec<Section>,
    pub footer: Vec<String>,
    /// What a program reads: the incident JSON and figures.
    pub data: serde_json::Value,
}

/// How a reader should take the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Attack,
    Note,
    Clear,
    Unknown,
}

impl Tone {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Tone::Attack => "attack",
            Tone::Note => "note",
            Tone::Clear => "clear",
            Tone::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub label: String,
    pub value: String,
    pub note: String,
}

#[derive(Clone, Debug)]
pub(super) struct Section {
    /// ASCII, for links and programs.
    pub id: &'static str,
    pub title: String,
    pub blocks: Vec<Block>,
}

impl Section {
    pub(super) fn new(id: &'static str, title: String, blocks: Vec<Block>) -> Section {
        Section { id, title, blocks }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Block {
    Paragraph(String),
    List(Vec<String>),
    Table(Table),
    Plot(Box<Plot>),
    /// Several plots or tables side by side, where there is room.
    Pair(Vec<Block>),
    /// A text that is shown on request: heading and content, which has several lines.
    Folded(String, String),
    /// A list that is shown on request.
    FoldedList(String, Vec<String>),
    /// A smaller heading.
    Heading(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub caption: String,
    pub head: Vec<Head>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
pub(super) struct Head {
    pub text: String,
    /// Numbers, aligned to the right.
    pub is_number: bool,
}

/// A cell: a text, and a share of 0 to 1 that is drawn as a bar.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub text: String,
    pub bar: Option<f64>,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, bar: None }
    }
}

impl Cell {
    pub(super) fn share(text: String, share: f64) -> Cell {
        Cell { text, bar: Some(share.clamp(0.0, 1.0)) }
    }

    /// The length of the bar in percent.
    pub(super) fn percent(&self) -> Option<String> {
        self.bar.map(|share| format!("{:.1}", share * 100.0))
    }
}

impl Table {
    /// Names of the columns, and whether they hold numbers.
    pub(super) fn new(caption: String, head: &[(&str, bool)]) -> Table {
        let head = head.iter().map(|(text, is_number)| Head { text: (*text).to_owned(), is_number: *is_number });
        Table { caption, head: head.collect(), rows: Vec::new() }
    }

    /// Whether the column holds numbers.
    pub(super) fn is_number(&self, column: usize) -> bool {
        self.head.get(column).is_some_and(|head| head.is_number)
    }
}

/// A plot, with the table behind it.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub title: String,
    /// What it shows, for readers who cannot see it.
    pub description: String,
    pub shape: Shape,
    pub table: Table,
    /// Heading of the table.
    pub table_title: String,
    pub language: Language,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Lines(Lines),
    Bars(Bars),
}

/// Values over time.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Beginning of the time axis.
    pub from: Timestamp,
    /// End of the time axis.
    pub to: Timestamp,
    /// Unit of the values.
    pub unit: Unit,
    /// What is drawn.
    pub lines: Vec<Line>,
    /// A shaded band: lowest and highest, and its name.
    pub band: Option<(f64, f64, String)>,
    /// Vertical lines.
    pub marks: Vec<(Timestamp, String)>,
    /// Shaded times, without values.
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// What these times are called.
    pub gap_name: String,
}

/// Unit of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Packets per second, or any number.
    #[default]
    Packets,
    /// Bits per second.
    Bits,
}

/// One series of a plot.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// An area below it, in the colour with this number; `None` for a thin line: everything that the target received.
    pub colour: Option<usize>,
    /// In order of time; runs are separated where values are missing.
    pub runs: Vec<Vec<(Timestamp, f64)>>,
}

/// Shares by class, of one or two groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Bars {
    pub groups: Vec<String>,
    /// Name of the class and the share in each group, 0 to 1.
    pub bars: Vec<(String, Vec<f64>)>,
}
