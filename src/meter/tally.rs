//! Tally: the counters of one worker, in tables that only this worker accesses.
//!
//! Packets are processed in batches. Every host has a small entry of one cache line. A host that is busy within a tick
//! also gets one of a limited number of [`HostTick`]s with everything that detectors need. At the end of a tick the
//! touched entries are copied into a [`TickReport`] and reset to zero; the tables themselves stay allocated.

use super::attempts::AttemptTable;
use super::capture_point::CapturePoint;
use super::conversations::{self, Conversations, Key, Outcome};
use super::counts::Count;
use super::hash::Hasher;
use super::host_slot::{HostSlot, NO_DETAIL};
use super::host_tick::HostTick;
use super::inside_counts::InsideCounts;
use super::kept_packets::PacketKeeper;
use super::link::LinkRecorder;
use super::log::{LOG, LogEntry};
use super::packet_hosts::PacketHosts;
use super::peer_table::{NO_TABLE, PeerTables};
use super::report::{Evictions, HostCounts, TickReport, Totals};
use super::requests::Requests;
use super::run::Run;
use super::samples::{Received, Sample, SpreadSample};
use super::scale::Scale;
use super::set_table::{Inserted, Keyed, NO_SLOT, SetTable, SlotIndex};
use super::sizes::TallySizes;
use super::stations::Stations;
use super::sums::Sums;
use super::tunnels::{self, Encapsulated};
use crate::base::{Addr, CaptureDirections, CapturedInterface, CountPolicy, InterfaceRole, Mac, Networks, Timestamp};
use crate::capture::{Frame, FrameDirection};
use crate::packet::{Anomaly, Class, OuterHeaders, Packet};
use std::sync::Arc;

/// Packets recorded per batch: enough to overlap their cache misses.
pub const BATCH: usize = conversations::BATCH;

/// The counters of one worker.
pub struct Tally {
    hasher: Hasher,
    pub(super) networks: Arc<Networks>,
    hosts: SetTable<HostSlot>,
    touched_hosts: Vec<SlotIndex>,
    #[expect(clippy::vec_box, reason = "boxes change hands, records are not copied")]
    details: Vec<Box<HostTick>>,
    free_details: Vec<u16>,
    /// Details with their owners, so that the eviction of a host frees its detail.
    used_details: Vec<(u16, SlotIndex)>,
    /// Packets of each detail's host in this tick, filled while reporting.
    detail_packets: Vec<u32>,
    peer_tables: PeerTables,
    /// Packets per tick that a host needs to get and to keep a detail.
    busy: u32,
    stations: Stations,
    pub(super) conversations: Conversations,
    capture_point: CapturePoint,
    /// Where the hosts of a batch are, while none is being recorded.
    located: Option<Box<[PacketHosts; BATCH]>>,
    /// Interface of the last packet.
    interface: u16,
    attempts: AttemptTable,
    received: SpreadSample,
    inside: InsideCounts,
    requests: Requests,
    pub(super) link: LinkRecorder,
    keeper: PacketKeeper,
    /// Indexed by interface number.
    pub(super) interfaces: Arc<[CapturedInterface]>,
    /// Some frames are counted at another interface.
    pub(super) is_partial: bool,
    /// Some interface is an uplink, or known to lead outside.
    pub(super) has_uplink: bool,
    /// Addresses of guests of this machine.
    pub(super) local: Networks,
    elsewhere: Count,
    sums: Sums,
    anomalies: [u64; Anomaly::COUNT],
    encapsulated: Encapsulated,
    evictions: Evictions,
    first: Option<Timestamp>,
    last: Timestamp,
}

impl Tally {
    /// Allocates and touches all tables, so that a flood causes no page faults.
    pub fn new(sizes: TallySizes, networks: Arc<Networks>, hasher: Hasher) -> Self {
        let details = sizes.detailed_hosts.clamp(1, usize::from(NO_DETAIL) - 1);
        let hosts = SetTable::new(sizes.hosts, Addr::UNSPECIFIED);
        Tally {
            hasher,
            networks,
            touched_hosts: Vec::with_capacity(hosts.capacity()),
            hosts,
            details: vec![Box::default(); details],
            free_details: (0..details as u16).rev().collect(),
            used_details: Vec::with_capacity(details),
            detail_packets: vec![0; details],
            peer_tables: PeerTables::new(),
            busy: 0,
            stations: Stations::new(sizes.stations, hasher),
            conversations: Conversations::new(sizes.conversations, hasher),
            capture_point: CapturePoint::default(),
            located: Some(Box::new([PacketHosts::default(); BATCH])),
            interface: 0,
            attempts: AttemptTable::new(hasher),
            received: SpreadSample::default(),
            inside: InsideCounts::default(),
            requests: Requests::new(hasher),
            link: LinkRecorder::new(hasher),
            keeper: PacketKeeper::new(sizes.kept_octets, hasher),
            interfaces: Arc::default(),
            is_partial: false,
            has_uplink: false,
            local: Networks::default(),
            elsewhere: Count::default(),
            sums: Sums::default(),
            anomalies: [0; Anomaly::COUNT],
            encapsulated: Encapsulated::default(),
            evictions: Evictions::default(),
            first: None,
            last: Timestamp::ZERO,
        }
    }

    /// Samples a packet if it is a request, and records it if it is a control frame or goes to a group; `frame` is its
    /// data. Returns whether the packet counts on this interface: then it must be recorded as well. Otherwise another
    /// interface of the segment shows it, and here it counts for its stations alone.
    #[inline]
    pub fn note(&mut self, packet: &Packet, frame: &[u8]) -> bool {
        if self.is_partial && self.is_counted_elsewhere(packet, frame) {
            return false;
        }
        const ERRORS: u32 = 1 << Class::IcmpError as u32 | 1 << Class::Icmpv6Error as u32;
        if ERRORS >> packet.class as u32 & 1 != 0 {
            self.conversations.note_error(frame.get(usize::from(packet.payload_at)..).unwrap_or_default());
        }
        if packet.app.is_request() {
            self.requests.offer(packet, frame);
        } else if packet.is_control || packet.destination_mac.is_group() {
            self.link.note(packet, frame);
        }
        true
    }

    /// Keeps a packet as evidence, unless its hosts have had their shares.
    #[inline]
    pub fn keep(&mut self, packet: &Packet, frame: &Frame<'_>) {
        self.keeper.offer(packet, frame);
    }

    /// Notes a packet in an encapsulation: as [`Tally::note`], for the header that counts, which becomes `packet`. `outer` are
    /// those around it, where it is inside a tunnel.
    #[cold]
    pub fn note_encapsulated(&mut self, packet: &mut Packet, outer: &OuterHeaders, frame: &[u8]) -> bool {
        let networks = Arc::clone(&self.networks);
        let around = packet.is_inner.then(|| tunnels::choose(packet, outer, &networks));
        if !self.note(packet, frame) {
            return false;
        }
        self.encapsulated.count(packet);
        for packet in around.into_iter().flatten() {
            if self.encapsulated.push(packet) {
                self.record_outer();
            }
        }
        true
    }

    /// Counts outer headers for our hosts. Everything else was counted with what they carry.
    #[cold]
    fn record_outer(&mut self) {
        let (packets, count) = self.encapsulated.take_outer();
        let batch = packets.get(..count).unwrap_or_default();
        let mut located = [PacketHosts::default(); BATCH];
        self.locate(batch, &mut located);
        if self.has_uplink {
            self.disown_forged(batch, &mut located);
        }
        for (packet, ends) in batch.iter().zip(&located) {
            self.count_hosts(packet, ends);
        }
    }

    /// Whether frames that leave by an interface leave the machine: frames that leave by a guest's port reach the
    /// guest.
    fn leaves_machine(&self, interface: u16) -> bool {
        self.interfaces.get(usize::from(interface)).is_none_or(|interface| interface.role != InterfaceRole::Port)
    }

    /// Whether a packet may leave the machine. Where the capture does not say whether a frame leaves, its destination may.
    fn may_leave(&self, packet: &Packet) -> bool {
        packet.direction != FrameDirection::Ingress && self.leaves_machine(packet.interface)
    }

    /// Packets that enter from outside with a source address of ours were not sent by that host: it is not accused of them. That
    /// nothing of ours is outside is configured, or known of the addresses of local guests on an uplink.
    #[inline(never)]
    fn disown_forged(&mut self, batch: &[Packet], located: &mut [PacketHosts; BATCH]) {
        for (packet, ends) in batch.iter().zip(located) {
            let Some(interface) = self.interfaces.get(usize::from(packet.interface)) else { continue };
            let is_ours = packet.has_ip && packet.direction == FrameDirection::Ingress && ends.ends.from_us;
            let is_uplink = interface.role == InterfaceRole::Uplink;
            if !is_ours || !(interface.outside || is_uplink && self.local.contains(packet.source)) {
                continue;
            }
            if let Some(count) = self.anomalies.get_mut(Anomaly::OwnSourceEntered as usize) {
                *count += 1;
            }
            if ends.is_target {
                let index = self.insert_host(ends.ends.destination, packet.destination);
                let outcome = Outcome::default();
                self.host::<false>(index, packet, ends.ends.source, &outcome);
                self.received.offer(packet.segments.into(), ends.ends.source ^ ends.ends.destination, || Received {
                    target: packet.destination,
                    sample: Sample::of(packet, packet.source, &outcome),
                });
            }
            // It was counted for its receiver just now. It says nothing that an answer could belong to, so that it follows no
            // conversation but that of all such packets.
            (ends.ends.from_us, ends.source_slot, ends.is_target) = (false, NO_SLOT, false);
            ends.conversation = Key::default();
        }
    }

    #[inline(never)]
    fn is_counted_elsewhere(&mut self, packet: &Packet, frame: &[u8]) -> bool {
        let counted =
            self.interfaces.get(usize::from(packet.interface)).map_or(CountPolicy::All, |interface| interface.counted);
        let elsewhere = match counted {
            CountPolicy::All => false,
            CountPolicy::Ingress => packet.direction == FrameDirection::Egress,
            CountPolicy::Nothing => true,
        };
        if elsewhere {
            self.first.get_or_insert(packet.time);
            self.last = packet.time;
            self.elsewhere.add(packet.segments, packet.wire_len);
            let mut run = Run::new(packet);
            run.add(packet);
            if packet.direction == FrameDirection::Egress && packet.has_ip && self.leaves_machine(packet.interface) {
                let ours = |address| self.networks.contains(address);
                if !ours(packet.source) && !ours(packet.destination) && !self.networks.is_unknown() {
                    run.add_spoofed(packet);
                }
            }
            self.stations.count(&run, &mut self.link);
            // A frame can be shown by several interfaces: the merger detects copies, and this interface may be the one
            // where it entered.
            self.link.note(packet, frame);
            if self.link.checks_sources() {
                self.link.check_sources(packet.source_mac, std::iter::once(packet));
            }
        }
        elsewhere
    }

    /// Counts a batch of packets, all of the current tick.
    #[inline]
    pub fn record(&mut self, batch: &[Packet]) {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return };
        self.first.get_or_insert(first.time);
        self.last = last.time;
        self.interface = last.interface;
        self.conversations.set_tick(last.time.tick());
        // Look up all hosts and conversations first, so that their cache misses overlap. There always is a table to put them in: it is
        // put back below.
        let Some(mut located) = self.located.take() else { return };
        self.locate(batch, &mut located);
        if self.has_uplink {
            self.disown_forged(batch, &mut located);
        }
        let (version, unknown) = (self.hosts.version(), self.networks.is_unknown());
        let (mut run, mut run_start) = (Run::new(first), 0);
        for (index, (packet, ends)) in batch.iter().zip(located.iter_mut()).enumerate() {
            self.sums.add(packet, ends.ends.to_us, ends.ends.from_us);
            if let Some(anomaly) = packet.anomaly
                && let Some(count) = self.anomalies.get_mut(anomaly as usize)
            {
                *count += 1;
            }
            if !run.continues_with(packet) {
                self.end_run(&run, batch.get(run_start..index));
                (run, run_start) = (Run::new(packet), index);
            }
            run.add(packet);
            if !(ends.ends.to_us | ends.ends.from_us)
                && packet.has_ip
                && (self.may_leave(packet) || packet.source.is_group())
            {
                run.add_spoofed(packet);
            }
            if !packet.has_ip {
                if packet.class == Class::Arp {
                    self.attempts.arp(packet);
                }
                continue;
            }
            if ends.source_slot == NO_SLOT && unknown && self.hosts.version() != version {
                // An earlier packet of the batch may have inserted it.
                ends.source_slot = self.find_host(ends.ends.source, packet.source);
            }
            self.count_hosts(packet, ends);
        }
        self.located = Some(located);
        self.conversations.end_batch(batch.len());
        self.end_run(&run, batch.get(run_start..));
        if self.encapsulated.has_outer() {
            self.record_outer();
        }
    }

    #[inline]
    fn end_run(&mut self, run: &Run<'_>, packets: Option<&[Packet]>) {
        self.stations.count(run, &mut self.link);
        if self.link.checks_sources() {
            self.link.check_sources(run.first.source_mac, packets.unwrap_or_default().iter());
        }
    }

    #[inline]
    fn locate(&self, batch: &[Packet], located: &mut [PacketHosts; BATCH]) {
        let unknown = self.networks.is_unknown();
        let mut previous = PacketHosts::default();
        previous.ends.known = !unknown;
        let mut previous_destination = None;
        for (packet, ends) in batch.iter().zip(located) {
            if !packet.has_ip {
                *ends = PacketHosts::default();
                ends.ends.from_us = packet.direction == FrameDirection::Egress;
                ends.ends.to_us = !ends.ends.from_us;
                continue;
            }
            // In a flood consecutive packets have the same destination.
            if previous_destination != Some(packet.destination) {
                previous_destination = Some(packet.destination);
                previous.ends.destination = self.hasher.address(packet.destination);
                previous.destination_slot = self.find_host(previous.ends.destination, packet.destination);
                previous.ends.to_us = unknown || self.networks.contains(packet.destination);
                // A group address is no target.
                previous.to_group = packet.destination.is_group_or_none();
                previous.is_target = previous.ends.to_us && !previous.to_group;
            }
            *ends = previous;
            // A frame to all stations is no traffic of one host, whatever the address in it.
            if packet.destination_mac == Mac::BROADCAST {
                (ends.is_target, ends.to_group) = (false, true);
            }
            ends.ends.source = self.hasher.address(packet.source);
            ends.conversation = self.conversations.key(packet, ends.ends.source, ends.ends.destination);
            self.conversations.load(ends.conversation);
            ends.ends.from_us = !unknown && self.networks.contains(packet.source);
            ends.source_slot = match unknown || ends.ends.from_us {
                true => self.find_host(ends.ends.source, packet.source),
                false => NO_SLOT,
            };
        }
    }

    #[inline]
    fn is_host(&self, index: SlotIndex, address: Addr) -> bool {
        self.hosts.get(index).is_some_and(|slot| slot.address == address)
    }

    #[inline]
    fn find_host(&self, hash: u64, address: Addr) -> SlotIndex {
        self.hosts.find(hash, address).unwrap_or(NO_SLOT)
    }

    /// Counts a packet for its receiver and for its sender, where they have or may get an entry.
    #[inline]
    fn count_hosts(&mut self, packet: &Packet, ends: &PacketHosts) {
        if packet.class == Class::IcmpEchoGroup {
            return self.count_group_echo(packet, ends);
        }
        let outcome = self.conversations.follow(packet, ends.conversation, &ends.ends);
        if ends.ends.to_us || ends.ends.from_us {
            self.attempts.follow(packet, &outcome, &ends.ends);
            self.inside.follow(packet, &outcome, &ends.ends);
        }
        // Without configured networks only receivers get entries: a flood from random sources must not fill the table.
        // Packets sent by known receivers still count.
        if ends.is_target {
            // An earlier packet of the batch may have evicted or inserted this host.
            let index = match self.is_host(ends.destination_slot, packet.destination) {
                true => ends.destination_slot,
                false => self.insert_host(ends.ends.destination, packet.destination),
            };
            self.host::<false>(index, packet, ends.ends.source, &outcome);
            self.received.offer(packet.segments.into(), ends.ends.source ^ ends.ends.destination, || Received {
                target: packet.destination,
                sample: Sample::of(packet, packet.source, &outcome),
            });
        }
        // Packets to a group stay on the segment and are counted by station.
        if (ends.ends.from_us || ends.source_slot != NO_SLOT) && !ends.to_group {
            let index = match self.is_host(ends.source_slot, packet.source) {
                true => ends.source_slot,
                false if ends.ends.from_us => self.insert_host(ends.ends.source, packet.source),
                false => return,
            };
            self.host::<true>(index, packet, ends.ends.destination, &outcome);
        }
    }

    /// Counts an echo request to a group as received by its source address: the replies go there.
    #[inline(never)]
    fn count_group_echo(&mut self, packet: &Packet, ends: &PacketHosts) {
        if packet.source.is_group_or_none() || !(ends.ends.from_us || self.networks.is_unknown()) {
            return;
        }
        let index = match self.is_host(ends.source_slot, packet.source) {
            true => ends.source_slot,
            false => self.insert_host(ends.ends.source, packet.source),
        };
        let reversed = Packet { source: packet.destination, destination: packet.source, ..*packet };
        self.host::<false>(index, &reversed, ends.ends.destination, &Outcome::default());
    }

    fn insert_host(&mut self, hash: u64, address: Addr) -> SlotIndex {
        let (index, outcome) = self.hosts.insert(hash, address);
        self.evictions.hosts += u64::from(matches!(outcome, Inserted::Replaced(_)));
        index
    }

    #[inline]
    /// Counts a packet for the host at `index`, which sent or received it.
    fn host<const SENT: bool>(&mut self, index: SlotIndex, packet: &Packet, peer_hash: u64, outcome: &Outcome) {
        let age = self.hosts.age();
        let Some(slot) = self.hosts.get_mut(index) else { return };
        let detail = slot.detail;
        if !slot.has_counts() {
            slot.previous.start_tick(age);
            self.touched_hosts.push(index);
            // A host that kept its detail from the last tick starts this one here.
            if let Some(tick) = self.details.get_mut(usize::from(detail)) {
                tick.first = packet.time;
            }
        }
        if let Some(count) = slot.counts.get_mut(usize::from(SENT)) {
            count.add(packet.segments.into(), packet.wire_len);
        }
        if detail != NO_DETAIL {
            self.detail::<SENT>(detail, packet, peer_hash, outcome);
        } else if let Some(entry) = slot.log.get_mut(usize::from(slot.log_len)) {
            *entry = LogEntry::new(packet, SENT, outcome);
            slot.log_len += 1;
        } else if slot.packets() >= self.busy
            && let Some(detail) = self.promote(index, packet, SENT)
        {
            self.detail::<SENT>(detail, packet, peer_hash, outcome);
        } else {
            self.evictions.details += 1;
        }
    }

    /// Gives a host full detail and moves its earlier packets there.
    fn promote(&mut self, index: SlotIndex, packet: &Packet, sent: bool) -> Option<u16> {
        let detail = self.free_details.pop()?;
        let slot = self.hosts.get_mut(index)?;
        slot.detail = detail;
        let tick = self.details.get_mut(usize::from(detail))?;
        tick.reset(slot.address);
        let mut earlier = HostCounts::of(slot);
        // This packet has been counted already; the caller adds it to the detail.
        let count = if sent { &mut earlier.sent } else { &mut earlier.received };
        count.packets = count.packets.saturating_sub(packet.segments.into());
        count.bytes = count.bytes.saturating_sub(packet.wire_len);
        earlier.write(tick, packet.time, Scale::default());
        slot.log_len = 0;
        self.used_details.push((detail, index));
        Some(detail)
    }

    #[inline]
    fn detail<const SENT: bool>(&mut self, detail: u16, packet: &Packet, peer_hash: u64, outcome: &Outcome) {
        let Some(tick) = self.details.get_mut(usize::from(detail)) else { return };
        let peer = if SENT { packet.destination } else { packet.source };
        let (host, samples, table) = tick.followed::<SENT>();
        if *table != NO_TABLE {
            self.peer_tables.count(*table, packet, (peer, peer_hash), outcome);
        } else if samples.is_full() {
            let packet = (packet, (peer, peer_hash), outcome);
            self.peer_tables.follow(table, (host, SENT), samples.samples(), packet, self.hasher);
        }
        tick.count::<SENT>(packet, (peer, peer_hash), outcome);
    }

    /// Copies the tick into `report` (cleared first) and starts the next.
    pub fn finish_tick(&mut self, tick: u64, report: &mut TickReport) {
        report.clear();
        report.tick = tick;
        report.first = self.first.take();
        report.last = self.last;
        report.inside = std::mem::take(&mut self.inside);
        report.totals = std::mem::take(&mut self.sums).totals(self.link.take_anomalies(&mut self.anomalies));
        report.totals.unopened = self.encapsulated.finish_tick();
        self.evictions.stations = self.stations.finish_tick(&mut report.stations);
        self.evictions.attempts += self.attempts.finish_tick(&mut report.attempts);
        self.evictions.conversations = self.conversations.finish_tick();
        report.received = self.received;
        self.received.clear();
        self.evictions.requests = self.requests.finish_tick(&mut report.requests);
        self.link.finish_tick(&mut report.link);
        self.keeper.finish_tick(&mut report.kept);
        self.evictions.controls = report.link.skipped;
        report.elsewhere = std::mem::take(&mut self.elsewhere);
        report.evictions = std::mem::take(&mut self.evictions);
        report.host_entries = self.hosts.len();
        report.station_entries = self.stations.len();
        report.attempt_entries = self.attempts.len();
        report.conversation_entries = self.conversations.len();
        report.directions = self.directions(&report.totals);
        self.report_hosts(report);
        self.hosts.next_tick();
    }

    /// Which directions the interface shows: as configured, else as learned.
    fn directions(&mut self, totals: &Totals) -> CaptureDirections {
        let packets = |counts: &[Count]| Count::sum(counts.iter().copied()).packets;
        let (received, sent) = (packets(&totals.received), packets(&totals.transmitted));
        let learned = self.capture_point.learn(received, sent, self.conversations.shows_both_ends());
        match self.interfaces.get(usize::from(self.interface)).map(|interface| interface.directions) {
            None | Some(CaptureDirections::Unknown) => learned,
            Some(configured) => configured,
        }
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
            slot.previous.end_tick(packets);
            slot.counts = Default::default();
            slot.log_len = 0;
        }
        // Details stay with hosts that are still busy, so that the next tick needs no promotion and loses no peers.
        // Whenever none is free, the required packet rate doubles; it halves while less than a quarter is in use.
        self.peer_tables.end_tick();
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
            // No owner: the host was evicted from the table.
            let owner = self.hosts.get_mut(index).filter(|slot| slot.detail == detail && slot.address == tick.address);
            let Some(slot) = owner else {
                self.peer_tables.release(&mut tick.peer_tables);
                self.free_details.push(detail);
                continue;
            };
            let packets = self.detail_packets.get_mut(usize::from(detail)).map_or(0, std::mem::take);
            if packets > 0 {
                let mut fresh = report.spare.pop().unwrap_or_default();
                fresh.reset(slot.address);
                for (table, kept) in tick.peer_tables.into_iter().zip(&mut fresh.peer_tables) {
                    if self.peer_tables.hand_over(table, &mut report.peers, &mut report.spare_peers) {
                        *kept = table;
                    }
                }
                report.details.push(std::mem::replace(tick, fresh));
            }
            if packets > 0 && packets >= self.busy {
                if let Some(entry) = self.used_details.get_mut(kept) {
                    *entry = (detail, index);
                }
                kept += 1;
            } else {
                slot.detail = NO_DETAIL;
                self.peer_tables.release(&mut tick.peer_tables);
                self.free_details.push(detail);
            }
        }
        self.used_details.truncate(kept);
    }
}
