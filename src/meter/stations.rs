//! Stations: one worker's counters by MAC address, in a table that only this worker accesses.

use super::counts::{Count, SmallCount};
use super::hash::Hasher;
use super::link::LinkRecorder;
use super::report::{SpoofedPacket, StationCounts};
use super::run::Run;
use super::set_table::{Inserted, Keyed, LastTick, NO_SLOT, SetTable, SlotIndex};
use crate::base::{Addr, Mac, Timestamp};
use crate::capture::FrameDirection;
use crate::packet::Packet;

/// Slots of the cache of recent stations: few stations send most frames and are found without hashing. A power of two.
const RECENT: usize = 1024;

/// A station is a MAC address as seen on one interface.
#[repr(align(64))]
struct StationSlot {
    key: (u16, Mac),
    previous: LastTick,
    /// Sent frames by [`FrameDirection`]: unknown, ingress, egress.
    sent: [SmallCount; 3],
    received: SmallCount,
    first: Timestamp,
    last: Timestamp,
    last_entered: Timestamp,
    broadcast: u32,
    multicast: u32,
    arp: u32,
    nd: u32,
    dhcp: u32,
    /// Packets that left with neither address ours, and one of them.
    spoofed: u32,
    spoofed_as: SpoofedPacket,
    spoofed_to: Option<Mac>,
    /// Class, VLAN and network address of the first frame sent in the tick.
    class: u8,
    vlan: u16,
    address: Addr,
    /// It was not in the table before this tick.
    new: bool,
}

impl Keyed for StationSlot {
    type Key = (u16, Mac);

    fn empty(key: (u16, Mac)) -> Self {
        StationSlot {
            key,
            previous: LastTick::default(),
            sent: Default::default(),
            received: SmallCount::default(),
            first: Timestamp::ZERO,
            last: Timestamp::ZERO,
            last_entered: Timestamp::ZERO,
            broadcast: 0,
            multicast: 0,
            arp: 0,
            nd: 0,
            dhcp: 0,
            spoofed: 0,
            spoofed_as: Default::default(),
            spoofed_to: None,
            class: 0,
            vlan: 0,
            address: Addr::UNSPECIFIED,
            new: false,
        }
    }

    #[inline]
    fn key(&self) -> (u16, Mac) {
        self.key
    }

    fn weight(&self, age: u16) -> u32 {
        self.previous.weight(self.sent_packets().saturating_add(self.received.packets), age)
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

    /// Marks it as active in tick `age`; true the first time in that tick.
    #[inline]
    fn wake(&mut self, age: u16) -> bool {
        if self.has_counts() {
            return false;
        }
        self.previous.start_tick(age);
        true
    }

    #[inline]
    fn sends(&mut self, run: &Run<'_>) {
        let packet = run.first;
        if self.sent_packets() == 0 {
            self.first = packet.time;
            self.class = packet.class as u8;
            self.vlan = packet.vlan;
            self.address = packet.source;
        }
        self.last = run.last;
        let [unknown, entered, left] = &mut self.sent;
        let count = match packet.direction {
            FrameDirection::Unknown => unknown,
            FrameDirection::Ingress => {
                self.last_entered = run.last;
                entered
            }
            FrameDirection::Egress => left,
        };
        count.add(run.count.packets, run.count.bytes);
        if packet.destination_mac == Mac::BROADCAST {
            self.broadcast += run.count.packets;
        } else if packet.destination_mac.is_group() && !is_cluster(packet) {
            self.multicast += run.count.packets;
        }
        self.arp += run.arp;
        self.nd += run.nd;
        self.dhcp += run.dhcp;
        if let Some(packet) = run.spoofed {
            self.spoofed += run.spoofed_count;
            self.spoofed_as = SpoofedPacket {
                source: packet.source,
                destination: packet.destination,
                port: packet.destination_port,
                class: packet.class as u8,
            };
            self.spoofed_to = (packet.direction == FrameDirection::Unknown).then_some(packet.destination_mac);
        }
    }

    /// Returns the counts of the tick and starts the next.
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
            last_entered: self.last_entered,
            sent,
            received: self.received.into(),
            left: left.into(),
            entered: entered.into(),
            broadcast: self.broadcast,
            multicast: self.multicast,
            arp: self.arp,
            nd: self.nd,
            dhcp: self.dhcp,
            spoofed: self.spoofed,
            spoofed_as: self.spoofed_as,
            spoofed_to: self.spoofed_to,
            class: self.class,
            vlan: self.vlan,
            address: self.address,
            new: self.new,
        };
        let mut previous = self.previous;
        previous.end_tick(self.sent_packets().saturating_add(self.received.packets));
        *self = StationSlot { previous, ..Self::empty(self.key) };
        counts
    }
}

/// The stations of a worker.
pub(super) struct Stations {
    hasher: Hasher,
    table: SetTable<StationSlot>,
    touched: Vec<SlotIndex>,
    /// Cache of table indices of recently seen stations, by the low bits of their address.
    recent: Box<[SlotIndex]>,
    /// The last station that was searched without success; valid while the table has this version.
    last_missing: (u64, (u16, Mac)),
    /// Stations evicted in this tick before their counts were read.
    evictions: u64,
}

impl Stations {
    pub(super) fn new(capacity: usize, hasher: Hasher) -> Self {
        let table = SetTable::new(capacity, (0, Mac::ZERO));
        Stations {
            hasher,
            touched: Vec::with_capacity(table.capacity()),
            table,
            recent: vec![0; RECENT].into_boxed_slice(),
            last_missing: (0, (0, Mac::ZERO)),
            evictions: 0,
        }
    }

    /// Entries in use.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Moves what was counted in the tick into `report` and starts the next; returns the evictions.
    pub(super) fn finish_tick(&mut self, report: &mut Vec<StationCounts>) -> u64 {
        for index in self.touched.drain(..) {
            // A replaced slot may be listed twice; the second time it is empty.
            if let Some(station) = self.table.get_mut(index).filter(|station| station.has_counts()) {
                report.push(station.take());
            }
        }
        self.table.next_tick();
        std::mem::take(&mut self.evictions)
    }

    #[inline]
    pub(super) fn count(&mut self, run: &Run<'_>, link: &mut LinkRecorder) {
        let (age, packet) = (self.table.age(), run.first);
        if packet.source_mac != Mac::ZERO {
            let key = (packet.interface, packet.source_mac);
            let index = match self.find(key) {
                NO_SLOT => {
                    link.record_unknown_mac(packet);
                    self.insert(key)
                }
                index => index,
            };
            if let Some(station) = self.table.get_mut(index) {
                if station.wake(age) {
                    self.touched.push(index);
                }
                station.sends(run);
            }
        }
        if packet.destination_mac.is_group() && packet.destination_mac != Mac::BROADCAST {
            link.record_multicast(run);
        }
        // Receivers are counted only where they have sent before: a switch's flooding makes no entries.
        if !packet.destination_mac.is_group() && packet.destination_mac != Mac::ZERO {
            let index = self.find((packet.interface, packet.destination_mac));
            if index == NO_SLOT {
                link.record_unknown_unicast(run);
            }
            if let Some(station) = self.table.get_mut(index) {
                if station.wake(age) {
                    self.touched.push(index);
                }
                station.received.add(run.count.packets, run.count.bytes);
            }
        }
    }

    #[inline(always)]
    fn find(&mut self, key: (u16, Mac)) -> SlotIndex {
        let Some(&recent) = self.recent.get(recent_index(key)) else { return NO_SLOT };
        if self.table.get(recent).is_some_and(|slot| slot.key == key) {
            return recent;
        }
        if self.last_missing == (self.table.version(), key) { NO_SLOT } else { self.search(key) }
    }

    #[inline(never)]
    fn search(&mut self, key: (u16, Mac)) -> SlotIndex {
        let Some(index) = self.table.find(self.hasher.station(key.0, key.1), key) else {
            self.last_missing = (self.table.version(), key);
            return NO_SLOT;
        };
        self.cache(key, index);
        index
    }

    fn insert(&mut self, key: (u16, Mac)) -> SlotIndex {
        let hash = self.hasher.station(key.0, key.1);
        let (index, outcome) = self.table.insert(hash, key);
        self.evictions += u64::from(matches!(outcome, Inserted::Replaced(_)));
        self.cache(key, index);
        if let Some(station) = self.table.get_mut(index) {
            station.new = true;
        }
        index
    }

    fn cache(&mut self, key: (u16, Mac), index: SlotIndex) {
        if let Some(recent) = self.recent.get_mut(recent_index(key)) {
            *recent = index;
        }
    }
}

/// Whether a packet goes to the servers of a cluster, which share an address and a group MAC address made of it, as Microsoft's load
/// balancing does: that is no multicast.
fn is_cluster(packet: &Packet) -> bool {
    let Mac([a, b, c, d, e, f]) = packet.destination_mac;
    let [_, _, third, fourth] = (packet.destination.bits() as u32).to_be_bytes();
    packet.has_ip
        && packet.destination.is_v4()
        && !packet.destination.is_group_or_none()
        && ((a, b) == (0x03, 0xbf) || [a, b, c, d] == [0x01, 0x00, 0x5e, 0x7f] && [e, f] == [third, fourth])
}

/// Cache slot of a station: the last bytes of MAC addresses differ among the guests of a host and the hosts of a
/// network.
#[inline]
fn recent_index((_, mac): (u16, Mac)) -> usize {
    mac.bits() as usize % RECENT
}
