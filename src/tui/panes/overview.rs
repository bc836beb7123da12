//! Everything at a glance: traffic over two minutes, open incidents, who receives most, and of what.

use super::super::pane::{Look, Pane, Row};
use super::super::text::{bars, columns, fitted, neutral, packets, rate, width};
use super::super::theme::Tone;
use super::incidents::{COLUMNS, of_incident, row};
use crate::base::Timestamp;
use crate::view::{HostRates, KEPT_SECONDS, Overview, Rate, TrafficSecond};
use ratatui::text::Line;
use std::cmp::Reverse;

/// Lines of the plot, on a low and on a high terminal.
const PLOT: (usize, usize) = (4, 10);
/// Lines from which a terminal is high.
const HIGH: usize = 36;
/// Columns of the scale beside the plot.
const SCALE: usize = 11;
/// Incidents that have ended, where none is open.
const LATEST: usize = 5;
/// Measurements of the most urgent incident.
const EVIDENCE: usize = 3;
/// Lines that the lists have at least, with their heading.
const LEAST_LISTED: usize = 5;
/// Columns between the two lists.
const BETWEEN: usize = 3;

pub(super) const PANE: Pane = Pane {
    title: "Overview",
    help: "traffic of the last two minutes, open incidents with evidence, top targets and classes",
    columns: COLUMNS,
    rows,
    above: plot,
    below: top,
    empty: |_| "No incident is open, and none is kept of the past.".to_owned(),
    detail: of_incident,
};

/// Open incidents; where there are none, the latest of the others.
fn rows(overview: &Overview) -> Vec<Row> {
    let mut shown = overview.by_urgency();
    if shown.is_empty() {
        shown.extend(overview.recent.iter().take(LATEST));
    }
    shown.into_iter().map(|incident| row(incident, overview.at)).collect()
}

fn plot(look: &Look<'_>) -> Vec<Line<'static>> {
    let traffic = &look.overview.traffic;
    let none = TrafficSecond::default();
    let last = traffic.last().unwrap_or(&none);
    let highest = traffic.iter().map(|second| second.receive.packets_per_second).max().unwrap_or(0);
    let now = rate(last.receive);
    let mut lines = vec![Line::from(vec![
        look.span(Tone::Heading, "Received "),
        look.span(Tone::Strong, &now),
        look.span(Tone::Plain, &format!("   sent {}   last {KEPT_SECONDS} s:", rate(last.transmit))),
    ])];
    let points: Vec<(Timestamp, u64)> =
        traffic.iter().map(|second| (second.at, second.receive.packets_per_second)).collect();
    let values = columns(&points, 1, look.width.saturating_sub(SCALE + 1));
    let height = if look.height >= HIGH { PLOT.1 } else { PLOT.0 };
    for (number, line) in bars(&values, height).into_iter().enumerate() {
        let scale = match number {
            0 => packets(highest),
            _ if number + 1 == height => "0 pps".to_owned(),
            _ => String::new(),
        };
        lines
            .push(Line::from(vec![look.span(Tone::Dim, &format!("{scale:>SCALE$} ")), look.span(Tone::Notice, &line)]));
    }
    let heading = match (look.overview.open.is_empty(), look.overview.recent.is_empty()) {
        (false, _) => "Open incidents",
        (true, false) => "No incident is open. The latest:",
        (true, true) => "Incidents",
    };
    lines.push(look.line(Tone::Heading, heading));
    lines
}

/// Why the most urgent incident is one; then top targets beside top classes.
fn top(look: &Look<'_>) -> Vec<Line<'static>> {
    let worst = look.overview.by_urgency().into_iter().next();
    let evidence = worst.into_iter().flat_map(|incident| &incident.evidence).take(EVIDENCE);
    let mut lines: Vec<Line<'static>> =
        evidence.map(|one| look.line(Tone::Plain, &fitted(&neutral(&one.message), look.width))).collect();
    if !lines.is_empty() {
        lines.insert(0, look.line(Tone::Heading, "Evidence"));
        lines.push(Line::default());
    }
    lines.truncate(look.height.saturating_sub(LEAST_LISTED));
    let left = look.width.saturating_sub(BETWEEN) * 3 / 5;
    let right = look.width.saturating_sub(BETWEEN + left);
    let most = look.height.saturating_sub(lines.len() + 1);
    let mut hosts: Vec<&HostRates> = look.overview.hosts.iter().collect();
    hosts.sort_by_key(|host| Reverse(host.receive.packets_per_second));
    let target = |host: &HostRates| {
        let guest = host.guest.as_deref().map(|guest| format!(" ({guest})")).unwrap_or_default();
        listed(&format!("{}{guest}", host.address), host.receive, left)
    };
    let targets: Vec<String> = hosts.into_iter().take(most).map(target).collect();
    let classes: Vec<_> = busiest(look.overview).into_iter().take(most).collect();
    let classes: Vec<String> = classes.into_iter().map(|(class, receive)| listed(class, receive, right)).collect();
    let gap = " ".repeat(BETWEEN);
    let heading = format!("{}{gap}{}", fitted("Top targets (received)", left), "Top classes (received)");
    lines.push(look.line(Tone::Heading, &heading));
    for number in 0..targets.len().max(classes.len()).max(1) {
        let none = if number == 0 { "no packets" } else { "" };
        let of = |list: &[String]| list.get(number).map_or(none, String::as_str).to_owned();
        let text = format!("{}{gap}{}", fitted(&of(&targets), left), of(&classes));
        lines.push(look.line(Tone::Plain, &text));
    }
    lines
}

/// Classes of the last second that our hosts receive, busiest first.
fn busiest(overview: &Overview) -> Vec<(&str, Rate)> {
    let classes = overview.traffic.last().map(|second| second.classes.as_slice()).unwrap_or_default();
    let mut classes: Vec<_> = classes.iter().map(|class| (class.class, class.receive)).collect();
    classes.retain(|(_, receive)| receive.packets_per_second > 0);
    classes.sort_by_key(|(_, receive)| Reverse(receive.packets_per_second));
    classes
}

/// A name at the left and its rate at the right.
fn listed(name: &str, receive: Rate, columns: usize) -> String {
    let rate = packets(receive.packets_per_second);
    format!("{} {rate}", fitted(&neutral(name), columns.saturating_sub(width(&rate) + 1)))
}
