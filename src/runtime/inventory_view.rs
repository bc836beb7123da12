//! What Prometheus and the API are told of guests and interfaces, about once a second.

use super::engine::Engine;
use crate::http::{self, GuestView, InterfaceView, InventoryView, NicView, ProblemView, TrafficView};
use crate::inventory::{Guest, Nic};
use crate::metrics::{Metrics, NicTotals, Table};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tells both of every guest of the inventory, heard or not.
pub fn tell(engine: &Engine, metrics: &Metrics, shared: &http::Shared) {
    let inventory = engine.site().inventory();
    let mut totals: BTreeMap<String, Vec<NicTotals>> = BTreeMap::new();
    for guest in &inventory.guests {
        let cards = guest.nics.iter().filter_map(|nic| {
            let card = engine.guests().card(guest, nic)?;
            Some(NicTotals { mac: nic.mac, received: card.received, sent: card.sent })
        });
        // Guests of the same name share series.
        totals.entry(guest.to_string()).or_default().extend(cards);
    }
    metrics.guests(&totals);
    metrics.inventory_problems(inventory.problems.iter().map(|problem| problem.source));
    let (entries, capacity, evictions) = engine.meter().lan().table();
    metrics.table(Table::Lan, entries, capacity, evictions);
    shared.publish_inventory(view(engine));
}

fn view(engine: &Engine) -> InventoryView {
    let inventory = engine.site().inventory();
    let mut guests: Vec<GuestView> = inventory.guests.iter().map(|guest| guest_view(engine, guest)).collect();
    // Those at rest stay in the order of the inventory.
    guests.sort_by_key(|guest| {
        let (receive, transmit) = (&guest.receive, &guest.transmit);
        let packets = receive.packets_per_second + transmit.packets_per_second;
        Reverse((packets, receive.bits_per_second.saturating_add(transmit.bits_per_second)))
    });
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

fn guest_view(engine: &Engine, guest: &Guest) -> GuestView {
    let cards: Vec<NicView> = guest.nics.iter().map(|nic| card_view(engine, guest, nic)).collect();
    let (mut receive, mut transmit) = (TrafficView::default(), TrafficView::default());
    for card in &cards {
        receive.merge(card.receive);
        transmit.merge(card.transmit);
    }
    GuestView {
        id: guest.id.clone(),
        name: guest.name.clone(),
        origin: guest.origin.name(),
        label: guest.to_string(),
        receive,
        transmit,
        nics: cards,
    }
}

fn card_view(engine: &Engine, guest: &Guest, nic: &Nic) -> NicView {
    let guests = engine.guests();
    let mut view = NicView {
        mac: nic.mac,
        addresses: nic.addresses.iter().map(address).collect(),
        vlan: nic.vlan,
        bridge: nic.bridge.clone(),
        port: nic.port.clone(),
        ..NicView::default()
    };
    if let Some(card) = guests.card(guest, nic) {
        let (received, sent) = card.second(guests.tick());
        view.vlan = nic.vlan.or((card.vlan != 0).then_some(card.vlan));
        view.interface = card.interface().and_then(|at| engine.interfaces.get(usize::from(at)).cloned());
        view.receive = TrafficView::new(card.received, received);
        view.transmit = TrafficView::new(card.sent, sent);
        view.last_seen = card.last_seen;
    }
    view
}

/// A single address without the length of its prefix.
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
