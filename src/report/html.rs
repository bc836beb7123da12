//! HTML: one file with inline style and SVG, without scripts and without requests.

use super::model::{Block, Plot, Report, Shape, Table};
use super::numbers::is_month;
use super::svg;
use super::text::{Part, parts, unmarked};
use askama::Template;
use std::fmt;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    code: &'static str,
    tone: &'static str,
    title: String,
    report: &'r Report,
    sections: Vec<Body<'r>>,
}

/// A section, rendered.
struct Body<'r> {
    id: &'static str,
    title: &'r str,
    body: Safe,
}

#[derive(Template)]
#[template(path = "table.html")]
struct TableView<'r> {
    table: &'r Table,
    /// Rows become blocks on a narrow screen.
    is_stacked: bool,
}

impl TableView<'_> {
    /// Name of a column, for each of its cells.
    fn label(&self, column: usize) -> String {
        self.table.head.get(column).filter(|_| self.is_stacked).map(|head| unmarked(&head.text)).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "plot.html")]
struct PlotView<'r> {
    plot: &'r Plot,
    svg: Safe,
    /// Class of the key and name.
    legend: Vec<(String, &'r str)>,
    table: Safe,
}

#[derive(Template)]
#[template(path = "block.html")]
struct BlockView<'r> {
    block: &'r Block,
    inner: Vec<Safe>,
}

/// A text of the model: escaped, with foreign names isolated from the direction of the text around them.
struct Text<'t>(&'t str);

/// HTML that a template has written.
struct Safe(String);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in parts(self.0) {
            match part {
                Part::Ours(text) => write_ours(f, &unbroken(text))?,
                Part::Name(text) => write!(f, "<bdi class=\"name\">{}</bdi>", svg::escaped(text))?,
                Part::Prose(text) => write!(f, "<bdi>{}</bdi>", svg::escaped(&unbroken(text)))?,
            }
        }
        Ok(())
    }
}

/// Columns from which on a table does not fit a phone.
const STACKED: usize = 4;

/// A text of ours, in which numbers, times and addresses are not broken.
fn write_ours(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for word in text.split_inclusive(' ') {
        let is_number =
            word.contains(|c: char| c.is_ascii_digit()) && word.contains(['-', '/', ':', '.', ',', '\u{a0}']);
        match is_number {
            true => {
                let bare = word.trim_end_matches(' ');
                let space = if bare.len() < word.len() { " " } else { "" };
                write!(f, "<span class=\"n\">{}</span>{space}", svg::escaped(bare))?;
            }
            false => f.write_str(&svg::escaped(word))?,
        }
    }
    Ok(())
}

/// Units that no line break may part from their number.
const UNITS: [&str; 19] = [
    "UTC",
    "%",
    "±",
    "s",
    "min",
    "h",
    "d",
    "B",
    "kB",
    "MB",
    "GB",
    "TB",
    "bit/s",
    "kbit/s",
    "Mbit/s",
    "Gbit/s",
    "Tbit/s",
    "packets/s",
    "Pakete/s",
];

/// The text with numbers tied to their units, and "±" to what follows.
fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(' ') {
        out.push_str(before);
        let unit = after.split(|c: char| c == ' ' || ",.;:()".contains(c)).next().unwrap_or_default();
        let is_number = before.ends_with(|c: char| c.is_ascii_digit());
        let is_day = before.trim_end_matches('.').ends_with(|c: char| c.is_ascii_digit()) && is_month(unit);
        let is_date = before.len() >= 10
            && before.ends_with(|c: char| c.is_ascii_digit())
            && before.get(before.len() - 10..).is_some_and(|date| date.bytes().filter(|b| *b == b'-').count() == 2)
            && unit.starts_with(|c: char| c.is_ascii_digit());
        let is_tied = is_date
            || is_day
            || (is_number && UNITS.contains(&unit))
            || before.ends_with('±')
            || (before.ends_with('%') && unit == "±");
        out.push(if is_tied { '\u{a0}' } else { ' ' });
        rest = after;
    }
    out + rest
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Text<'_> {}
impl askama::filters::HtmlSafe for Safe {}

pub(super) fn page(report: &Report) -> String {
    let sections = report.sections.iter().map(|section| Body {
        id: section.id,
        title: &section.title,
        body: Safe(section.blocks.iter().map(block).collect()),
    });
    let page = Page {
        code: report.language.code(),
        tone: report.tone.name(),
        title: unmarked(&report.title),
        report,
        sections: sections.collect(),
    };
    rendered(&page)
}

/// Writing into a string fails only where a value's `Display` does, which none of these is.
fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}

fn block(block: &Block) -> String {
    let inner = match block {
        Block::Table(table) => vec![self::table(table, table.head.len() >= STACKED)],
        Block::Plot(plot) => vec![self::plot(plot)],
        Block::Pair(blocks) => blocks.iter().map(|inner| Safe(self::block(inner))).collect(),
        _ => Vec::new(),
    };
    rendered(&BlockView { block, inner })
}

fn table(table: &Table, is_stacked: bool) -> Safe {
    Safe(rendered(&TableView { table, is_stacked }))
}

fn plot(plot: &Plot) -> Safe {
    let (title, description) = (unmarked(&plot.title), unmarked(&plot.description));
    let (svg, legend) = match &plot.shape {
        Shape::Lines(lines) => {
            let mut legend: Vec<(String, &str)> = lines
                .lines
                .iter()
                .map(|line| {
                    (line.colour.map_or("all".to_owned(), |colour| format!("c{}", colour % 6)), line.name.as_str())
                })
                .collect();
            legend.extend(lines.band.iter().map(|(_, _, name)| ("band".to_owned(), name.as_str())));
            if !lines.gaps.is_empty() {
                legend.push(("gap".to_owned(), &lines.gap_name));
            }
            (svg::lines(lines, &title, &description, plot.language), legend)
        }
        Shape::Bars(bars) => {
            let class = |index: usize| if index == 0 { "c0" } else { "other" };
            let legend = bars.groups.iter().enumerate().map(|(index, name)| (class(index).to_owned(), name.as_str()));
            (svg::bars(bars, &title, &description, plot.language), legend.collect())
        }
    };
    let table = table(&plot.table, false);
    Safe(rendered(&PlotView { plot, svg: Safe(svg), legend, table }))
}
