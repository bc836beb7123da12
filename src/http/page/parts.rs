//! Parts that several pages have: the frame, sections, tables, plots, lists of incidents.

use super::text::{Html, Moment, Shown, for_how_long, rate};
use crate::base::Timestamp;
use crate::incident::Incident;
use crate::report::{Language, Line, Lines, line_plot};
use crate::view::{Rate, attack};
use askama::Template;

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The pages, by path below the root.
pub(super) const NAVIGATION: &[(&str, &str)] = &[
    ("", "Now"),
    ("incidents", "Incidents"),
    ("guests", "Guests"),
    ("stations", "Stations"),
    ("history", "History"),
    ("sensor", "Sensor"),
    ("runbooks", "Runbooks"),
];

/// Points of a plot that have a row in the table behind it.
const ROWS: usize = 30;

#[derive(Template)]
#[template(path = "page/section.html")]
struct Section<'a> {
    id: &'a str,
    title: &'a str,
    notes: &'a [String],
    bodies: &'a [Html],
}

pub(super) fn section(id: &str, title: &str, notes: &[String], bodies: &[Html]) -> Html {
    Html::of(&Section { id, title, notes, bodies })
}

/// A page with one list or several.
#[derive(Template)]
#[template(path = "page/list.html")]
pub(super) struct List<'a> {
    pub root: &'a str,
    pub here: &'a str,
    pub title: &'a str,
    pub is_live: bool,
    pub notes: &'a [String],
    pub bodies: &'a [Html],
}

/// A page with one text.
#[derive(Template)]
#[template(path = "page/document.html")]
pub(super) struct Document<'a> {
    pub root: &'a str,
    pub here: &'a str,
    pub title: &'a str,
    pub body: Html,
}

/// A table; the first cell of a row is its heading.
#[derive(Template)]
#[template(path = "page/table.html")]
pub(super) struct Table<'a> {
    pub caption: &'a str,
    /// What is said where there are no rows.
    pub none: &'a str,
    /// Names of the columns, and whether they are numbers.
    pub head: &'a [(&'a str, bool)],
    pub rows: Vec<Vec<Html>>,
}

impl Table<'_> {
    fn label(&self, column: &usize) -> &str {
        self.head.get(*column).map_or("", |(name, _)| *name)
    }

    fn is_number(&self, column: &usize) -> bool {
        self.head.get(*column).is_some_and(|(_, is_number)| *is_number)
    }

    /// Whether rows become blocks on a phone.
    fn is_stacked(&self) -> bool {
        self.head.len() > 3
    }

    pub(super) fn html(&self) -> Html {
        Html::of(self)
    }
}

#[derive(Template)]
#[template(path = "page/plot.html")]
struct Plot<'a> {
    id: &'a str,
    title: &'a str,
    svg: Html,
    legend: Vec<(String, &'a str)>,
    table: Html,
}

/// A plot with the table of its figures behind it.
pub(super) fn plot(id: &str, title: &str, lines: &Lines) -> Html {
    let highest = lines.lines.iter().flat_map(|line| line.runs.iter().flatten()).fold(0.0, |most, (_, v)| v.max(most));
    let description = format!("{title}; highest {highest:.0}; the figures are in the table below");
    let colour = |line: &Line| line.colour.map_or_else(|| "all".to_owned(), |colour| format!("c{colour}"));
    let legend = match lines.lines.as_slice() {
        [_] => Vec::new(),
        lines => lines.iter().map(|line| (colour(line), line.name.as_str())).collect(),
    };
    let svg = Html(line_plot(lines, title, &description, Language::En));
    let title = &format!("{title} (UTC)");
    Html::of(&Plot { id, title, svg, legend, table: figures(lines) })
}

/// The latest points first.
fn figures(plot: &Lines) -> Html {
    let head: Vec<(&str, bool)> =
        std::iter::once(("Time", false)).chain(plot.lines.iter().map(|line| (line.name.as_str(), true))).collect();
    let points = |line: &Line| line.runs.iter().flatten().copied().collect::<Vec<(Timestamp, f64)>>();
    let columns: Vec<Vec<(Timestamp, f64)>> = plot.lines.iter().map(points).collect();
    let times = columns.first().map(Vec::as_slice).unwrap_or_default().iter().map(|(at, _)| *at);
    let row = |at: Timestamp| {
        let value = |column: &Vec<(Timestamp, f64)>| {
            let found = column.binary_search_by_key(&at, |(at, _)| *at).ok().and_then(|index| column.get(index));
            Html(found.map_or_else(String::new, |(_, value)| format!("{value:.0}")))
        };
        std::iter::once(Html::moment(at)).chain(columns.iter().map(value)).collect()
    };
    let rows = times.rev().take(ROWS).map(row).collect();
    Table { caption: "Latest first", none: "There are no figures.", head: &head, rows }.html()
}

/// One incident in a list.
pub(super) struct IncidentLine {
    severity: &'static str,
    state: &'static str,
    id: String,
    target: String,
    guest: Option<String>,
    attack: String,
    direction: &'static str,
    since: Timestamp,
    lasted: String,
    peak: (String, String),
    names: Vec<String>,
}

/// Names of requests that a list shows.
const NAMES: usize = 2;

impl IncidentLine {
    /// `now`: packet time, for those that are open.
    pub(super) fn new(incident: &Incident, now: Timestamp) -> IncidentLine {
        IncidentLine {
            severity: incident.severity.name(),
            state: state(incident),
            id: incident.id.clone(),
            target: incident.target.label(),
            guest: incident.target.guest.clone(),
            attack: attack(incident),
            direction: incident.direction.name(),
            since: incident.onset(),
            lasted: for_how_long(incident, now),
            peak: rate(peak(incident)),
            names: incident
                .names
                .iter()
                .filter(|one| !one.name.is_empty())
                .take(NAMES)
                .map(|one| one.name.clone())
                .collect(),
        }
    }
}

/// "open", or how it ended.
pub(super) fn state(incident: &Incident) -> &'static str {
    match (incident.drill, incident.close_reason) {
        (true, None) => "open (drill)",
        (true, Some(_)) => "over (drill)",
        (_, None) => "open",
        (_, Some(crate::incident::CloseReason::Quiet)) => "over",
        (_, Some(crate::incident::CloseReason::Merged)) => "merged",
        (_, Some(crate::incident::CloseReason::Evicted)) => "evicted",
        (_, Some(_)) => "interrupted",
    }
}

pub(super) fn peak(incident: &Incident) -> Rate {
    let peak = incident.peak;
    Rate { packets_per_second: peak.packets_per_second, bits_per_second: peak.bits_per_second }
}

#[derive(Template)]
#[template(path = "page/incident_table.html")]
struct IncidentTable<'a> {
    root: &'a str,
    caption: &'a str,
    none: &'a str,
    lines: Vec<IncidentLine>,
}

pub(super) fn incident_table(root: &str, caption: &str, none: &str, lines: Vec<IncidentLine>) -> Html {
    Html::of(&IncidentTable { root, caption, none, lines })
}
