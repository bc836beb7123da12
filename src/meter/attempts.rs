//! Contacts: who opens what with whom. It shows scans, which are many openings of one sender that nobody answers.
//!
//! A packet *opens* where neither end has spoken in its flow lately, and *answers* where the other end opened. What has
//! spoken is kept in two generations of bits (a Bloom filter of one function, 64 KiB in all), so that most packets cost
//! a hash and one look. Openings are counted by sender in a small table, [`BUDGET`] of them a tick at most, and then
//! nothing more of that tick is looked at: a flood of openings is not for this table, and must not cost more than that.

use super::hash::Hasher;
use super::linear_counter::LinearCounter;
use super::majority::MajorityVote;
use super::set_table::{Inserted, Keyed, LastTick, SetTable, SlotIndex};
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Class, Packet};

/// Openings that are looked at in one tick; packets after them are counted as evicted.
pub const BUDGET: u32 = 512;
/// Senders in the table.
pub const SENDERS: usize = 1024;
/// Openings within the two halves of the memory from which on a sender is reported.
const REPORTED: u16 = 8;
/// Ticks that each half of a sender's memory lasts: it remembers 30 to 60 s.
const HALF_TICKS: u32 = 300;
/// Ticks, and flows, after which the bits of spoken flows change generation.
const GENERATION: u64 = 100;
const GENERATION_FLOWS: u32 = 1 << 16;
/// Two bits a flow, for its two directions.
const WORDS: usize = 1 << 12;

/// What is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttemptKind {
    Tcp,
    Udp,
    /// Echo requests of either ICMP.
    Echo,
    /// Other IP protocols; their number stands in place of the port.
    Protocol,
    /// ARP requests. The sender is a station.
    Arp,
    /// Answers to what nobody asked: SYN-ACK, RST, ICMP errors.
    Answer,
}

/// What one sender opened lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionAttempts {
    pub kind: AttemptKind,
    /// The sender; of ARP its protocol address.
    pub source: Addr,
    /// The sender's station as last seen.
    pub mac: Mac,
    pub interface: u16,
    pub vlan: u16,
    /// First opening that is still remembered, and the last.
    pub first: Timestamp,
    pub last: Timestamp,
    /// Within the memory of 30 to 60 s.
    pub opened: u32,
    pub answered: u32,
    /// In this tick alone: openings and their octets.
    pub opened_now: u32,
    pub bytes_now: u32,
    pub targets: LinearCounter,
    pub ports: LinearCounter,
    /// A target and a port that were opened often; the most frequent where one has the majority.
    pub target: Addr,
    pub port: u16,
    /// Of the last opening.
    pub source_port: u16,
    /// Lowest and highest target.
    pub low: Addr,
    pub high: Addr,
}

impl ConnectionAttempts {
    /// Adds what another worker saw of the same sender.
    pub fn merge(&mut self, other: &ConnectionAttempts) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.opened = self.opened.saturating_add(other.opened);
        self.answered = self.answered.saturating_add(other.answered);
        self.opened_now = self.opened_now.saturating_add(other.opened_now);
        self.bytes_now = self.bytes_now.saturating_add(other.bytes_now);
        self.targets.merge(other.targets);
        self.ports.merge(other.ports);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// HalfWindow of the memory of a sender.
#[derive(Clone, Copy, Default)]
struct HalfWindow {
    first: Timestamp,
    opened: u16,
    answered: u16,
    targets: LinearCounter,
    ports: LinearCounter,
}

type Key = (AttemptKind, Addr);

struct Sender {
    key: Key,
    previous: LastTick,
    mac: Mac,
    interface: u16,
    vlan: u16,
    /// Number of the half that `now` is.
    half: u32,
    now: HalfWindow,
    before: HalfWindow,
    opened_now: u32,
    bytes_now: u32,
    last: Timestamp,
    source: Addr,
    source_port: u16,
    target: MajorityVote<Addr>,
    port: MajorityVote<u16>,
    low: Addr,
    high: Addr,
}

impl Keyed for Sender {
    type Key = Key;

    fn empty(key: Key) -> Self {
        Sender {
            key,
            previous: LastTick::default(),
            mac: Mac::ZERO,
            interface: 0,
            vlan: 0,
            half: 0,
            now: HalfWindow::default(),
            before: HalfWindow::default(),
            opened_now: 0,
            bytes_now: 0,
            last: Timestamp::ZERO,
            source: Addr::UNSPECIFIED,
            source_port: 0,
            target: MajorityVote::default(),
            port: MajorityVote::default(),
            low: Addr::UNSPECIFIED,
            high: Addr::UNSPECIFIED,
        }
    }

    fn key(&self) -> Key {
        self.key
    }

    /// Who opened much is kept, as long as it is remembered at all.
    fn weight(&self, age: u16) -> u32 {
        let opened = u32::from(self.now.opened) + u32::from(self.before.opened);
        opened.checked_shr(self.previous.ticks_since(age) / 64).unwrap_or(0)
    }

    fn has_counts(&self) -> bool {
        self.opened_now != 0
    }
}

impl Sender {
    /// Opens the half that `time` is in.
    fn advance(&mut self, time: Timestamp) {
        let half = time.tick() as u32 / HALF_TICKS;
        match half.wrapping_sub(self.half) {
            0 => return,
            1 => self.before = self.now,
            _ => self.before = HalfWindow::default(),
        }
        self.now = HalfWindow { first: time, ..HalfWindow::default() };
        self.half = half;
        self.target.lead /= 2;
        self.port.lead /= 2;
    }

    fn attempts(&self) -> ConnectionAttempts {
        let (now, before) = (&self.now, &self.before);
        let mut targets = now.targets;
        targets.merge(before.targets);
        let mut ports = now.ports;
        ports.merge(before.ports);
        ConnectionAttempts {
            kind: self.key.0,
            source: self.source,
            mac: self.mac,
            interface: self.interface,
            vlan: self.vlan,
            first: if before.opened > 0 { before.first } else { now.first },
            last: self.last,
            opened: u32::from(now.opened) + u32::from(before.opened),
            answered: u32::from(now.answered) + u32::from(before.answered),
            opened_now: self.opened_now,
            bytes_now: self.bytes_now,
            targets,
            ports,
            target: self.target.value,
            port: self.port.value,
            source_port: self.source_port,
            low: self.low,
            high: self.high,
        }
    }
}

/// Which flows, and which pairs of hosts, have spoken lately, by direction.
struct FlowHistory {
    now: Box<[u64]>,
    before: Box<[u64]>,
    began: u64,
    flows: u32,
}

/// What had been said in a flow before this packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Earlier {
    None,
    /// Only the other end had spoken.
    Reverse,
    Forward,
}

impl FlowHistory {
    fn new() -> Self {
        let empty = vec![0; WORDS].into_boxed_slice();
        FlowHistory { now: empty.clone(), before: empty, began: 0, flows: 0 }
    }

    /// Where a flow is: the word and the bits of this end and of the other. `hash` is the same for both ends.
    #[inline]
    fn position(hash: u64, forward: bool) -> (usize, u64, u64) {
        let word = hash as usize % WORDS;
        let shift = (hash >> 32) % 32 * 2;
        let (this, other) = if forward { (1, 2) } else { (2, 1) };
        (word, this << shift, other << shift)
    }

    #[inline]
    fn before(&self, hash: u64, forward: bool) -> Earlier {
        let (word, this, other) = Self::position(hash, forward);
        let bits = self.now.get(word).copied().unwrap_or(0) | self.before.get(word).copied().unwrap_or(0);
        if bits & this != 0 {
            Earlier::Forward
        } else if bits & other != 0 {
            Earlier::Reverse
        } else {
            Earlier::None
        }
    }

    /// Notes that this end speaks; tells what had been said.
    #[inline]
    fn record(&mut self, hash: u64, forward: bool) -> Earlier {
        let earlier = self.before(hash, forward);
        let (word, this, _) = Self::position(hash, forward);
        if let Some(bits) = self.now.get_mut(word) {
            self.flows += u32::from(*bits & this == 0);
            *bits |= this;
        }
        earlier
    }

    fn next_tick(&mut self, tick: u64) {
        if tick.wrapping_sub(self.began) >= GENERATION || self.flows >= GENERATION_FLOWS {
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.fill(0);
            self.began = tick;
            self.flows = 0;
        }
    }
}

/// What one worker knows of contacts.
pub(super) struct AttemptTable {
    hasher: Hasher,
    history: FlowHistory,
    table: SetTable<Sender>,
    touched: Vec<SlotIndex>,
    /// Openings that may still be looked at in this tick.
    budget: u32,
    /// Openings beyond the budget, and senders that gave way, in this tick.
    evictions: u64,
}

impl AttemptTable {
    pub fn new(hasher: Hasher) -> Self {
        let table = SetTable::new(SENDERS, (AttemptKind::Tcp, Addr::UNSPECIFIED));
        AttemptTable {
            hasher,
            history: FlowHistory::new(),
            touched: Vec::with_capacity(table.capacity()),
            table,
            budget: BUDGET,
            evictions: 0,
        }
    }

    /// Entries in use.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Follows an IP packet; `source` and `destination` are the hashes of its addresses.
    #[inline]
    pub fn follow(&mut self, packet: &Packet, source: u64, destination: u64) {
        if self.budget == 0 {
            // A flood: what else the tick brings is not looked at.
            self.evictions += 1;
            return;
        }
        let forward = source < destination;
        // The pair of hosts, whichever of them sends.
        let ends = source ^ destination;
        let pair = ends.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match packet.class {
            // Whoever carries data is in a connection; so bare ACKs of its flow are, too.
            Class::TcpData => {
                self.history.record(pair, forward);
            }
            // Keepalives are all that some connections carry: the other end answers them in kind.
            Class::TcpAck | Class::TcpFin if self.history.before(pair, forward) == Earlier::None => {
                self.follow_stateless(packet, AttemptKind::Tcp, packet.destination_port, ends, forward);
            }
            Class::TcpSyn => {
                self.history.record(self.in_direction(packet, ends), forward);
                self.attempt(packet, AttemptKind::Tcp, packet.destination_port);
            }
            Class::TcpSynAck => {
                self.history.record(pair, forward);
                match self.history.record(self.in_direction(packet, ends), forward) {
                    Earlier::Reverse => self.answer(packet, AttemptKind::Tcp),
                    Earlier::None => self.attempt(packet, AttemptKind::Answer, packet.destination_port),
                    Earlier::Forward => {}
                }
            }
            Class::TcpRst => {
                // Refusals and aborts belong to something; what belongs to nothing answers what another one sent in
                // the name of its receiver.
                let known = self.history.before(pair, forward) != Earlier::None
                    || self.history.before(self.in_direction(packet, ends), forward) != Earlier::None;
                if !known {
                    self.attempt(packet, AttemptKind::Answer, packet.destination_port);
                }
            }
            Class::TcpNull | Class::TcpXmas | Class::TcpOther => {
                self.attempt(packet, AttemptKind::Tcp, packet.destination_port);
            }
            Class::IcmpEcho | Class::Icmpv6Echo => self.attempt(packet, AttemptKind::Echo, 0),
            Class::IcmpReply | Class::Icmpv6Reply => self.answer(packet, AttemptKind::Echo),
            // What looks like an answer of a reflector opens nothing, even where nobody asked.
            Class::Udp if packet.reply_of.is_some() => {
                // In a flood of them the first tell whether anyone asked.
                self.budget -= 1;
                if self.history.record(self.in_direction(packet, ends), forward) == Earlier::Reverse {
                    self.answer(packet, AttemptKind::Udp);
                }
            }
            Class::Udp | Class::Quic => {
                self.follow_stateless(packet, AttemptKind::Udp, packet.destination_port, ends, forward)
            }
            Class::Gre | Class::IpTunnel | Class::IpOther => {
                self.follow_stateless(packet, AttemptKind::Protocol, packet.protocol.into(), ends, forward);
            }
            _ => {}
        }
    }

    /// Without a handshake the first packet of a flow opens, and the first one back answers.
    #[inline]
    fn follow_stateless(&mut self, packet: &Packet, kind: AttemptKind, port: u16, ends: u64, forward: bool) {
        match self.history.record(self.in_direction(packet, ends), forward) {
            Earlier::None => self.attempt(packet, kind, port),
            Earlier::Reverse => self.answer(packet, kind),
            Earlier::Forward => {}
        }
    }

    /// ARP: who-has asks, a reply answers. Announcements and probes (RFC 5227) ask nobody.
    pub fn arp(&mut self, packet: &Packet) {
        match packet.flags {
            1 if packet.source != packet.destination && packet.destination != Addr::UNSPECIFIED => {
                self.attempt(packet, AttemptKind::Arp, 0);
            }
            2 => self.answer(packet, AttemptKind::Arp),
            _ => {}
        }
    }

    #[inline]
    fn in_direction(&self, packet: &Packet, ends: u64) -> u64 {
        // Protocols without ports tell themselves apart by their number.
        let without_ports = if packet.source_port == 0 { packet.protocol.into() } else { 0 };
        self.hasher.both_ways(ends ^ without_ports, packet.source_port, packet.destination_port)
    }

    fn hash((kind, address): Key, hasher: &Hasher) -> u64 {
        hasher.address(address).wrapping_add((kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[inline]
    fn attempt(&mut self, packet: &Packet, kind: AttemptKind, port: u16) {
        match self.budget.checked_sub(1) {
            Some(left) => {
                self.budget = left;
                self.count_attempt(packet, kind, port);
            }
            None => self.evictions += 1,
        }
    }

    fn count_attempt(&mut self, packet: &Packet, kind: AttemptKind, port: u16) {
        if packet.destination.is_group_or_none() {
            return;
        }
        let key = match kind {
            AttemptKind::Arp => (kind, Addr::from_v6_bits(packet.source_mac.bits().into())),
            _ => (kind, packet.source),
        };
        let (index, outcome) = self.table.insert(Self::hash(key, &self.hasher), key);
        self.evictions += u64::from(matches!(outcome, Inserted::Replaced(_)));
        let age = self.table.age();
        let Some(sender) = self.table.get_mut(index) else { return };
        sender.advance(packet.time);
        if sender.opened_now == 0 {
            sender.previous.start_tick(age);
            self.touched.push(index);
        }
        if sender.now.opened == 0 && sender.before.opened == 0 {
            (sender.low, sender.high) = (packet.destination, packet.destination);
        }
        sender.now.opened = sender.now.opened.saturating_add(1);
        sender.opened_now += u32::from(packet.segments);
        sender.bytes_now = sender.bytes_now.saturating_add(packet.wire_len);
        sender.now.targets.add(self.hasher.address(packet.destination));
        sender.now.ports.add(self.hasher.word(port.into()));
        sender.target.cast(packet.destination);
        sender.port.cast(port);
        sender.low = sender.low.min(packet.destination);
        sender.high = sender.high.max(packet.destination);
        sender.last = packet.time;
        (sender.source, sender.source_port) = (packet.source, packet.source_port);
        (sender.mac, sender.interface, sender.vlan) = (packet.source_mac, packet.interface, packet.vlan);
    }

    /// Notes an answer for whom the packet goes to, if that one opened something.
    fn answer(&mut self, packet: &Packet, kind: AttemptKind) {
        let key = match kind {
            AttemptKind::Arp => (kind, Addr::from_v6_bits(packet.destination_mac.bits().into())),
            _ => (kind, packet.destination),
        };
        let index = self.table.find(Self::hash(key, &self.hasher), key);
        if let Some(sender) = index.and_then(|index| self.table.get_mut(index)) {
            sender.now.answered = sender.now.answered.saturating_add(1);
        }
    }

    /// Reports who opened something in this tick and much lately, and starts the next; returns the evictions.
    pub fn finish_tick(&mut self, tick: u64, report: &mut Vec<ConnectionAttempts>) -> u64 {
        for index in self.touched.drain(..) {
            let Some(sender) = self.table.get_mut(index).filter(|sender| sender.opened_now > 0) else { continue };
            if sender.now.opened.saturating_add(sender.before.opened) >= REPORTED {
                report.push(sender.attempts());
            }
            (sender.opened_now, sender.bytes_now) = (0, 0);
        }
        self.table.next_tick();
        self.history.next_tick(tick);
        self.budget = BUDGET;
        std::mem::take(&mut self.evictions)
    }
}
