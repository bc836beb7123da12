//! Publishes guests and interfaces to the metrics and the HTTP API, about once per second.

use super::engine::Engine;
use crate::http;
use crate::inventory::{Guest, Nic};
use crate::metrics::{Metrics, NicTotals, Table};
use crate::view::{GuestView, InterfaceView, InventoryView, NicView, ProblemView, TrafficView};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Publishes every guest of the inventory, with or without traffic.
pub(super) fn publish(engine: &Engine, metrics: &Metrics, shared: &http::Shared) {
    let inventory = engine.site().inventory();
    let mut totals: BTreeMap<String, Vec<NicTotals>> = BTreeMap::new();
    for guest in &inventory.guests {
        let nics = guest.nics.iter().filter_map(|nic| {
            let rates = engine.guests().nic(guest, nic)?;
            Some(NicTotals { mac: nic.mac, received: rates.received, sent: rates.sent })
        });
        // Guests with the same label share series.
        totals.entry(guest.to_string()).or_default().extend(nics);
    }
    metrics.guests(&totals);
    metrics.inventory_problems(inventory.problems.iter().map(|problem| problem.source));
    let (entries, capacity, evictions) = engine.meter().lan().table();
    metrics.table(Table::Lan, entries, capacity, evictions);
    shared.publish_inventory(view(engine));
}

fn view(engine: &Engine) -> InventoryView {
    let inventory = engine.site().inventory();
    let guests = guest_views(engine);
    let labels = inventory.guests.iter().flat_map(|guest| {
        let label = guest.to_string();
        guest.nics.iter().map(move |nic| (nic.mac, label.clone()))
    });
    let problems = inventory.problems.iter().map(|problem| ProblemView {
        source: problem.source,
        at: problem.at.clone(),
        message: problem.message.clone(),
    });
    InventoryView {
        tick: engine.guests().tick(),
        guests,
        labels: labels.collect(),
        interfaces: interfaces(engine),
        problems: problems.collect(),
    }
}

/// Guests with their traffic.
pub(super) fn guest_views(engine: &Engine) -> Vec<GuestView> {
    let inventory = engine.site().inventory();
    let mut guests: Vec<GuestView> = inventory.guests.iter().map(|guest| guest_view(engine, guest)).collect();
    // Busiest first; guests without traffic stay in the order of the inventory.
    guests.sort_by_key(|guest| {
        let (receive, transmit) = (&guest.receive, &guest.transmit);
        let packets = receive.packets_per_second + transmit.packets_per_second;
        Reverse((packets, receive.bits_per_second.saturating_add(transmit.bits_per_second)))
    });
    guests
}

fn guest_view(engine: &Engine, guest: &Guest) -> GuestView {
    let nics: Vec<NicView> = guest.nics.iter().map(|nic| nic_view(engine, guest, nic)).collect();
    let (mut receive, mut transmit) = (TrafficView::default(), TrafficView::default());
    for nic in &nics {
        receive.merge(nic.receive);
        transmit.merge(nic.transmit);
    }
    GuestView {
        id: guest.id.clone(),
        name: guest.name.clone(),
        origin: guest.origin.name(),
        label: guest.to_string(),
        receive,
        transmit,
        nics,
    }
}

fn nic_view(engine: &Engine, guest: &Guest, nic: &Nic) -> NicView {
    let guests = engine.guests();
    let mut view = NicView {
        mac: nic.mac,
        addresses: nic.addresses.iter().map(address).collect(),
        vlan: nic.vlan,
        bridge: nic.bridge.clone(),
        port: nic.port.clone(),
        ..NicView::default()
    };
    if let Some(rates) = guests.nic(guest, nic) {
        let (received, sent) = rates.last_second(guests.tick());
        view.vlan = nic.vlan.or((rates.vlan != 0).then_some(rates.vlan));
        view.interface = rates.interface().and_then(|index| engine.interfaces.get(usize::from(index)).cloned());
        view.receive = TrafficView::new(rates.received, received);
        view.transmit = TrafficView::new(rates.sent, sent);
        view.last_seen = rates.last_seen;
    }
    view
}

/// A single address is shown without its prefix length.
fn address(network: &ipnet::IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

fn interfaces(engine: &Engine) -> Vec<InterfaceView> {
    let view = |(index, name): (usize, &String)| {
        let seen = engine.meter().lan().interface(index as u16);
        let segment = engine.interfaces.get(usize::from(seen.segment)).unwrap_or(name);
        InterfaceView {
            name: name.clone(),
            role: seen.role.name(),
            bridge: engine.site().bridge(name).map(str::to_owned),
            lan: segment.clone(),
        }
    };
    engine.interfaces.iter().enumerate().map(view).collect()
}
