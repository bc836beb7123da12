//! Hosts with the most traffic.

use super::super::headline::{attack_on, tone};
use super::super::pane::{Cell, Column, Look, Pane, Row, no_lines};
use super::super::sheet::Sheet;
use super::super::text::{moment, rate};
use super::super::theme::Tone;
use crate::base::grouped;
use crate::view::{HostRates, Overview};
use ratatui::text::Line;

pub(super) const PANE: Pane = Pane {
    title: "Targets",
    help: "our hosts with the most packets in the last second, received and sent",
    columns: &[
        Column::words("ADDRESS", 17).growing(),
        Column::words("GUEST", 12),
        Column::figures("RECV PPS", 9),
        Column::figures("RECV BIT/S", 10),
        Column::figures("SENT PPS", 9),
        Column::figures("SENT BIT/S", 10),
        Column::words("INCIDENT", 18).wide(),
    ],
    rows,
    above,
    below: no_lines,
    empty: |_| "No host had packets in the last second.".to_owned(),
    detail,
};

fn rows(overview: &Overview) -> Vec<Row> {
    overview.hosts.iter().map(|host| row(overview, host)).collect()
}

fn row(overview: &Overview, host: &HostRates) -> Row {
    let incident = attack_on(overview, host.address);
    let address = host.address.to_string();
    let mark = if incident.is_some() { "!" } else { " " };
    let cells = vec![
        Cell::bits(&format!("{mark} {address}"), host.address.bits()),
        Cell::text(host.guest.as_deref().unwrap_or_default()),
        Cell::count(host.receive.packets_per_second),
        Cell::count(host.receive.bits_per_second),
        Cell::count(host.transmit.packets_per_second),
        Cell::count(host.transmit.bits_per_second),
        Cell::text(incident.map_or("", |incident| incident.vector.name())),
    ];
    Row::new(address, cells).toned(incident.map_or(Tone::Plain, tone))
}

fn above(look: &Look<'_>) -> Vec<Line<'static>> {
    let (listed, known) = (look.overview.hosts.len() as u64, look.overview.hosts_known as u64);
    let text = format!(
        "The {} busiest of {} known hosts, in the last second; ! has an open incident",
        grouped(listed),
        grouped(known)
    );
    vec![look.line(Tone::Dim, &text)]
}

fn detail(look: &Look<'_>, key: &str) -> Option<Vec<Line<'static>>> {
    let overview = look.overview;
    let host = overview.hosts.iter().find(|host| host.address.to_string() == key)?;
    let mut sheet = Sheet::new(look.width, look.theme);
    sheet.say(Tone::Strong, &format!("Host {key}"));
    sheet.fact("Guest", host.guest.as_deref().unwrap_or("not known"));
    sheet.fact("Receives", &rate(host.receive));
    sheet.fact("Sends", &rate(host.transmit));
    sheet.heading("Its incidents");
    let all = overview.open.iter().chain(&overview.recent);
    let mut has_any = false;
    for incident in all.filter(|incident| incident.target.address == Some(host.address)) {
        has_any = true;
        let state = if incident.closed_at.is_none() { "OPEN" } else { "ended" };
        let onset = moment(incident.onset(), overview.at);
        let text =
            format!("{state}  {}  {}  {}  since {onset}", incident.vector, incident.severity, incident.direction);
        sheet.item(if incident.closed_at.is_none() { incident.severity.into() } else { Tone::Plain }, &text);
    }
    if !has_any {
        sheet.item(Tone::Dim, "none");
    }
    sheet.gap();
    sheet.say(Tone::Dim, &format!("pegel print-limits {key} lists the limits in force for it."));
    Some(sheet.lines())
}
