//! Layer-2 records of one worker in a tick, beside its stations: control frames, unknown MAC addresses, unknown
//! unicast, duplicate group frames, and source addresses that are not assigned to the guest that uses them.
//!
//! Everything is bounded: [`CONTROLS`] control frames a tick and [`PER_STATION`] of any one station, so that a flood of
//! one kind neither costs much nor hides the rest for long. Skipped frames are counted.

use super::counts::Count;
use super::hash::Hasher;
use super::joined_groups::{GroupStreams, JoinedGroups};
use super::registers::Registers;
use super::run::Run;
use crate::base::{Addr, Mac, TICK_NANOS, TICKS_PER_SECOND, Timestamp};
use crate::capture::FrameDirection;
use crate::packet::{Anomaly, Class, Control, Disbelieved, Packet, control};
use ipnet::IpNet;
use std::collections::HashMap;
use std::sync::Arc;

/// Control frames kept per tick.
pub const CONTROLS: usize = 512;
/// Of these, from stations in the same bucket.
const PER_STATION: u8 = 64;
/// Buckets of stations, each with a counter of control frames. A power of two.
pub(super) const STATION_BUCKETS: usize = 256;
/// Group frames remembered for a second, to detect duplicates. A power of two.
const RECENT_FRAMES: usize = 1024;
/// Bytes of a frame that identify it: the headers and the beginning of the payload.
const FINGERPRINT: usize = 128;
/// Interfaces counted separately; a worker of a live run has one.
const INTERFACES: usize = 32;
/// Senders to joined groups per tick.
const STREAMS: usize = 64;
/// Not assigned source addresses recorded per tick.
const FOREIGN: usize = 64;
/// Senders of duplicate frames that are counted separately.
const DUPLICATE_SENDERS: usize = 8;

/// Addresses assigned to guests, by MAC address. Guests without known addresses are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignedAddrs(pub HashMap<Mac, Vec<IpNet>>);

impl AssignedAddrs {
    /// Whether a station may use an address as its source.
    pub fn allows(&self, mac: Mac, address: Addr) -> bool {
        self.0.get(&mac).is_none_or(|own| allowed(own, address))
    }
}

fn allowed(own: &[IpNet], address: Addr) -> bool {
    // Addresses of one family do not restrict the other: guests assign themselves IPv6 addresses.
    let same_family = |network: &&IpNet| network.addr().is_ipv4() == address.is_v4();
    let mut own = own.iter().filter(same_family).peekable();
    own.peek().is_none() || address.is_valid_on_any_link() || own.any(|network| network.contains(&address.ip()))
}

/// A source address that is not assigned to the guest that used it, in one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForeignUse {
    /// Number of the interface that showed the packets.
    pub interface: u16,
    /// VLAN of the first packet; 0 without a tag.
    pub vlan: u16,
    /// MAC address of the guest.
    pub mac: Mac,
    /// The address that it used without assignment.
    pub address: Addr,
    /// Time of the first packet in this tick.
    pub first: Timestamp,
    /// Packets in this tick with this source address.
    pub count: Count,
    /// Destination of one of the packets.
    pub destination: Addr,
}

/// Layer-2 counts of one interface in one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkCounts {
    pub interface: u16,
    /// Stations that were not in the table, and the set of their MAC addresses.
    pub unknown_macs: u64,
    pub distinct_unknown_macs: Registers,
    /// Unicast frames to MAC addresses that have never sent, and the set of these addresses.
    pub unknown_unicast: Count,
    pub distinct_unknown_unicast: Registers,
    /// Sender of one of them.
    pub unknown_unicast_sender: Mac,
    /// Group frames that are identical to one within the last second.
    pub duplicates: Count,
    /// Of these, frames that entered after the first copy had left here.
    pub looped: u64,
    /// Senders of the duplicates and their number; only the first few senders.
    pub duplicate_senders: [(Mac, u32); DUPLICATE_SENDERS],
}

impl LinkCounts {
    /// Adds the counts of another tick, or of another worker.
    pub fn merge(&mut self, other: &LinkCounts) {
        self.unknown_macs += other.unknown_macs;
        self.distinct_unknown_macs.merge(&other.distinct_unknown_macs);
        self.unknown_unicast.merge(other.unknown_unicast);
        self.distinct_unknown_unicast.merge(&other.distinct_unknown_unicast);
        if other.unknown_unicast.packets > 0 {
            self.unknown_unicast_sender = other.unknown_unicast_sender;
        }
        self.duplicates.merge(other.duplicates);
        self.looped += other.looped;
        other.duplicate_senders().for_each(|(mac, copies)| self.add_duplicates(mac, copies));
    }

    /// Senders of duplicates and their number: complete where there are few.
    pub fn duplicate_senders(&self) -> impl Iterator<Item = (Mac, u32)> + '_ {
        self.duplicate_senders.iter().copied().filter(|(mac, _)| *mac != Mac::ZERO)
    }

    fn add_duplicates(&mut self, mac: Mac, copies: u32) {
        if let Some(entry) = self.duplicate_senders.iter_mut().find(|(known, _)| *known == mac || *known == Mac::ZERO) {
            *entry = (mac, entry.1.saturating_add(copies));
        }
    }
}

/// The bucket of a station, which it may share with others.
pub(super) fn station_bucket(hasher: Hasher, mac: Mac) -> usize {
    hasher.word(mac.bits()) as usize % STATION_BUCKETS
}

/// A set of buckets, as a bitmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StationBuckets([u64; STATION_BUCKETS / 64]);

impl StationBuckets {
    fn add(&mut self, bucket: usize) {
        if let Some(word) = self.0.get_mut(bucket / 64) {
            *word |= 1 << (bucket % 64);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..STATION_BUCKETS).filter(|bucket| self.0.get(bucket / 64).is_some_and(|word| word >> (bucket % 64) & 1 == 1))
    }
}

/// The layer-2 part of a worker's report.
#[derive(Clone, Debug, Default)]
pub struct LinkReport {
    pub controls: Vec<Control>,
    /// Control frames of the tick that are not in `controls`, and the [buckets](station_bucket) of their senders.
    pub skipped: u64,
    pub skipped_buckets: StationBuckets,
    pub interfaces: Vec<LinkCounts>,
    pub foreign: Vec<ForeignUse>,
    /// Senders to groups that stations have joined, at most 64.
    pub streams: Vec<GroupStreams>,
}

impl LinkReport {
    pub fn clear(&mut self) {
        self.controls.clear();
        self.skipped = 0;
        self.skipped_buckets = StationBuckets::default();
        self.interfaces.clear();
        self.foreign.clear();
        self.streams.clear();
    }
}

/// A recent frame to a group.
#[derive(Clone, Copy, Default)]
struct GroupFrame {
    fingerprint: u64,
    second: u64,
    is_egress: bool,
}

pub(super) struct LinkRecorder {
    hasher: Hasher,
    assigned: Arc<AssignedAddrs>,
    report: LinkReport,
    counters: [u8; STATION_BUCKETS],
    /// Control frames of this tick that their receivers must discard.
    disbelieved: u64,
    recent: Box<[GroupFrame]>,
    joined: JoinedGroups,
}

impl LinkRecorder {
    pub(super) fn new(hasher: Hasher) -> LinkRecorder {
        let mut report = LinkReport::default();
        report.controls.reserve_exact(CONTROLS);
        let recent = vec![GroupFrame::default(); RECENT_FRAMES].into_boxed_slice();
        LinkRecorder {
            hasher,
            assigned: Arc::default(),
            report,
            counters: [0; STATION_BUCKETS],
            disbelieved: 0,
            recent,
            joined: JoinedGroups::new(hasher),
        }
    }

    pub(super) fn set_assigned(&mut self, assigned: Arc<AssignedAddrs>) {
        self.assigned = assigned;
    }

    /// Records a control frame or a frame to a group.
    #[inline(never)]
    pub(super) fn note(&mut self, packet: &Packet, frame: &[u8]) {
        if packet.destination_mac.is_group() {
            self.check_duplicate(packet, frame);
            self.joined.note(packet, frame);
        }
        if packet.is_control {
            self.note_control(packet, frame);
        }
    }

    /// Parses a control frame and keeps it, within the limits.
    fn note_control(&mut self, packet: &Packet, frame: &[u8]) {
        let bucket = station_bucket(self.hasher, packet.source_mac);
        let Some(counter) = self.counters.get_mut(bucket) else { return };
        if *counter >= PER_STATION || self.report.controls.len() >= CONTROLS {
            self.report.skipped += 1;
            self.report.skipped_buckets.add(bucket);
            return;
        }
        match control::read(packet, frame) {
            Ok(Some(control)) => {
                *counter += 1;
                self.report.controls.push(control);
            }
            Ok(None) => {}
            Err(Disbelieved) => self.disbelieved += 1,
        }
    }

    /// Takes the anomalies of the tick, with the control frames that their receivers must discard.
    pub(super) fn take_anomalies(&mut self, anomalies: &mut [u64; Anomaly::COUNT]) -> [u64; Anomaly::COUNT] {
        if let Some(count) = anomalies.get_mut(Anomaly::ControlInvalid as usize) {
            *count += std::mem::take(&mut self.disbelieved);
        }
        std::mem::replace(anomalies, [0; Anomaly::COUNT])
    }

    /// Counts a group frame that is a duplicate of a recent one.
    fn check_duplicate(&mut self, packet: &Packet, frame: &[u8]) {
        let mut fingerprint = u64::from(packet.interface) << 32 | u64::from(packet.wire_len);
        for chunk in frame.get(..FINGERPRINT).unwrap_or(frame).chunks(8) {
            let word = chunk.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
            fingerprint = self.hasher.word(fingerprint ^ word).rotate_left(5);
        }
        let second = packet.time.nanos() / (TICKS_PER_SECOND as u64 * TICK_NANOS);
        let is_egress = packet.direction == FrameDirection::Egress;
        let Some(known) = self.recent.get_mut(fingerprint as usize % RECENT_FRAMES) else { return };
        // Also across the boundary of two seconds.
        if known.fingerprint != fingerprint || second.wrapping_sub(known.second) > 1 {
            *known = GroupFrame { fingerprint, second, is_egress };
            return;
        }
        // After a migration the new host announces a guest with the same frame as this host did before (RFC 903, RFC
        // 5227 §2.3).
        let announces = packet.class == Class::Arp && (packet.flags > 2 || packet.source == packet.destination);
        let looped = known.is_egress && packet.direction == FrameDirection::Ingress && !announces;
        known.second = second;
        if let Some(counts) = self.interface(packet.interface) {
            counts.duplicates.add(packet.segments, packet.wire_len);
            counts.looped += u64::from(looped);
            counts.add_duplicates(packet.source_mac, packet.segments.into());
        }
    }

    fn interface(&mut self, interface: u16) -> Option<&mut LinkCounts> {
        let interfaces = &mut self.report.interfaces;
        let at = match interfaces.iter().position(|counts| counts.interface == interface) {
            Some(at) => at,
            None if interfaces.len() >= INTERFACES => return None,
            None => {
                interfaces.push(LinkCounts { interface, ..LinkCounts::default() });
                interfaces.len() - 1
            }
        };
        interfaces.get_mut(at)
    }

    /// Counts frames to a multicast group, if stations have joined it.
    #[inline(never)]
    pub(super) fn record_multicast(&mut self, run: &Run<'_>) {
        if self.joined.contains(run.first.destination_mac) {
            self.joined.count(&mut self.report.streams, run.first, run.count.packets, STREAMS);
        }
    }

    /// Counts a frame from a station that was not in the table.
    pub(super) fn record_unknown_mac(&mut self, packet: &Packet) {
        let hash = self.hasher.word(packet.source_mac.bits());
        if let Some(counts) = self.interface(packet.interface) {
            counts.unknown_macs += 1;
            counts.distinct_unknown_macs.add(hash);
        }
    }

    /// Counts frames to a MAC address that has never sent.
    pub(super) fn record_unknown_unicast(&mut self, run: &Run<'_>) {
        let (packet, count) = (run.first, run.count);
        let hash = self.hasher.word(packet.destination_mac.bits());
        if let Some(counts) = self.interface(packet.interface) {
            counts.unknown_unicast.merge(count.into());
            counts.distinct_unknown_unicast.add(hash);
            counts.unknown_unicast_sender = packet.source_mac;
        }
    }

    /// Whether there are assigned addresses to check sources against.
    #[inline]
    pub(super) fn checks_sources(&self) -> bool {
        !self.assigned.0.is_empty()
    }

    /// Checks the sources of packets of one station against its assigned addresses.
    #[inline(never)]
    pub(super) fn check_sources<'p>(&mut self, mac: Mac, packets: impl Iterator<Item = &'p Packet>) {
        let Some(own) = self.assigned.0.get(&mac) else { return };
        for packet in packets.filter(|packet| packet.has_ip && !allowed(own, packet.source)) {
            let foreign = &mut self.report.foreign;
            let same = |known: &&mut ForeignUse| {
                (known.mac, known.address, known.interface) == (mac, packet.source, packet.interface)
            };
            if let Some(known) = foreign.iter_mut().find(same) {
                known.count.add(packet.segments, packet.wire_len);
            } else if foreign.len() < FOREIGN {
                let mut count = Count::default();
                count.add(packet.segments, packet.wire_len);
                foreign.push(ForeignUse {
                    interface: packet.interface,
                    vlan: packet.vlan,
                    mac,
                    address: packet.source,
                    first: packet.time,
                    count,
                    destination: packet.destination,
                });
            }
        }
    }

    /// Swaps the tick's records into `into` (its content is discarded) and starts the next.
    pub(super) fn finish_tick(&mut self, into: &mut LinkReport) {
        into.clear();
        std::mem::swap(into, &mut self.report);
        self.counters = [0; STATION_BUCKETS];
    }
}
