//! Pages that are lists: guests, stations, the sensor itself.

use super::now::known;
use super::parts::{List, Table};
use super::text::{Html, Shown, number, rate_cell};
use crate::base::{grouped, scaled};
use crate::view::{GuestView, Overview, Rate, TrafficView, percent};

fn list(here: &str, title: &str, notes: &[String], bodies: &[Html]) -> String {
    Html::of(&List { root: "./", here, title, is_live: true, notes, bodies }).0
}

fn rate_of(traffic: TrafficView) -> Html {
    rate_cell(Rate { packets_per_second: traffic.packets_per_second, bits_per_second: traffic.bits_per_second })
}

/// Bytes since it was first seen.
fn bytes(traffic: TrafficView) -> Html {
    Html(format!("{}B", scaled(traffic.bytes)))
}

pub(super) fn guests(guests: &[GuestView]) -> String {
    let row = |guest: &GuestView| {
        let nics: Vec<String> = guest
            .nics
            .iter()
            .map(|nic| {
                let port = nic.port.as_ref().map(|port| format!(" {}", Shown(port))).unwrap_or_default();
                let addresses: Vec<String> = nic.addresses.iter().map(|address| Shown(address).to_string()).collect();
                format!("{}{port} <small>{}</small>", nic.mac, addresses.join(", "))
            })
            .collect();
        vec![
            Html::shown(&guest.label),
            Html(nics.join("<br>")),
            rate_of(guest.receive),
            rate_of(guest.transmit),
            bytes(guest.receive),
            bytes(guest.transmit),
        ]
    };
    let head = &[
        ("Guest", false),
        ("Interfaces", false),
        ("Receives", true),
        ("Sends", true),
        ("Received", true),
        ("Sent", true),
    ];
    let table = Table {
        caption: "Busiest first; totals since it was first seen",
        none: "No guests are known. The section [inventory] of the configuration says where to look.",
        head,
        rows: guests.iter().map(row).collect(),
    };
    list("Guests", "Guests", &[], &[table.html()])
}

pub(super) fn stations(overview: &Overview) -> String {
    let rows = overview.stations.iter().map(|station| {
        let text = |text: Option<String>| text.map_or_else(Html::default, |text| Html::shown(&text));
        vec![
            Html(station.mac.to_string()),
            text(station.interface.clone()),
            text(station.guest.clone()),
            text(station.address.map(|address| address.to_string())),
            rate_cell(station.receive),
            rate_cell(station.transmit),
            number(station.broadcast_per_second),
        ]
    });
    let head = &[
        ("MAC address", false),
        ("Interface", false),
        ("Guest", false),
        ("An address of it", false),
        ("Receives", true),
        ("Sends", true),
        ("Broadcasts per second", true),
    ];
    let table = Table {
        caption: "Busiest first, over about a second",
        none: "No station sends or receives.",
        head,
        rows: rows.collect(),
    };
    let known = known(overview.stations_known, "station");
    list("Stations", "Stations", &[known], &[table.html()])
}

/// Whether what Pegel says can be relied upon.
pub(super) fn sensor(overview: &Overview) -> String {
    let sensor = &overview.sensor;
    let problems = sensor.problems();
    let mut notes = match problems.is_empty() {
        true => vec!["No problems.".to_owned()],
        false => problems,
    };
    notes.push(format!("Captured in the last minute: {}.", sensor.captured()));
    if !sensor.networks.is_empty() {
        notes.push(format!("Our networks: {}.", sensor.networks.join(", ")));
    }
    let interfaces = sensor.interfaces.iter().map(|one| {
        vec![
            Html::shown(&one.name),
            Html::text(if one.is_up { "captured" } else { "down" }),
            number(one.packets),
            number(one.kernel_dropped),
            number(one.interface_dropped),
            Html(if one.sampled > 1 { format!("1 in {}", one.sampled) } else { "all".to_owned() }),
        ]
    });
    let head: &[(&str, bool)] = &[
        ("Interface", false),
        ("State", false),
        ("Packets", true),
        ("Dropped by the kernel", true),
        ("Dropped by the interface", true),
        ("Captured", false),
    ];
    let interfaces =
        Table { caption: "Interfaces, since the start", none: "None is captured.", head, rows: interfaces.collect() };
    let outputs = sensor.outputs.iter().map(|one| {
        vec![
            Html::shown(&one.name),
            Html::text(if one.is_failing { "failing" } else { "ok" }),
            number(one.delivered),
            number(one.failed),
            number(one.dropped),
        ]
    });
    let head =
        &[("Output", false), ("State", false), ("Delivered", true), ("Failed attempts", true), ("Dropped", true)];
    let outputs =
        Table { caption: "Outputs, since the start", none: "None is configured.", head, rows: outputs.collect() };
    let checks = sensor.checks.iter().map(|one| {
        vec![Html::shown(&one.name), Html::text(one.state), Html::shown(&one.what), Html::shown(&one.message)]
    });
    let head = &[("Check", false), ("State", false), ("Requirement", false), ("Found", false)];
    let checks = Table { caption: "Checks of this host", none: "None is configured.", head, rows: checks.collect() };
    let tables = sensor.tables.iter().map(|one| {
        let share = one.entries as f64 / one.capacity.max(1) as f64;
        let part = (share.min(1.0) * 100.0).round();
        let bar = format!(
            "{}<svg class=\"meter\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect \
             class=\"rest\" width=\"100\" height=\"6\"/><rect class=\"part\" width=\"{part}\" height=\"6\"/></svg>",
            percent(share)
        );
        vec![Html::text(one.name), number(one.entries), number(one.capacity), Html(bar), number(one.evictions)]
    });
    let head = &[("Table", false), ("Entries", true), ("Capacity", true), ("Filled", false), ("Evictions", true)];
    let tables = Table { caption: "Tables of bounded size", none: "There are none.", head, rows: tables.collect() };
    let store = sensor.store.as_ref().map(|store| {
        let state = if store.is_failing { "cannot be written" } else { "works" };
        format!(
            "The store {state}; it takes {}B; {} entries were dropped.",
            scaled(store.bytes),
            grouped(store.dropped)
        )
    });
    notes.push(store.unwrap_or_else(|| "Nothing is stored.".to_owned()));
    let bodies = [interfaces.html(), outputs.html(), checks.html(), tables.html()];
    list("Sensor", &format!("Sensor {}", crate::report::plain(&sensor.name, 64)), &notes, &bodies)
}
