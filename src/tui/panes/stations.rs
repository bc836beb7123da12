//! Stations on our LANs, by MAC address.

use super::super::pane::{Cell, Column, Look, Pane, Row, no_lines};
use super::super::sheet::Sheet;
use super::super::text::rate;
use super::super::theme::Tone;
use crate::base::grouped;
use crate::view::{Overview, StationRates};
use ratatui::text::Line;

pub(super) const PANE: Pane = Pane {
    title: "Stations",
    help: "MAC addresses with the most frames, and their broadcasts",
    columns: &[
        Column::words("MAC", 17),
        Column::words("ADDRESS", 15).growing(),
        Column::words("GUEST", 14).wide(),
        Column::words("INTERFACE", 9),
        Column::figures("RECV PPS", 8),
        Column::figures("SENT PPS", 8),
        Column::figures("SENT BIT/S", 10).wide(),
        Column::figures("BCAST PPS", 9),
    ],
    rows,
    above,
    below: no_lines,
    empty: |_| "No station is known: its frames are not captured, or there are none.".to_owned(),
    detail,
};

fn rows(overview: &Overview) -> Vec<Row> {
    overview.stations.iter().map(row).collect()
}

/// A station is counted on each interface separately.
fn key(station: &StationRates) -> String {
    format!("{}\n{}", station.mac, station.interface.as_deref().unwrap_or_default())
}

fn row(station: &StationRates) -> Row {
    let address = match station.address {
        Some(address) => Cell::bits(&address.to_string(), address.bits()),
        None => Cell::bits("", 0),
    };
    let guest = station.guest.as_deref().unwrap_or_default();
    let cells = vec![
        Cell::text(&station.mac.to_string()),
        address,
        Cell::text(guest),
        Cell::text(station.interface.as_deref().unwrap_or_default()),
        Cell::count(station.receive.packets_per_second),
        Cell::count(station.transmit.packets_per_second),
        Cell::count(station.transmit.bits_per_second),
        Cell::count(station.broadcast_per_second),
    ];
    Row::new(key(station), cells)
}

fn above(look: &Look<'_>) -> Vec<Line<'static>> {
    let (listed, known) = (look.overview.stations.len() as u64, look.overview.stations_known as u64);
    let text =
        format!("The {} busiest of {} known stations, averaged over about a second", grouped(listed), grouped(known));
    vec![look.line(Tone::Dim, &text)]
}

fn detail(look: &Look<'_>, wanted: &str) -> Option<Vec<Line<'static>>> {
    let station = look.overview.stations.iter().find(|station| key(station) == wanted)?;
    let mut sheet = Sheet::new(look.width, look.theme);
    sheet.say(Tone::Strong, &format!("Station {}", station.mac));
    sheet.fact("Guest", station.guest.as_deref().unwrap_or("not known"));
    sheet.fact("Interface", station.interface.as_deref().unwrap_or("not known"));
    sheet.fact("Address", &station.address.map_or_else(|| "none seen".to_owned(), |address| address.to_string()));
    sheet.fact("Receives", &rate(station.receive));
    sheet.fact("Sends", &rate(station.transmit));
    sheet.fact("Broadcasts", &format!("{} frames per second", grouped(station.broadcast_per_second)));
    Some(sheet.lines())
}
