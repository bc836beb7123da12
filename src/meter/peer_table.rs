//! Peer tables: how many packets each peer exchanged with an attacked host in one tick, packet by packet. What a report names
//! and counts must not rest on a sample.
//!
//! A worker has few of them. A host gets one for a direction in which it has had more packets than its sample holds, several of
//! them unsolicited, and keeps it from tick to tick while that lasts; at the end of a tick in which all were in use, the host
//! with the fewest packets loses its own.

use super::conversations::{Outcome, TcpStep, Verdict};
use super::hash::Hasher;
use super::registers::Registers;
use super::samples::Sample;
use super::verdicts::asks;
use crate::base::Addr;
use crate::packet::{Class, Packet, Service};

/// Tables of each worker.
pub const PEER_TABLES: usize = 8;
/// Slots of a table, a power of two.
const SLOTS: usize = 512;
// Their numbers fit.
const _: () = assert!(SLOTS <= 1 << 16);
/// Peers of a table. The rest of the slots stays empty, so that searches are short.
const MOST: usize = SLOTS * 3 / 4;
/// Unsolicited packets of a tick from which a host gets a table, and keeps it.
const LEAST: u32 = 8;
/// The number of no table; the first one is 1.
pub(super) const NO_TABLE: u8 = 0;
const NO_SERVICE: u8 = u8::MAX;
/// In place of a class: handshakes that the peer, or the host with it, completed.
const COMPLETED: u8 = u8::MAX;

/// Distinct peers of an attacked host: 1,024 registers, a standard error of 3.25 %.
pub type CloseRegisters = Registers<1024>;

/// The packets of one peer that are of one class and one service, without those that it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCount {
    /// Address of the other end.
    pub peer: Addr,
    class: u8,
    service: u8,
    /// Captured packets; 0 in a free slot.
    pub packets: u32,
}

impl PeerCount {
    fn new(peer: Addr, class: u8, reply_of: Option<Service>) -> PeerCount {
        let service = reply_of.and_then(|service| u8::try_from(service.index()).ok()).unwrap_or(NO_SERVICE);
        PeerCount { peer, class, service, packets: 0 }
    }

    /// Packets of a peer that are counted elsewhere.
    pub fn known(peer: Addr, class: Class, packets: u32) -> PeerCount {
        PeerCount { packets, ..PeerCount::new(peer, class as u8, None) }
    }

    /// The packets that a sample stands for.
    pub(super) fn of(sample: &Sample) -> PeerCount {
        let service = if sample.is_reply() { Service::of_port(sample.source_port) } else { None };
        PeerCount { packets: sample.weight, ..PeerCount::new(sample.peer, sample.class, service) }
    }

    /// Whether the packets are of one of these classes.
    pub fn is_of(&self, classes: &[Class]) -> bool {
        classes.iter().any(|class| *class as u8 == self.class)
    }

    /// Whether it counts completed handshakes instead of packets.
    pub(super) fn is_of_handshakes(&self) -> bool {
        self.class == COMPLETED
    }

    /// The service whose replies they look like.
    pub fn service(&self) -> Option<Service> {
        Service::from_index(self.service.into())
    }

    fn is_same(&self, other: &PeerCount) -> bool {
        (self.peer, self.class, self.service) == (other.peer, other.class, other.service)
    }
}

/// The peers of one host in one direction.
#[derive(Clone, Debug)]
pub struct PeerTable {
    /// The host.
    pub(super) host: Addr,
    /// Whether it sent the packets.
    pub(super) sent: bool,
    slots: Box<[PeerCount]>,
    /// The slots in use, each with the hash of its peer: only these are read and cleared.
    used: Vec<(u16, u64)>,
    /// Packets in the table.
    counted: u32,
    /// Distinct peers: those beyond the capacity of the table at first, all of them once the tick has ended.
    pub(super) registers: CloseRegisters,
}

impl Default for PeerTable {
    fn default() -> Self {
        PeerTable {
            host: Addr::UNSPECIFIED,
            sent: false,
            slots: vec![PeerCount::default(); SLOTS].into_boxed_slice(),
            used: Vec::with_capacity(MOST),
            counted: 0,
            registers: CloseRegisters::default(),
        }
    }
}

impl PeerTable {
    fn start(&mut self, host: Addr, sent: bool) {
        for (slot, _) in self.used.drain(..) {
            if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
                *slot = PeerCount::default();
            }
        }
        self.registers.clear();
        (self.host, self.sent, self.counted) = (host, sent, 0);
    }

    /// Ends the tick.
    fn finish(&mut self) {
        self.used.iter().for_each(|(_, hash)| self.registers.add(*hash));
    }

    /// Once the table is full, nothing is counted any more: each count is that of a peer from its first packet of the tick on, and
    /// a flood from constantly changing addresses costs no searches.
    #[inline]
    fn add(&mut self, hash: u64, count: PeerCount, packets: u32) {
        if self.is_full() {
            self.registers.add(hash);
            return;
        }
        // The lower bits choose the register.
        let start = (hash >> 32) as usize;
        for probe in 0..SLOTS {
            let at = (start + probe) % SLOTS;
            let Some(slot) = self.slots.get_mut(at) else { return };
            if slot.packets == 0 {
                *slot = count;
                self.used.push((at as u16, hash));
            } else if !slot.is_same(&count) {
                continue;
            }
            slot.packets = slot.packets.saturating_add(packets);
            self.counted = self.counted.saturating_add(packets);
            return;
        }
    }

    /// Counts a packet, or a handshake that it completes.
    #[inline(never)]
    fn enter(&mut self, packet: &Packet, (peer, hash): (Addr, u64), outcome: &Outcome) {
        if matches!(outcome.step, TcpStep::Completed | TcpStep::CompletedWithData | TcpStep::SynContinued) {
            self.add(hash, PeerCount::new(peer, COMPLETED, None), 1);
        }
        if counts(packet.class, outcome.verdict) {
            self.add(hash, PeerCount::new(peer, packet.class as u8, packet.reply_of), packet.segments.into());
        }
    }

    /// Whether it counted no more peers.
    pub(super) fn is_full(&self) -> bool {
        self.used.len() >= MOST
    }

    /// The counted peers, in no order.
    pub(super) fn counts(&self) -> impl Iterator<Item = &PeerCount> {
        self.used.iter().filter_map(|(slot, _)| self.slots.get(usize::from(*slot)))
    }
}

/// Whether a packet counts as one that its peer was not asked for. Packets that ask themselves, as SYNs do, were not.
#[inline]
fn counts(class: Class, verdict: Verdict) -> bool {
    verdict != Verdict::Solicited || asks(class)
}

/// The tables of a worker.
pub(super) struct PeerTables {
    tables: Vec<PeerTable>,
    free: Vec<u8>,
    /// Where all are in use, the one with the fewest packets in this tick.
    least: u8,
}

impl PeerTables {
    pub(super) fn new() -> PeerTables {
        let free = (1..=PEER_TABLES as u8).rev().collect();
        PeerTables { tables: vec![PeerTable::default(); PEER_TABLES], free, least: NO_TABLE }
    }

    fn table(&mut self, number: u8) -> Option<&mut PeerTable> {
        self.tables.get_mut(usize::from(number).wrapping_sub(1))
    }

    /// Counts a packet of the host that has table `table`.
    #[inline]
    pub(super) fn count(&mut self, table: u8, packet: &Packet, (peer, hash): (Addr, u64), outcome: &Outcome) {
        let Some(table) = self.table(table) else { return };
        if !table.is_full() {
            table.enter(packet, (peer, hash), outcome);
        } else if counts(packet.class, outcome.verdict) {
            table.registers.add(hash);
        }
    }

    /// A host has had as many packets as its sample holds, before this one: it gets a table of its peers, if they sent what it did
    /// not ask for.
    #[inline(never)]
    pub(super) fn follow(
        &mut self,
        own: &mut u8,
        (host, sent): (Addr, bool),
        samples: &[Sample],
        packet: (&Packet, (Addr, u64), &Outcome),
        hasher: Hasher,
    ) {
        if let Some(table) = self.assign(host, sent, samples, |peer| hasher.address(peer)) {
            *own = table;
            let (packet, peer, outcome) = packet;
            self.count(table, packet, peer, outcome);
        }
    }

    /// A table for a host, if one is free and enough of the packets that its full sample holds count. As long as these are all
    /// packets, none is missed: they are entered.
    fn assign(&mut self, host: Addr, sent: bool, samples: &[Sample], hash: impl Fn(Addr) -> u64) -> Option<u8> {
        let counts = |sample: &&Sample| !sample.is_solicited();
        let packets: u32 = samples.iter().filter(counts).map(|sample| sample.weight).sum();
        if packets < LEAST {
            return None;
        }
        let number = self.free.pop()?;
        let table = self.table(number)?;
        table.start(host, sent);
        if samples.iter().all(|sample| sample.weight == 1) {
            for sample in samples.iter().filter(counts) {
                table.add(hash(sample.peer), PeerCount { packets: 0, ..PeerCount::of(sample) }, sample.weight);
            }
        }
        Some(number)
    }

    /// Before the tables of a tick are handed over.
    pub(super) fn end_tick(&mut self) {
        let is_full = self.free.is_empty();
        let least = (1u8..).zip(&self.tables).min_by_key(|(_, table)| table.counted);
        self.least = least.filter(|_| is_full).map_or(NO_TABLE, |(number, _)| number);
    }

    /// Hands the table of a tick over in exchange for an empty one. Returns whether the host keeps it.
    pub(super) fn hand_over(&mut self, number: u8, to: &mut Vec<PeerTable>, spare: &mut Vec<PeerTable>) -> bool {
        let is_least = number == self.least;
        let Some(table) = self.table(number) else { return false };
        table.finish();
        let (host, sent, counted) = (table.host, table.sent, table.counted);
        let mut fresh = spare.pop().unwrap_or_default();
        fresh.start(host, sent);
        to.push(std::mem::replace(table, fresh));
        let keeps = counted >= LEAST && !is_least;
        if !keeps {
            self.free.push(number);
        }
        keeps
    }

    /// Takes the tables back from a host that is no longer followed.
    pub(super) fn release(&mut self, numbers: &mut [u8; 2]) {
        self.free.extend(numbers.iter().filter(|number| **number != NO_TABLE));
        *numbers = [NO_TABLE; 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(table: &mut PeerTable, peer: u32, packets: u32) {
        let peer = Addr::from_v4_bits(peer);
        table.add(Hasher::fixed().address(peer), PeerCount::new(peer, Class::Udp as u8, None), packets);
    }

    #[test]
    fn each_peer_is_counted_to_the_packet() {
        let mut table = PeerTable::default();
        for round in 0..50 {
            (0..200).for_each(|peer| add(&mut table, peer, 1 + u32::from(round == 0 && peer == 7)));
        }
        let counts: Vec<&PeerCount> = table.counts().collect();
        assert_eq!(counts.len(), 200);
        for count in counts {
            assert_eq!(count.packets, if count.peer == Addr::from_v4_bits(7) { 51 } else { 50 });
        }
    }

    #[test]
    fn a_full_table_counts_no_peer_too_high() {
        let mut table = PeerTable::default();
        for _ in 0..3 {
            (0..5_000).for_each(|peer| add(&mut table, peer, 1));
        }
        assert_eq!(table.counts().count(), MOST);
        assert!(table.counts().all(|count| count.packets <= 3));
        table.finish();
        let distinct = table.registers.estimate();
        assert!((4_500.0..5_500.0).contains(&distinct), "{distinct}");
    }

    #[test]
    fn a_stronger_attack_gets_a_table_within_a_tick() {
        let mut tables = PeerTables::new();
        let sample = |packets| Sample { peer: Addr::from_v4_bits(1), weight: packets, ..Sample::default() };
        let assign =
            |tables: &mut PeerTables, host: u32| tables.assign(Addr::from_v4_bits(host), false, &[sample(9)], |_| 1);
        let hash = |number: u32| Hasher::fixed().address(Addr::from_v4_bits(number));
        for host in 0..PEER_TABLES as u32 {
            let table = assign(&mut tables, host).expect("a free table");
            tables.tables[usize::from(table) - 1].add(hash(host), PeerCount::default(), 10 + host);
        }
        assert_eq!(assign(&mut tables, 99), None, "none is free");
        let (mut report, mut spare) = (Vec::new(), Vec::new());
        tables.end_tick();
        let kept =
            (1..=PEER_TABLES as u8).rev().filter(|&index| tables.hand_over(index, &mut report, &mut spare)).count();
        assert_eq!((kept, report.len()), (PEER_TABLES - 1, PEER_TABLES));
        assert!(assign(&mut tables, 99).is_some());
    }
}
