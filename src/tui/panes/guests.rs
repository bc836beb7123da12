//! Virtual machines and containers.

use super::super::pane::{Cell, Column, Look, Pane, Row, no_lines};
use super::super::sheet::Sheet;
use super::super::text::{bits, moment, packets};
use super::super::theme::Tone;
use crate::base::{Timestamp, grouped, scaled};
use crate::view::{GuestView, NicView, Overview, TrafficView};
use ratatui::text::Line;

pub(super) const PANE: Pane = Pane {
    title: "Guests",
    help: "virtual machines and containers, with their traffic; Enter lists their NICs",
    columns: &[
        Column::words("GUEST", 20).growing(),
        Column::words("ORIGIN", 9),
        Column::figures("NICS", 4),
        Column::figures("RECV PPS", 9),
        Column::figures("RECV BIT/S", 10),
        Column::figures("SENT PPS", 9),
        Column::figures("SENT BIT/S", 10),
    ],
    rows,
    above: no_lines,
    below: no_lines,
    empty: |_| "No guests are known on this host.".to_owned(),
    detail,
};

fn rows(overview: &Overview) -> Vec<Row> {
    overview.guests.iter().map(row).collect()
}

/// An ID alone is unique within its origin only.
fn key(guest: &GuestView) -> String {
    format!("{}\n{}", guest.origin, guest.id)
}

fn row(guest: &GuestView) -> Row {
    let cells = vec![
        Cell::text(&guest.label),
        Cell::text(guest.origin),
        Cell::count(guest.nics.len() as u64),
        Cell::count(guest.receive.packets_per_second),
        Cell::count(guest.receive.bits_per_second),
        Cell::count(guest.transmit.packets_per_second),
        Cell::count(guest.transmit.bits_per_second),
    ];
    let found_by = guest.nics.iter().flat_map(|nic| nic.addresses.iter().cloned().chain([nic.mac.to_string()]));
    let found_by: Vec<String> = found_by.collect();
    Row::new(key(guest), cells).also(&guest.name).also(&found_by.join(" "))
}

fn detail(look: &Look<'_>, wanted: &str) -> Option<Vec<Line<'static>>> {
    let guest = look.overview.guests.iter().find(|guest| key(guest) == wanted)?;
    let mut sheet = Sheet::new(look.width, look.theme);
    sheet.say(Tone::Strong, &format!("Guest {}", guest.label));
    sheet.fact("ID", &guest.id);
    sheet.fact("Name", &guest.name);
    sheet.fact("Origin", guest.origin);
    sheet.fact("Receives", &traffic(guest.receive));
    sheet.fact("Sends", &traffic(guest.transmit));
    for nic in &guest.nics {
        describe(&mut sheet, nic, look.overview.at);
    }
    Some(sheet.lines())
}

fn describe(sheet: &mut Sheet, nic: &NicView, now: Option<Timestamp>) {
    sheet.heading(&format!("NIC {}", nic.mac));
    sheet.fact("Addresses", &if nic.addresses.is_empty() { "none known".to_owned() } else { nic.addresses.join(", ") });
    let places = [("Bridge", &nic.bridge), ("Port", &nic.port), ("Counted on", &nic.interface)];
    for (name, place) in places.into_iter().filter_map(|(name, place)| place.as_ref().map(|place| (name, place))) {
        sheet.fact(name, place);
    }
    if let Some(vlan) = nic.vlan {
        sheet.fact("VLAN", &vlan.to_string());
    }
    sheet.fact("Receives", &traffic(nic.receive));
    sheet.fact("Sends", &traffic(nic.transmit));
    sheet.fact("Last sent", &nic.last_seen.map_or_else(|| "never seen".to_owned(), |at| moment(at, now)));
}

fn traffic(view: TrafficView) -> String {
    let (packets_now, bits_now) = (packets(view.packets_per_second), bits(view.bits_per_second));
    format!("{packets_now}, {bits_now}; in all {} packets, {}B", grouped(view.packets), scaled(view.bytes))
}
