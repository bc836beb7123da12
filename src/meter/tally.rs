//! Tally: what one worker counts, in tables that only it touches.
//!
//! Packets come in batches. Every host has a small entry of one cache line; a host that is busy within a tick also gets
//! one of a limited number of [`HostTick`]s with everything that detectors ask for. At the end of a tick the touched
//! entries are copied out into a [`TickReport`] and start again from zero; the tables themselves stay.

use super::counts::{Count, Handshake, HostTick, Sample, SmallCount};
use super::hash::Hasher;
use super::log::{LOG, LogEntry};
use super::report::{Evictions, HostCounts, StationCounts, TickReport, Totals};
use super::set_table::{Inserted, Keyed, SetTable, SlotIndex};
use crate::base::{Addr, Mac, Networks, Timestamp};
use crate::capture::FrameDirection;
use crate::packet::{Anomaly, Class, Packet};
use std::sync::Arc;

/// Packets that are recorded at once: enough to overlap their cache misses.
pub const BATCH: usize = 32;

/// Few stations send most frames: these are found without hashing. A power of two.
const RECENT_STATIONS: usize = 256;
const NO_DETAIL: u16 = u16::MAX;
const NO_SLOT: SlotIndex = SlotIndex::MAX;

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

impl HostSlot {
    fn packets(&self) -> u32 {
        self.received.packets.saturating_add(self.sent.packets)
    }
}

/// A station is a MAC address as seen on one interface.
struct StationSlot {
    key: (u16, Mac),
    age: u16,
    past: u16,
    /// Sent frames by [`FrameDirection`]: unknown, entered, left.
    sent: [SmallCount; 3],
    received: SmallCount,
    first: Timestamp,
    last: Timestamp,
    broadcast: u32,
    multicast: u32,
    arp: u32,
    nd: u32,
    dhcp: u32,
    /// Class, VLAN and network address of the first frame sent in the tick.
    class: u8,
    vlan: u16,
    address: Addr,
}

impl Keyed for StationSlot {
    type Key = (u16, Mac);

    fn empty(key: (u16, Mac)) -> Self {
        StationSlot {
            key,
            age: 0,
            past: 0,
            sent: Default::default(),
            received: SmallCount::default(),
            first: Timestamp::ZERO,
            last: Timestamp::ZERO,
            broadcast: 0,
            multicast: 0,
            arp: 0,
            nd: 0,
            dhcp: 0,
            class: 0,
            vlan: 0,
            address: Addr::UNSPECIFIED,
        }
    }

    #[inline]
    fn key(&self) -> (u16, Mac) {
        self.key
    }

    fn weight(&self, age: u16) -> u32 {
        let now = self.sent_packets().saturating_add(self.received.packets).min(1 << 20);
        match age.wrapping_sub(self.age) {
            0 => 2 * now + u32::from(self.past),
            1 => self.past.into(),
            _ => 0,
        }
    }

    #[inline]
    fn has_counts(&self) -> bool {
        self.sent_packets() | self.received.packets != 0
    }
}

impl StationSlot {
    #[inline]
    fn sent_packets(&self) -> u32 {
        let [unknown, entered, left] = &self.sent;
        unknown.packets.saturating_add(entered.packets).saturating_add(left.packets)
    }

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

    #[inline]
    fn sends(&mut self, packet: &Packet) {
        if self.sent_packets() == 0 {
            self.first = packet.time;
            self.class = packet.class as u8;
            self.vlan = packet.vlan;
            self.address = packet.source;
        }
        self.last = packet.time;
        let [unknown, entered, left] = &mut self.sent;
        let count = match packet.direction {
            FrameDirection::Unknown => unknown,
            FrameDirection::Entered => entered,
            FrameDirection::Left => left,
        };
        count.add(1, packet.wire_len);
        if packet.destination_mac.is_group() {
            let counter =
                if packet.destination_mac == Mac::BROADCAST { &mut self.broadcast } else { &mut self.multicast };
            *counter += 1;
        }
        if !packet.class.is_tcp() {
            self.arp += u32::from(packet.class == Class::Arp);
            self.nd += u32::from(packet.class == Class::Icmpv6Nd);
            // DHCPv4 between 67 and 68 (RFC 2131), DHCPv6 between 546 and 547 (RFC 8415).
            let dhcp = matches!(packet.destination_port, 67 | 68 | 546 | 547) && packet.class == Class::Udp;
            self.dhcp += u32::from(dhcp);
        }
    }

    /// What was counted in the tick; starts the next.
    fn take(&mut self) -> StationCounts {
        let ((interface, mac), [unknown, entered, left]) = (self.key, self.sent);
        let mut sent = Count::from(unknown);
        sent.merge(entered.into());
        sent.merge(left.into());
        let counts = StationCounts {
            interface,
            mac,
            first: self.first,
            last: self.last,
            sent,
            received: self.received.into(),
            left: left.into(),
            entered: entered.into(),
            broadcast: self.broadcast,
            multicast: self.multicast,
            arp: self.arp,
            nd: self.nd,
            dhcp: self.dhcp,
            class: self.class,
            vlan: self.vlan,
            address: self.address,
        };
        let packets = sent.packets.saturating_add(self.received.packets.into());
        *self = StationSlot { age: self.age, past: packets.min(u64::from(u16::MAX)) as u16, ..Self::empty(self.key) };
        counts
    }
}

/// Where a packet belongs: hashes of its addresses, their hosts in the table, and which of them are inside.
#[derive(Clone, Copy, Default)]
struct Place {
    source: u64,
    destination: u64,
    source_slot: SlotIndex,
    destination_slot: SlotIndex,
    to_us: bool,
    from_us: bool,
}

/// Which side of a host a packet is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Received,
    Sent,
}

/// All traffic of a tick by class, once: merely passing, towards us, from us, both.
#[derive(Default)]
struct Sums([[Count; Class::COUNT]; 4]);

impl Sums {
    #[inline]
    fn add(&mut self, class: Class, bytes: u32, to_us: bool, from_us: bool) {
        let row = usize::from(to_us) | usize::from(from_us) << 1;
        if let Some(count) = self.0.get_mut(row).and_then(|row| row.get_mut(class.index())) {
            count.add(bytes);
        }
    }

    fn totals(&self, anomalies: [u64; Anomaly::COUNT]) -> Totals {
        let mut totals = Totals { anomalies, ..Totals::default() };
        for (row, counts) in self.0.iter().enumerate() {
            for (class, &count) in counts.iter().enumerate() {
                totals.frames.merge(count);
                match row {
                    0 => totals.transit.merge(count),
                    _ => {
                        if row & 1 != 0 && let Some(received) = totals.received.get_mut(class) {
                            received.merge(count);
                        }
                        if row & 2 != 0 && let Some(transmitted) = totals.transmitted.get_mut(class) {
                            transmitted.merge(count);
                        }
                    }
                }
            }
        }
        totals
    }
}

pub struct Tally {
    hasher: Hasher,
    networks: Arc<Networks>,
    hosts: SetTable<HostSlot>,
    touched_hosts: Vec<SlotIndex>,
    details: Vec<Box<HostTick>>,
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
    sums: Sums,
    anomalies: [u64; Anomaly::COUNT],
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
            details: vec![Box::default(); details],
            free_details: (0..details as u16).rev().collect(),
            used_details: Vec::with_capacity(details),
            detail_packets: vec![0; details],
            busy: 0,
            touched_stations: Vec::with_capacity(stations.capacity()),
            stations,
            recent_stations: [0; RECENT_STATIONS],
            handshakes: vec![0; sizes.handshakes.next_power_of_two()].into_boxed_slice(),
            sums: Sums::default(),
            anomalies: [0; Anomaly::COUNT],
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
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return };
        self.first.get_or_insert(first.time);
        self.last = last.time;
        // First find the hosts of all: their cache misses are under way together.
        let mut places = [Place::default(); BATCH];
        self.locate(batch, &mut places);
        let version = self.hosts.version();
        for (packet, place) in batch.iter().zip(&mut places) {
            self.sums.add(packet.class, packet.wire_len, place.to_us, place.from_us);
            if let Some(anomaly) = packet.anomaly
                && let Some(count) = self.anomalies.get_mut(anomaly as usize)
            {
                *count += 1;
            }
            self.count_stations(packet);
            if packet.has_ip {
                if self.hosts.version() != version {
                    // An earlier packet of the batch made a host: what was found may have moved, or be found now.
                    self.look_up(packet, place);
                }
                self.count_hosts(packet, place);
            }
        }
    }

    #[inline]
    fn locate(&self, batch: &[Packet], places: &mut [Place; BATCH]) {
        let unknown = self.networks.is_unknown();
        let mut previous = (Addr::UNSPECIFIED, 0, NO_SLOT);
        for (packet, place) in batch.iter().zip(places) {
            if !packet.has_ip {
                place.from_us = packet.direction == FrameDirection::Left;
                place.to_us = !place.from_us;
                continue;
            }
            place.to_us = unknown || self.networks.contains(packet.destination);
            place.from_us = !unknown && self.networks.contains(packet.source);
            place.source = self.hasher.address(packet.source);
            place.source_slot = match unknown || place.from_us {
                true => self.find_host(place.source, packet.source),
                false => NO_SLOT,
            };
            // In a flood it is the same over and over.
            if packet.destination != previous.0 {
                let hash = self.hasher.address(packet.destination);
                previous = (packet.destination, hash, self.find_host(hash, packet.destination));
            }
            (place.destination, place.destination_slot) = (previous.1, previous.2);
        }
    }

    #[cold]
    fn look_up(&self, packet: &Packet, place: &mut Place) {
        place.source_slot = self.find_host(place.source, packet.source);
        place.destination_slot = self.find_host(place.destination, packet.destination);
    }

    #[inline]
    fn find_host(&self, hash: u64, address: Addr) -> SlotIndex {
        self.hosts.find(hash, address).unwrap_or(NO_SLOT)
    }

    #[inline]
    fn count_hosts(&mut self, packet: &Packet, place: &Place) {
        let handshake = self.handshake(packet, place);
        // A group address is no target, and where nothing is known to be inside, only receivers make entries: a flood
        // from random sources must not fill the table with them. Known receivers still have what they send counted.
        if place.to_us && !packet.destination.is_group_or_none() {
            let index = match place.destination_slot {
                NO_SLOT => self.insert_host(place.destination, packet.destination),
                index => index,
            };
            self.host(index, packet, Side::Received, place.source, handshake);
        }
        if place.from_us || place.source_slot != NO_SLOT {
            // Seen again here: the destination's insertion, or a packet to itself, may have changed the set.
            let still = self.hosts.get(place.source_slot).is_some_and(|slot| slot.address == packet.source);
            let index = match still {
                true => place.source_slot,
                false if place.from_us => self.insert_host(place.source, packet.source),
                false => return,
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
        let detail = slot.detail;
        if !slot.has_counts() {
            slot.past = if slot.age == age.wrapping_sub(1) { slot.past } else { 0 };
            slot.age = age;
            self.touched_hosts.push(index);
            // A host that kept its detail from the last tick starts this one here.
            if let Some(tick) = self.details.get_mut(usize::from(detail)) {
                tick.first = packet.time;
            }
        }
        let count = if side == Side::Received { &mut slot.received } else { &mut slot.sent };
        count.add(1, packet.wire_len);
        if detail != NO_DETAIL {
            self.detail(detail, packet, side, peer_hash, handshake);
        } else if let Some(entry) = slot.log.get_mut(usize::from(slot.log_len)) {
            *entry = LogEntry::new(packet, side == Side::Sent, handshake);
            slot.log_len += 1;
        } else if slot.packets() >= self.busy
            && let Some(detail) = self.promote(index, packet.time)
        {
            self.detail(detail, packet, side, peer_hash, handshake);
        } else {
            self.evictions.details += 1;
        }
    }

    /// Gives a host full detail and moves what its log remembers there.
    fn promote(&mut self, index: SlotIndex, time: Timestamp) -> Option<u16> {
        let detail = self.free_details.pop()?;
        let slot = self.hosts.get_mut(index)?;
        slot.detail = detail;
        let tick = self.details.get_mut(usize::from(detail))?;
        tick.reset(slot.address);
        HostCounts::of(slot).write(tick, time);
        slot.log_len = 0;
        self.used_details.push((detail, index));
        Some(detail)
    }

    #[inline]
    fn detail(&mut self, detail: u16, packet: &Packet, side: Side, peer_hash: u64, handshake: Handshake) {
        let Some(tick) = self.details.get_mut(usize::from(detail)) else { return };
        let sent = side == Side::Sent;
        let (counts, peers, samples, peer, random) = match side {
            Side::Received => {
                (&mut tick.received, &mut tick.sources, &mut tick.received_samples, packet.source, peer_hash)
            }
            Side::Sent => {
                let random = peer_hash ^ u64::from(packet.source_port);
                (&mut tick.sent, &mut tick.destinations, &mut tick.sent_samples, packet.destination, random)
            }
        };
        counts.add(packet.class, 1, packet.wire_len);
        peers.add(peer_hash);
        samples.offer(random, || Sample {
            peer,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            weight: 0,
            class: packet.class as u8,
        });
        if handshake != Handshake::Nothing {
            tick.handshake(handshake, sent);
        }
        if packet.first_fragment || packet.reply_of.is_some() || packet.request_to.is_some() {
            special(tick, packet, sent);
        }
    }

    #[inline]
    fn count_stations(&mut self, packet: &Packet) {
        let age = self.stations.age();
        if packet.source_mac != Mac::ZERO {
            let key = (packet.interface, packet.source_mac);
            let index = match self.find_station(key) {
                NO_SLOT => self.insert_station(key),
                index => index,
            };
            if let Some(station) = self.stations.get_mut(index) {
                if station.wake(age) {
                    self.touched_stations.push(index);
                }
                station.sends(packet);
            }
        }
        // Whom frames go to is counted for stations that have been heard: a switch's flooding makes no entries.
        if !packet.destination_mac.is_group() && packet.destination_mac != Mac::ZERO {
            let index = self.find_station((packet.interface, packet.destination_mac));
            if let Some(station) = self.stations.get_mut(index) {
                if station.wake(age) {
                    self.touched_stations.push(index);
                }
                station.received.add(1, packet.wire_len);
            }
        }
    }

    #[inline]
    fn find_station(&mut self, key: (u16, Mac)) -> SlotIndex {
        let Some(&recent) = self.recent_stations.get(key.1.bits() as usize % RECENT_STATIONS) else { return NO_SLOT };
        if self.stations.get(recent).is_some_and(|slot| slot.key == key) {
            return recent;
        }
        self.search_station(key)
    }

    fn search_station(&mut self, key: (u16, Mac)) -> SlotIndex {
        let Some(index) = self.stations.find(self.hasher.station(key.0, key.1), key) else { return NO_SLOT };
        self.remember_station(key, index);
        index
    }

    fn insert_station(&mut self, key: (u16, Mac)) -> SlotIndex {
        let hash = self.hasher.station(key.0, key.1);
        let (index, outcome) = self.stations.insert(hash, key);
        self.evictions.stations += u64::from(outcome == Inserted::Replaced);
        self.remember_station(key, index);
        index
    }

    fn remember_station(&mut self, key: (u16, Mac), index: SlotIndex) {
        if let Some(recent) = self.recent_stations.get_mut(key.1.bits() as usize % RECENT_STATIONS) {
            *recent = index;
        }
    }

    /// Copies the tick out into `report` (emptied first) and starts the next.
    pub fn finish_tick(&mut self, tick: u64, report: &mut TickReport) {
        report.clear();
        report.tick = tick;
        report.first = self.first.take();
        report.last = self.last;
        report.totals = self.sums.totals(std::mem::take(&mut self.anomalies));
        self.sums = Sums::default();
        report.evictions = std::mem::take(&mut self.evictions);
        report.host_entries = self.hosts.len();
        report.station_entries = self.stations.len();
        self.report_hosts(report);
        for index in self.touched_stations.drain(..) {
            if let Some(station) = self.stations.get_mut(index) {
                // A replaced slot may be listed twice; the second time it is empty.
                if station.has_counts() {
                    report.stations.push(station.take());
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
            let packets = slot.packets();
            if let Some(of_detail) = self.detail_packets.get_mut(usize::from(slot.detail)) {
                *of_detail = packets;
            }
            report.hosts.push(HostCounts::of(slot));
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
                let mut fresh = report.spare.pop().unwrap_or_default();
                fresh.reset(slot.address);
                report.details.push(std::mem::replace(tick, fresh));
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

impl HostCounts {
    fn of(slot: &HostSlot) -> HostCounts {
        HostCounts {
            address: slot.address,
            received: slot.received,
            sent: slot.sent,
            detailed: slot.detail != NO_DETAIL,
            log_len: slot.log_len,
            log: slot.log,
        }
    }
}

/// Counts what few packets have: fragments, and what concerns amplification services.
fn special(tick: &mut HostTick, packet: &Packet, sent: bool) {
    let fragments = if sent { &mut tick.first_fragments_sent } else { &mut tick.first_fragments_received };
    *fragments += u32::from(packet.first_fragment);
    if let Some(row) = packet.reply_of.and_then(|service| tick.service(service)) {
        let replies = if sent { &mut row.replies_sent } else { &mut row.replies_received };
        replies.add(1, packet.wire_len);
    }
    if let Some(row) = packet.request_to.and_then(|service| tick.service(service)) {
        let requests = if sent { &mut row.requests_sent } else { &mut row.requests_received };
        *requests += 1;
    }
}
