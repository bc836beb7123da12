//! The hot tables as JSON: the busiest entries, copied out and then written.

use super::shared::Shared;
use crate::base::{Addr, Mac, Timestamp};
use crate::meter::{Count, FadingCount, HostEntry, StationEntry};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct CountView {
    packets: u64,
    bytes: u64,
}

impl From<Count> for CountView {
    fn from(count: Count) -> Self {
        CountView { packets: count.packets, bytes: count.bytes }
    }
}

/// Totals are over the lifetime of the entry in its table.
#[derive(Serialize)]
struct HostView {
    address: Addr,
    /// Fading mean of both directions, about a second long.
    packets_per_second: f64,
    received: CountView,
    sent: CountView,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

/// Fading mean, about a second long.
#[derive(Serialize)]
struct RateView {
    packets_per_second: f64,
    bits_per_second: f64,
}

impl From<FadingCount> for RateView {
    fn from(count: FadingCount) -> Self {
        RateView { packets_per_second: tenths(count.packets), bits_per_second: (f64::from(count.bytes) * 8.0).round() }
    }
}

fn tenths(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}

#[derive(Serialize)]
struct StationView {
    mac: Mac,
    interface: Option<String>,
    /// The guest whose card has this address.
    guest: Option<String>,
    /// The interface of the segment at which its frames enter, where the kernel told.
    port: Option<String>,
    vlan: Option<u16>,
    /// Source address of a packet it sent.
    address: Option<Addr>,
    received: CountView,
    sent: CountView,
    receive: RateView,
    transmit: RateView,
    broadcast_packets: u32,
    broadcast_packets_per_second: f64,
    multicast_packets: u32,
    arp_packets: u32,
    nd_packets: u32,
    dhcp_packets: u32,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

#[derive(Serialize)]
pub(super) struct Hosts {
    hosts: Vec<HostView>,
    /// Entries in the table, and how many gave way so far.
    entries: usize,
    evictions: u64,
}

#[derive(Serialize)]
pub(super) struct Stations {
    stations: Vec<StationView>,
    entries: usize,
    evictions: u64,
}

/// Ranks hosts as their fading activity does at any later moment, without knowing that moment: what fades by a tenth
/// each tick is a straight line in the logarithm.
fn activity_rank(entry: &HostEntry) -> u64 {
    // Fine enough that hosts a thousandth apart differ, and far below 2^64 until the end of time.
    (activity_line(entry) * 1e6) as u64
}

fn activity_line(entry: &HostEntry) -> f64 {
    const FADE: f64 = 0.105_360_515_657_826_3; // -ln(0.9)
    f64::from(entry.activity).ln() + entry.last_tick as f64 * FADE
}

pub(super) fn hosts(shared: &Shared, limit: usize) -> Hosts {
    let top = shared.hosts.top(limit, activity_rank);
    let now = top.iter().map(|(_, entry)| entry.last_tick).max().unwrap_or(0);
    let view = |(address, entry): (Addr, HostEntry)| HostView {
        address,
        packets_per_second: tenths(entry.activity_at(now)),
        received: entry.received.into(),
        sent: entry.sent.into(),
        first_seen: entry.first,
        last_seen: entry.last,
    };
    Hosts {
        hosts: top.into_iter().map(view).collect(),
        entries: shared.hosts.len(),
        evictions: shared.hosts.evictions(),
    }
}

/// What stations are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StationSort {
    /// All packets sent and received.
    Total,
    /// Packets per second sent.
    Transmit,
    /// Packets per second received.
    Receive,
    /// Broadcast frames per second sent.
    Broadcast,
}

/// `only`: those of one interface.
pub(super) fn stations(shared: &Shared, limit: usize, sort: StationSort, only: Option<usize>) -> Stations {
    let place = shared.place();
    let segment = |interface: u16| place.interfaces.get(usize::from(interface)).map(|known| known.segment.as_str());
    let mut now = place.tick;
    // Where stations entered last, by segment.
    let mut ports: BTreeMap<(&str, Mac), (u64, Reverse<u16>)> = BTreeMap::new();
    shared.stations.visit(|&(interface, mac), entry| {
        now = now.max(entry.last_tick);
        let known = place.interfaces.get(usize::from(interface));
        if entry.entered_tick > 0
            && let Some(known) = known.filter(|known| known.is_entrance())
        {
            let this = (entry.entered_tick, Reverse(interface));
            let port = ports.entry((&known.segment, mac)).or_insert(this);
            *port = this.max(*port);
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
        // In tenths, as they are shown; ties by total.
        Some(((rate * 10.0).round() as u64, total))
    };
    let view = |((interface, mac), entry): ((u16, Mac), StationEntry)| {
        let (totals, rates) = (entry.totals, entry.rates_at(now));
        let port = segment(interface).and_then(|segment| ports.get(&(segment, mac)));
        let name = |index: u16| shared.interfaces.get(usize::from(index)).cloned();
        StationView {
            mac,
            interface: name(interface),
            guest: place.labels.get(&mac).cloned(),
            port: port.and_then(|&(_, Reverse(port))| name(port)),
            vlan: (totals.vlan != 0).then_some(totals.vlan),
            address: (totals.address != Addr::UNSPECIFIED).then_some(totals.address),
            received: totals.received.into(),
            sent: totals.sent.into(),
            receive: rates.received.into(),
            transmit: rates.sent.into(),
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
        stations: shared.stations.top_of(limit, rank).into_iter().map(view).collect(),
        entries: shared.stations.len(),
        evictions: shared.stations.evictions(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_agree_with_activity_at_any_moment() {
        let now = 17_672_256_000u64;
        let entry = |activity, age| HostEntry { activity, last_tick: now - age, ..HostEntry::default() };
        let entries = [entry(1000.0, 0), entry(100_000.0, 20), entry(5.0, 0), entry(900.0, 1), entry(1.0e6, 200)];
        for a in &entries {
            for b in &entries {
                let truth = a.activity_at(now).total_cmp(&b.activity_at(now));
                assert_eq!(activity_rank(a).cmp(&activity_rank(b)), truth, "{a:?} {b:?}");
            }
        }
        assert_eq!(activity_rank(&HostEntry::default()), 0);
    }
}
