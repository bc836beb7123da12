//! Incidents, open ones first.

use super::super::headline::tone;
use super::super::pane::{Cell, Column, Look, Pane, Row, no_lines};
use super::super::text::brief_moment;
use super::incident::detail;
use crate::base::{Severity, Timestamp, lasting};
use crate::incident::Incident;
use crate::view::Overview;
use ratatui::text::Line;

pub(super) const PANE: Pane = Pane {
    title: "Incidents",
    help: "open and recent incidents; Enter shows all facts, the evidence and its limits",
    columns: COLUMNS,
    rows,
    above: no_lines,
    below: no_lines,
    empty: |_| "No incident is open, and none is kept of the past.".to_owned(),
    detail: of_incident,
};

pub(super) const COLUMNS: &[Column] = &[
    Column::words("SEV", 7),
    Column::words("STATE", 5),
    Column::words("TARGET", 15).growing(),
    Column::words("VECTOR", 17),
    Column::figures("ONSET UTC", 11),
    Column::figures("DURATION", 10).wide(),
    Column::words("GUEST", 16).wide(),
    Column::words("DIRECTION", 9).wide(),
    Column::figures("PEAK BIT/S", 10).wide(),
    Column::figures("PEAK PPS", 8),
];

fn rows(overview: &Overview) -> Vec<Row> {
    let all = overview.by_urgency().into_iter().chain(&overview.recent);
    all.map(|incident| row(incident, overview.at)).collect()
}

/// One incident as a row.
pub(super) fn row(incident: &Incident, now: Option<Timestamp>) -> Row {
    let (onset, lasted) = (incident.onset(), incident.lasted_seconds());
    let severity = match incident.severity {
        Severity::Critical => "!! crit",
        Severity::Warning => "!  warn",
        Severity::Info => "   info",
    };
    let state = match incident.closed_at {
        _ if incident.drill => "drill",
        None => "OPEN",
        Some(_) if incident.is_merged() => "part",
        Some(_) => "ended",
    };
    let (packets_peak, bits_peak) = (incident.peak.packets_per_second, incident.peak.bits_per_second);
    let guest = incident.target.guest.as_deref().unwrap_or_default();
    let address = incident.target.address.map(|address| address.bits());
    let target = incident.target.label();
    let vector = match incident.vectors.len() {
        0 | 1 => incident.vector.name().to_owned(),
        count => format!("{} +{}", incident.vector.name(), count - 1),
    };
    let cells = vec![
        Cell::number(severity, f64::from(incident.severity as u8)),
        Cell::text(state),
        address.map_or_else(|| Cell::text(&target), |bits| Cell::bits(&target, bits)),
        Cell::text(&vector),
        Cell::number(&brief_moment(onset, now), onset.nanos() as f64),
        Cell::number(&lasting(lasted), lasted),
        Cell::text(guest),
        Cell::text(incident.direction.name()),
        Cell::count(bits_peak),
        Cell::count(packets_peak),
    ];
    let vectors = incident.vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join(" ");
    let is_open = incident.closed_at.is_none();
    let row = Row::new(incident.id.clone(), cells).also(&vectors).also(&incident.id);
    if is_open { row.toned(tone(incident)) } else { row }
}

/// Of the incident with this ID.
pub(super) fn of_incident(look: &Look<'_>, id: &str) -> Option<Vec<Line<'static>>> {
    let mut all = look.overview.open.iter().chain(&look.overview.recent);
    all.find(|incident| incident.id == id).map(|incident| detail(look, incident))
}
