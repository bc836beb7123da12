//! The host and station tables as JSON: the busiest entries, copied before they are written.

use super::shared::Shared;
use crate::base::{Addr, Mac, Timestamp};
use crate::meter::{Count, FadingCount, HostEntry, StationEntry};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct CountView {
    packets: u64,
    bytes: u64,
}

impl From<Count> for CountView {
    fn from(count: Count) -> Self {
        CountView { packets: count.packets, bytes: count.bytes }
    }
}

/// Totals cover the lifetime of the table entry.
#[derive(Serialize, ToSchema)]
struct HostView {
    address: Addr,
    /// Exponentially decaying average over about a second, both directions.
    packets_per_second: f64,
    receive: CountView,
    transmit: CountView,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

/// One direction of a station: totals, and rates as exponentially decaying averages over about a second.
#[derive(Serialize, ToSchema)]
struct StationTrafficView {
    packets: u64,
    bytes: u64,
    packets_per_second: f64,
    bits_per_second: f64,
}

impl StationTrafficView {
    fn new(total: Count, rate: FadingCount) -> Self {
        StationTrafficView {
            packets: total.packets,
            bytes: total.bytes,
            packets_per_second: tenths(rate.packets),
            bits_per_second: (f64::from(rate.bytes) * 8.0).round(),
        }
    }
}

/// The end of a tick; `None` before the first one.
pub(super) fn end_of(tick: u64) -> Option<Timestamp> {
    (tick > 0).then(|| Timestamp::from_tick(tick.saturating_add(1)))
}

/// Rounded to one decimal place.
fn tenths(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}

#[derive(Serialize, ToSchema)]
struct StationView {
    mac: Mac,
    interface: Option<String>,
    /// The guest whose NIC has this address.
    guest: Option<String>,
    /// The bridge port where its frames enter the LAN, if it is captured.
    port: Option<String>,
    vlan: Option<u16>,
    /// An IP source address that it used.
    address: Option<Addr>,
    receive: StationTrafficView,
    transmit: StationTrafficView,
    broadcast_packets: u32,
    broadcast_packets_per_second: f64,
    multicast_packets: u32,
    arp_packets: u32,
    nd_packets: u32,
    dhcp_packets: u32,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Hosts {
    /// The packet time that the rates are of.
    at: Option<Timestamp>,
    hosts: Vec<HostView>,
    /// Entries in the table.
    entries: usize,
    /// Entries evicted since the start.
    evictions: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Stations {
    at: Option<Timestamp>,
    stations: Vec<StationView>,
    entries: usize,
    evictions: u64,
}

/// Ranks hosts by their decaying activity at any later time, without that time as an argument: activity decreases by a
/// tenth each tick, so its logarithm is linear in time and the order of two hosts never changes.
fn activity_rank(entry: &HostEntry) -> u64 {
    // Fine enough to separate hosts whose activity differs by a thousandth, and far below 2^64 at any date.
    (log_activity(entry) * 1e6) as u64
}

fn log_activity(entry: &HostEntry) -> f64 {
    const FADE: f64 = 0.105_360_515_657_826_3; // -ln(0.9)
    f64::from(entry.activity).ln() + entry.last_tick as f64 * FADE
}

/// The busiest hosts.
pub(super) fn hosts(shared: &Shared, limit: usize) -> Hosts {
    let top = shared.hosts.top(limit, activity_rank);
    // The second that was published last began with this tick, and the table has what came before it. On an idle link no
    // entry is as young: the rates fade all the same.
    let published = shared.inventory().tick.saturating_sub(1);
    let now = top.iter().map(|(_, entry)| entry.last_tick).max().unwrap_or(0).max(published);
    let view = |(address, entry): (Addr, HostEntry)| HostView {
        address,
        packets_per_second: tenths(entry.activity_at(now)),
        receive: entry.received.into(),
        transmit: entry.sent.into(),
        first_seen: entry.first,
        last_seen: entry.last,
    };
    Hosts {
        at: end_of(now),
        hosts: top.into_iter().map(view).collect(),
        entries: shared.hosts.len(),
        evictions: shared.hosts.evictions(),
    }
}

/// Sort key of stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StationSort {
    /// Total packets sent and received.
    Total,
    /// Packets sent per second.
    Transmit,
    /// Packets received per second.
    Receive,
    /// Broadcast frames sent per second.
    Broadcast,
}

/// The busiest stations, of the interface with the index `only` if given.
pub(super) fn stations(shared: &Shared, limit: usize, sort: StationSort, only: Option<usize>) -> Stations {
    let inventory = shared.inventory();
    let lan = |interface: u16| inventory.interfaces.get(usize::from(interface)).map(|view| view.lan.as_str());
    let mut now = inventory.tick;
    // The latest entry port of each station, by LAN.
    let mut ports: BTreeMap<(&str, Mac), (u64, Reverse<u16>)> = BTreeMap::new();
    shared.stations.visit(|&(interface, mac), entry| {
        now = now.max(entry.last_tick);
        let view = inventory.interfaces.get(usize::from(interface));
        if entry.entered_tick > 0
            && let Some(view) = view.filter(|view| view.is_entry_port())
        {
            let candidate = (entry.entered_tick, Reverse(interface));
            let port = ports.entry((&view.lan, mac)).or_insert(candidate);
            *port = candidate.max(*port);
        }
    });
    let rank = |&(interface, _): &(u16, Mac), entry: &StationEntry| {
        if only.is_some_and(|only| only != usize::from(interface)) {
            return None;
        }
        let rates = entry.rates_at(now);
        let total = entry.totals.sent.packets + entry.totals.received.packets;
        let rate = match sort {
            StationSort::Total => 0.0,
            StationSort::Transmit => rates.sent.packets,
            StationSort::Receive => rates.received.packets,
            StationSort::Broadcast => rates.broadcast,
        };
        // In tenths, as shown; ties are broken by the total.
        Some(((rate * 10.0).round() as u64, total))
    };
    let view = |((interface, mac), entry): ((u16, Mac), StationEntry)| {
        let (totals, rates) = (entry.totals, entry.rates_at(now));
        let port = lan(interface).and_then(|lan| ports.get(&(lan, mac)));
        let name = |index: u16| shared.interfaces.get(usize::from(index)).cloned();
        StationView {
            mac,
            interface: name(interface),
            guest: inventory.labels.get(&mac).cloned(),
            port: port.and_then(|&(_, Reverse(port))| name(port)),
            vlan: (totals.vlan != 0).then_some(totals.vlan),
            address: (totals.address != Addr::UNSPECIFIED).then_some(totals.address),
            receive: StationTrafficView::new(totals.received, rates.received),
            transmit: StationTrafficView::new(totals.sent, rates.sent),
            broadcast_packets: totals.broadcast,
            broadcast_packets_per_second: tenths(rates.broadcast),
            multicast_packets: totals.multicast,
            arp_packets: totals.arp,
            nd_packets: totals.nd,
            dhcp_packets: totals.dhcp,
            first_seen: totals.first,
            last_seen: totals.last,
        }
    };
    Stations {
        at: end_of(now),
        stations: shared.stations.top_of(limit, rank).into_iter().map(view).collect(),
        entries: shared.stations.len(),
        evictions: shared.stations.evictions(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_agree_with_activity_at_any_time() {
        let now = 17_672_256_000u64;
        let entry = |activity, age| HostEntry { activity, last_tick: now - age, ..HostEntry::default() };
        let entries = [entry(1000.0, 0), entry(100_000.0, 20), entry(5.0, 0), entry(900.0, 1), entry(1.0e6, 200)];
        for a in &entries {
            for b in &entries {
                let expected = a.activity_at(now).total_cmp(&b.activity_at(now));
                assert_eq!(activity_rank(a).cmp(&activity_rank(b)), expected, "{a:?} {b:?}");
            }
        }
        assert_eq!(activity_rank(&HostEntry::default()), 0);
    }
}
