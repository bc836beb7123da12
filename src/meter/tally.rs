//! Tally: what one worker counts, in tables that only it touches.
//!
//! Packets come in batches. Every host has a small entry of one cache line; a host that is busy within a tick also gets
//! one of a limited number of [`HostTick`]s with everything that detectors ask for. At the end of a tick the touched
//! entries are copied out into a [`TickReport`] and start again from zero; the tables themselves stay.

use super::counts::{Count, Handshake, HostTick, Sample};
use super::hash::Hasher;
use super::log::{LOG, LogEntry};
use super::report::{Evictions, HostCounts, StationCounts, TickReport, Totals};
use super::set_table::{Inserted, Keyed, SetTable, SlotIndex};
use crate::base::{Addr, Mac, Networks, Timestamp};
use crate::capture::FrameDirection;
use crate::packet::{Class, Packet};
use std::sync::Arc;

/// Packets that are recorded at once: enough to overlap their cache misses.
pub const BATCH: usize = 32;

/// Few stations send most frames: these are found without hashing. A power of two.
const RECENT_STATIONS: usize = 64;
const NO_DETAIL: u16 = u16::MAX;

/// Ticks after which a SYN may be sent again: clients wait a second (RFC 6298 §2.1), give or take a timer's
/// granularity. What comes sooner with the same ports is a tool that keeps or soon reuses them.
const RETRY: u8 = 8;

/// Sizes of the tables of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallySizes {
    /// Hosts counted within one tick.
    pub hosts: usize,
    /// Busy hosts with full detail within one tick; below 65,535.
    pub detailed_hosts: usize,
    pub stations: usize,
    /// TCP handshakes under way that can be recognised when they complete.
    pub handshakes: usize,
}

/// The one-line entry of a host.
#[derive(Clone, Copy)]
struct HostSlot {
    address: Addr,
    received: SmallCount,
    sent: SmallCount,
    detail: u16,
    /// Tick (its low bits) in which it was seen last, and packets of its last full tick, saturating.
    age: u16,
    past: u16,
    log_len: u8,
    /// The first packets of the tick, while there is no detail.
    log: [LogEntry; LOG],
}

// One cache line: this is what a flood of strangers costs.
const _: () = assert!(size_of::<HostSlot>() == 64);

/// Counts of one tick where 4 GiB are enough: hosts above that have detail.
#[derive(Clone, Copy, Default)]
struct SmallCount {
    packets: u32,
    bytes: u32,
}

impl SmallCount {
    #[inline]
    fn add(&mut self, bytes: u32) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn mean(self) -> u64 {
        u64::from(self.bytes / self.packets.max(1))
    }

    fn count(self) -> Count {
        Count { packets: self.packets.into(), bytes: self.bytes.into() }
    }
}

impl Keyed for HostSlot {
    type Key = Addr;

    fn empty(address: Addr) -> Self {
        HostSlot {
            address,
            received: SmallCount::default(),
            sent: SmallCount::default(),
            detail: NO_DETAIL,
            age: 0,
            past: 0,
            log_len: 0,
            log: [LogEntry::default(); LOG],
        }
    }

    fn key(&self) -> Addr {
        self.address
    }

    /// Packets of this tick count twice, those of the last one once, older glory not at all.
    fn weight(&self, age: u16) -> u32 {
        match age.wrapping_sub(self.age) {
            0 => 2 * self.received.packets.saturating_add(self.sent.packets).min(1 << 20) + u32::from(self.past),
            1 => self.past.into(),
            _ => 0,
        }
    }

    #[inline]
    fn has_counts(&self) -> bool {
        self.received.packets | self.sent.packets != 0
    }
}

/// A station is a MAC address as seen on one interface.
struct StationSlot {
    counts: StationCounts,
    age: u16,
    past: u16,
}

impl Keyed for StationSlot {
    type Key = (u16, Mac);

    fn empty((interface, mac): (u16, Mac)) -> Self {
        let counts = StationCounts { interface, mac, ..StationCounts::default() };
        StationSlot { counts, age: 0, past: 0 }
    }

    fn key(&self) -> (u16, Mac) {
        (self.counts.interface, self.counts.mac)
    }

    fn weight(&self, age: u16) -> u32 {
        let now = self.counts.sent.packets.saturating_add(self.counts.received.packets).min(1 << 20) as u32;
        match age.wrapping_sub(self.age) {
            0 => 2 * now + u32::from(self.past),
            1 => self.past.into(),
            _ => 0,
        }
    }

    #[inline]
    fn has_counts(&self) -> bool {
        self.counts.sent.packets | self.counts.received.packets != 0
    }
}

impl StationSlot {
    /// Notes that it is seen in tick `age`; true for the first time in that tick.
    #[inline]
    fn wake(&mut self, age: u16) -> bool {
        if self.has_counts() {
            return false;
        }
        self.past = if self.age == age.wrapping_sub(1) { self.past } else { 0 };
        self.age = age;
        true
    }

    fn start_again(&mut self) {
        let StationCounts { interface, mac, sent, received, .. } = self.counts;
        self.past = (sent.packets + received.packets).min(u64::from(u16::MAX)) as u16;
        self.counts = StationCounts { interface, mac, ..StationCounts::default() };
    }
}

/// Hashes of a packet's addresses and where their hosts are in the table.
#[derive(Clone, Copy, Default)]
struct Place {
    source: u64,
    destination: u64,
    source_slot: Option<SlotIndex>,
    destination_slot: Option<SlotIndex>,
}

/// Which side of a host a packet is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Received,
    Sent,
}

pub struct Tally {
    hasher: Hasher,
    networks: Arc<Networks>,
    hosts: SetTable<HostSlot>,
    touched_hosts: Vec<SlotIndex>,
    details: Vec<HostTick>,
    free_details: Vec<u16>,
    /// Details with their owners, so that eviction of a host frees its detail.
    used_details: Vec<(u16, SlotIndex)>,
    /// Packets of each detail's host in this tick, filled while reporting.
    detail_packets: Vec<u32>,
    /// Packets a tick that a host needs to get and to keep a detail.
    busy: u32,
    stations: SetTable<StationSlot>,
    touched_stations: Vec<SlotIndex>,
    /// Where stations that were seen lately are in the table, by the low bits of their address.
    recent_stations: [SlotIndex; RECENT_STATIONS],
    /// SYNs that wait for their completing ACK, by flow hash: 24 bits of fingerprint, and the tick of the last copy.
    handshakes: Box<[u32]>,
    totals: Totals,
    evictions: Evictions,
    first: Option<Timestamp>,
    last: Timestamp,
}

impl Tally {
    pub fn new(sizes: TallySizes, networks: Arc<Networks>, hasher: Hasher) -> Self {
        let details = sizes.detailed_hosts.clamp(1, usize::from(NO_DETAIL) - 1);
        let hosts = SetTable::new(sizes.hosts, Addr::UNSPECIFIED);
        let stations = SetTable::new(sizes.stations, (0, Mac::ZERO));
        Tally {
            hasher,
            networks,
            touched_hosts: Vec::with_capacity(hosts.capacity()),
            hosts,
            details: vec![HostTick::default(); details],
            free_details: (0..details as u16).rev().collect(),
            used_details: Vec::with_capacity(details),
            detail_packets: vec![0; details],
            busy: 0,
            touched_stations: Vec::with_capacity(stations.capacity()),
            stations,
            recent_stations: [0; RECENT_STATIONS],
            handshakes: vec![0; sizes.handshakes.next_power_of_two()].into_boxed_slice(),
            totals: Totals::default(),
            evictions: Evictions::default(),
            first: None,
            last: Timestamp::ZERO,
        }
    }

    /// Which networks are inside from now on.
    pub fn set_networks(&mut self, networks: Arc<Networks>) {
        self.networks = networks;
    }

    /// Counts a batch of packets, all of the current tick.
    #[inline]
    pub fn record(&mut self, batch: &[Packet]) {
        let mut places = [Place::default(); BATCH];
        let version = self.hosts.version();
        // First hash and look up everything: the cache misses of all packets are under way together.
        for (packet, place) in batch.iter().zip(&mut places) {
            let (source, destination) = (self.hasher.address(packet.source), self.hasher.address(packet.destination));
            *place = Place {
                source,
                destination,
                source_slot: self.hosts.find(source, packet.source),
                destination_slot: self.hosts.find(destination, packet.destination),
            };
        }
        for (packet, place) in batch.iter().zip(&mut places) {
            // An insertion may have moved others out, or brought what was not there.
            if self.hosts.version() != version {
                place.source_slot = self.hosts.find(place.source, packet.source);
                place.destination_slot = self.hosts.find(place.destination, packet.destination);
            }
            self.count(packet, place);
        }
    }

    #[inline]
    fn count(&mut self, packet: &Packet, place: &Place) {
        self.first.get_or_insert(packet.time);
        self.last = packet.time;
        if let Some(anomaly) = packet.anomaly {
            self.totals.anomaly(anomaly);
        }
        self.count_stations(packet);
        if !packet.has_ip {
            let left = packet.direction == FrameDirection::Left;
            self.totals.class(packet.class, packet.wire_len, !left, left);
            return;
        }
        let unknown = self.networks.is_unknown();
        let to_us = unknown || self.networks.contains(packet.destination);
        let from_us = !unknown && self.networks.contains(packet.source);
        self.totals.class(packet.class, packet.wire_len, to_us, from_us);

        let handshake = self.handshake(packet, place);
        // A group address is no target, and where nothing is known to be inside, only receivers make entries: a flood
        // from random sources must not fill the table with them. Known receivers still have what they send counted.
        if to_us && !packet.destination.is_group_or_none() {
            let index = match place.destination_slot {
                Some(index) => index,
                None => self.insert_host(place.destination, packet.destination),
            };
            self.host(index, packet, Side::Received, place.source, handshake);
        }
        if from_us || unknown {
            // Seen again here: the destination's insertion, or a packet to itself, may have changed the set.
            let known =
                place.source_slot.filter(|&index| self.hosts.get(index).is_some_and(|s| s.key() == packet.source));
            let index = match known {
                Some(index) => index,
                None if from_us => self.insert_host(place.source, packet.source),
                None => return,
            };
            self.host(index, packet, Side::Sent, place.destination, handshake);
        }
    }

    fn insert_host(&mut self, hash: u64, address: Addr) -> SlotIndex {
        let (index, outcome) = self.hosts.insert(hash, address);
        self.evictions.hosts += u64::from(outcome == Inserted::Replaced);
        index
    }

    /// Follows TCP handshakes in the direction of the client.
    #[inline]
    fn handshake(&mut self, packet: &Packet, place: &Place) -> Handshake {
        let syn = match packet.class {
            Class::TcpSyn => true,
            Class::TcpAck | Class::TcpData => false,
            _ => return Handshake::Nothing,
        };
        let flow = self.hasher.flow(place.source, place.destination, packet.source_port, packet.destination_port);
        let fingerprint = (flow >> 32) as u32 & !0xff | 0x100;
        let now = packet.time.tick() as u8;
        let index = flow as usize & self.handshakes.len().wrapping_sub(1);
        match self.handshakes.get_mut(index) {
            Some(entry) if syn => {
                let waits = *entry & !0xff == fingerprint;
                let waited = now.wrapping_sub(*entry as u8);
                *entry = fingerprint | u32::from(now);
                if waits && waited >= RETRY { Handshake::Repeats } else { Handshake::Nothing }
            }
            Some(entry) if *entry & !0xff == fingerprint => {
                *entry = 0;
                Handshake::Completes
            }
            _ => Handshake::Nothing,
        }
    }

    #[inline]
    fn host(&mut self, index: SlotIndex, packet: &Packet, side: Side, peer_hash: u64, handshake: Handshake) {
        let age = self.hosts.age();
        let Some(slot) = self.hosts.get_mut(index) else { return };
        if !slot.has_counts() {
            slot.past = if slot.age == age.wrapping_sub(1) { slot.past } else { 0 };
            slot.age = age;
            self.touched_hosts.push(index);
        }
        let count = match side {
            Side::Received => &mut slot.received,
            Side::Sent => &mut slot.sent,
        };
        count.add(packet.wire_len);
        if slot.detail == NO_DETAIL {
            if let Some(entry) = slot.log.get_mut(usize::from(slot.log_len)) {
                *entry = LogEntry::new(packet, side == Side::Sent, handshake);
                slot.log_len += 1;
                return;
            }
            let busy = slot.received.packets.saturating_add(slot.sent.packets) >= self.busy;
            match busy.then(|| self.promote(index, packet.time)).flatten() {
                Some(detail) => self.detail(detail, packet, side, peer_hash, handshake),
                None => self.evictions.details += 1,
            }
            return;
        }
        let detail = slot.detail;
        self.detail(detail, packet, side, peer_hash, handshake);
    }

    /// Gives a host full detail and moves what its log remembers there.
    fn promote(&mut self, index: SlotIndex, time: Timestamp) -> Option<u16> {
        let detail = self.free_details.pop()?;
        let slot = self.hosts.get_mut(index)?;
        slot.detail = detail;
        let logged = slot.log.get(..usize::from(slot.log_len)).unwrap_or(&[]);
        let tick = self.details.get_mut(usize::from(detail))?;
        tick.reset(slot.address);
        tick.first = time;
        let (mean_sent, mean_received) = (slot.sent.mean(), slot.received.mean());
        for &entry in logged {
            entry.apply(tick, if entry.is_sent() { mean_sent } else { mean_received });
        }
        slot.log_len = 0;
        self.used_details.push((detail, index));
        Some(detail)
    }

    #[inline]
    fn detail(&mut self, detail: u16, packet: &Packet, side: Side, peer_hash: u64, handshake: Handshake) {
        let Some(tick) = self.details.get_mut(usize::from(detail)) else { return };
        // A host that kept its detail from the last tick starts this one here.
        if tick.first == Timestamp::ZERO {
            tick.first = packet.time;
        }
        tick.last = packet.time;
        let sample = |peer: Addr| Sample {
            peer,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            weight: 0,
            class: packet.class as u8,
        };
        match side {
            Side::Received => {
                tick.received.add(packet.class, 1, packet.wire_len.into());
                tick.sources.add(peer_hash);
                tick.received_samples.offer(peer_hash, || sample(packet.source));
                tick.handshake(handshake, false);
                tick.first_fragments_received += u32::from(packet.first_fragment);
                if let Some(bucket) = tick.ttl.get_mut(usize::from(packet.ttl >> 4)) {
                    *bucket += 1;
                }
                if let Some(row) = packet.reply_of.and_then(|service| tick.service(service)) {
                    row.replies_received.add(packet.wire_len);
                }
                if let Some(row) = packet.request_to.and_then(|service| tick.service(service)) {
                    row.requests_received += 1;
                }
            }
            Side::Sent => {
                tick.sent.add(packet.class, 1, packet.wire_len.into());
                tick.destinations.add(peer_hash);
                tick.sent_samples.offer(peer_hash ^ u64::from(packet.source_port), || sample(packet.destination));
                tick.handshake(handshake, true);
                tick.first_fragments_sent += u32::from(packet.first_fragment);
                if let Some(row) = packet.reply_of.and_then(|service| tick.service(service)) {
                    row.replies_sent.add(packet.wire_len);
                }
                if let Some(row) = packet.request_to.and_then(|service| tick.service(service)) {
                    row.requests_sent += 1;
                }
            }
        }
    }

    #[inline]
    fn count_stations(&mut self, packet: &Packet) {
        if packet.source_mac != Mac::ZERO {
            let key = (packet.interface, packet.source_mac);
            let index = match self.recent_station(key) {
                Some(index) => index,
                None => self.insert_station(key),
            };
            let age = self.stations.age();
            if let Some(station) = self.stations.get_mut(index) {
                if station.wake(age) {
                    self.touched_stations.push(index);
                }
                station.counts.sent_packet(packet);
            }
        }
        // Whom frames go to is counted for stations that have been heard: a switch's flooding makes no entries.
        if !packet.destination_mac.is_group() && packet.destination_mac != Mac::ZERO {
            let key = (packet.interface, packet.destination_mac);
            let index = match self.recent_station(key) {
                Some(index) => Some(index),
                None => self.stations.find(self.hasher.station(key.0, key.1), key),
            };
            let age = self.stations.age();
            if let Some(index) = index
                && let Some(station) = self.stations.get_mut(index)
            {
                if station.wake(age) {
                    self.touched_stations.push(index);
                }
                station.counts.received.add(packet.wire_len);
            }
        }
    }

    #[inline]
    fn recent_station(&self, key: (u16, Mac)) -> Option<SlotIndex> {
        let index = *self.recent_stations.get(key.1.bits() as usize % RECENT_STATIONS)?;
        self.stations.get(index).filter(|slot| slot.key() == key).map(|_| index)
    }

    fn insert_station(&mut self, key: (u16, Mac)) -> SlotIndex {
        let hash = self.hasher.station(key.0, key.1);
        let (index, outcome) = self.stations.insert(hash, key);
        self.evictions.stations += u64::from(outcome == Inserted::Replaced);
        if let Some(recent) = self.recent_stations.get_mut(key.1.bits() as usize % RECENT_STATIONS) {
            *recent = index;
        }
        index
    }

    /// Copies the tick out into `report` (emptied first) and starts the next.
    pub fn finish_tick(&mut self, tick: u64, report: &mut TickReport) {
        report.clear();
        report.tick = tick;
        report.first = self.first.take();
        report.last = self.last;
        report.totals = std::mem::take(&mut self.totals);
        report.evictions = std::mem::take(&mut self.evictions);
        report.host_entries = self.hosts.len();
        report.station_entries = self.stations.len();
        self.report_hosts(report);
        for index in self.touched_stations.drain(..) {
            if let Some(station) = self.stations.get_mut(index) {
                // A replaced slot may be listed twice; the second time it is empty.
                if station.has_counts() {
                    report.stations.push(station.counts);
                    station.start_again();
                }
            }
        }
        self.hosts.next_tick();
        self.stations.next_tick();
    }

    fn report_hosts(&mut self, report: &mut TickReport) {
        for index in self.touched_hosts.drain(..) {
            let Some(slot) = self.hosts.get_mut(index) else { continue };
            if !slot.has_counts() {
                continue;
            }
            if let Some(packets) = self.detail_packets.get_mut(usize::from(slot.detail)) {
                *packets = slot.received.packets.saturating_add(slot.sent.packets);
            }
            report.hosts.push(HostCounts {
                address: slot.address,
                received: slot.received.count(),
                sent: slot.sent.count(),
                detailed: slot.detail != NO_DETAIL,
                log_len: slot.log_len,
                log: slot.log,
            });
            let packets = slot.received.packets.saturating_add(slot.sent.packets);
            slot.past = packets.min(u32::from(u16::MAX)) as u16;
            slot.received = SmallCount::default();
            slot.sent = SmallCount::default();
            slot.log_len = 0;
        }
        // Details stay with hosts that are still busy, so that their next tick needs no promotion and loses no peers.
        // Where they ran short, a host must be twice as busy to have one, until only a quarter of them is in use.
        let used = self.used_details.len();
        if self.free_details.is_empty() {
            self.busy = self.busy.saturating_mul(2).max(2 * LOG as u32);
        } else if used * 4 < self.details.len() {
            self.busy /= 2;
        }
        let mut kept = 0;
        for position in 0..self.used_details.len() {
            let Some(&(detail, index)) = self.used_details.get(position) else { break };
            let Some(tick) = self.details.get_mut(usize::from(detail)) else { continue };
            // Gone where the host was evicted from the table.
            let owner = self.hosts.get_mut(index).filter(|slot| slot.detail == detail && slot.address == tick.address);
            let Some(slot) = owner else {
                self.free_details.push(detail);
                continue;
            };
            let packets = self.detail_packets.get_mut(usize::from(detail)).map_or(0, std::mem::take);
            if packets > 0 {
                report.details.push(*tick);
                tick.reset(slot.address);
            }
            if packets > 0 && packets >= self.busy {
                if let Some(entry) = self.used_details.get_mut(kept) {
                    *entry = (detail, index);
                }
                kept += 1;
            } else {
                slot.detail = NO_DETAIL;
                self.free_details.push(detail);
            }
        }
        self.used_details.truncate(kept);
    }
}

impl StationCounts {
    #[inline]
    fn sent_packet(&mut self, packet: &Packet) {
        if self.sent.is_zero() {
            self.first = packet.time;
            self.class = packet.class as u8;
            self.vlan = packet.vlan;
            self.address = packet.source;
        }
        self.last = packet.time;
        self.sent.add(packet.wire_len);
        match packet.direction {
            FrameDirection::Left => self.left.add(packet.wire_len),
            FrameDirection::Entered => self.entered.add(packet.wire_len),
            FrameDirection::Unknown => {}
        }
        if packet.destination_mac == Mac::BROADCAST {
            self.broadcast += 1;
        } else if packet.destination_mac.is_group() {
            self.multicast += 1;
        }
        self.arp += u32::from(packet.class == Class::Arp);
        self.nd += u32::from(packet.class == Class::Icmpv6Nd);
        // DHCPv4 between 67 and 68 (RFC 2131), DHCPv6 between 546 and 547 (RFC 8415).
        self.dhcp += u32::from(matches!(packet.destination_port, 67 | 68 | 546 | 547) && packet.class == Class::Udp);
    }
}
