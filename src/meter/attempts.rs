//! Connection attempts by sender. They reveal scans, which are many unanswered attempts of one sender.
//!
//! A packet is an *attempt* where neither end has sent in its flow lately, and an *answer* where only the other end
//! has: the memory of conversations knows. Attempts are counted by sender in a small table, at most [`BUDGET`] per tick.
//! The rest of the tick is then skipped: floods are detected elsewhere and must not cost more here.

use super::conversations::{Earlier, Ends, Outcome, Verdict};
use super::hash::Hasher;
use super::linear_counter::LinearCounter;
use super::majority::MajorityVote;
use super::set_table::{Inserted, Keyed, LastTick, SetTable, SlotIndex};
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Class, Packet};

/// Attempts that are inspected per tick; packets after them count as evicted.
pub(super) const BUDGET: u32 = 512;
/// Senders in the table.
pub const SENDERS: usize = 1024;
/// Attempts within both half-windows from which a sender is reported.
const REPORTED: u16 = 8;
/// Ticks of each half-window of a sender: together they cover 30 to 60 s.
const HALF_TICKS: u32 = 300;

/// The kind of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttemptKind {
    /// SYNs, unusual flag combinations, and ACKs or FINs of unknown connections.
    Tcp,
    /// UDP and QUIC: the first datagram of a flow, except replies of amplification services.
    Udp,
    /// ICMP and ICMPv6 echo requests.
    Echo,
    /// Other IP protocols, with the protocol number as the port.
    Protocol,
    /// ARP requests. The sender is a station.
    Arp,
    /// TCP and UDP from a public address to a private one (RFC 1918), which no network beyond ours carries.
    Private,
    /// Unsolicited replies: SYN-ACK, RST, ICMP errors.
    Answer,
}

/// Recent connection attempts of one sender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionAttempts {
    /// The protocol; attempts of different kinds are counted separately.
    pub kind: AttemptKind,
    /// The sender; for ARP its protocol address.
    pub source: Addr,
    /// MAC address of the sender's last packet.
    pub mac: Mac,
    /// Number of the interface of the sender's last packet.
    pub interface: u16,
    /// VLAN of the sender's last packet; 0 without a tag.
    pub vlan: u16,
    /// First attempt in the window, and the last.
    pub first: Timestamp,
    /// Time of the last attempt.
    pub last: Timestamp,
    /// Within a window of 30 to 60 s.
    pub opened: u32,
    /// Answers to the sender within the window.
    pub answered: u32,
    /// In this tick alone: attempts and their bytes.
    pub opened_now: u32,
    /// Octets on the wire of the attempts in this tick; saturates at 4 GiB.
    pub bytes_now: u32,
    /// Distinct target addresses within the window.
    pub targets: LinearCounter,
    /// Distinct target ports within the window.
    pub ports: LinearCounter,
    /// A frequent target and port; the most frequent where one has the majority.
    pub target: Addr,
    /// Frequent target port; the protocol number for [`AttemptKind::Protocol`], 0 for echo requests and ARP.
    pub port: u16,
    /// Of the last attempt.
    pub source_port: u16,
    /// Lowest and highest target.
    pub low: Addr,
    /// Numerically highest target address.
    pub high: Addr,
}

impl ConnectionAttempts {
    /// Adds another worker's attempts of the same sender.
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

/// Half of a sender's window.
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
    /// Number of the half-window `now`.
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

    /// Senders of many attempts are kept for as long as they are in the window.
    fn weight(&self, age: u16) -> u32 {
        let opened = u32::from(self.now.opened) + u32::from(self.before.opened);
        opened.checked_shr(self.previous.ticks_since(age) / 64).unwrap_or(0)
    }

    fn has_counts(&self) -> bool {
        self.opened_now != 0
    }
}

impl Sender {
    /// Starts the half-window that `time` is in.
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

/// The kind, with regard to the addresses: see [`AttemptKind::Private`].
fn of_addresses(kind: AttemptKind, packet: &Packet, ends: &Ends) -> AttemptKind {
    match kind {
        AttemptKind::Tcp | AttemptKind::Udp if is_private_and_public(packet, ends) => AttemptKind::Private,
        kind => kind,
    }
}

/// Whether one end is one of our hosts with a public address, and the other an outside one with a private address.
fn is_private_and_public(packet: &Packet, ends: &Ends) -> bool {
    let (ours, other) = match (ends.from_us, ends.to_us) {
        (true, false) => (packet.source, packet.destination),
        (false, true) if ends.known => (packet.destination, packet.source),
        _ => return false,
    };
    is_private(other) && !is_private(ours)
}

/// Whether an address is of a private network (RFC 1918).
fn is_private(address: Addr) -> bool {
    let bits = address.bits() as u32;
    address.is_v4() && (bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8)
}

/// One worker's table of connection attempts.
pub(super) struct AttemptTable {
    hasher: Hasher,
    table: SetTable<Sender>,
    touched: Vec<SlotIndex>,
    /// Attempts that may still be inspected in this tick.
    budget: u32,
    /// Attempts beyond the budget, and evicted senders, in this tick.
    evictions: u64,
}

impl AttemptTable {
    pub(super) fn new(hasher: Hasher) -> Self {
        let table = SetTable::new(SENDERS, (AttemptKind::Tcp, Addr::UNSPECIFIED));
        AttemptTable { hasher, touched: Vec::with_capacity(table.capacity()), table, budget: BUDGET, evictions: 0 }
    }

    /// Entries in use.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Tracks an IP packet with what the memory of conversations says of it.
    #[inline]
    pub(super) fn follow(&mut self, packet: &Packet, outcome: &Outcome, ends: &Ends) {
        if self.budget == 0 {
            // The budget is used up, as in a flood: the rest of the tick is skipped.
            self.evictions += 1;
            return;
        }
        let is_asked_for = outcome.verdict == Verdict::Solicited;
        match packet.class {
            // Some connections carry keepalives only: the other end answers them in kind.
            Class::TcpAck | Class::TcpFin => match outcome.earlier {
                Earlier::None if !is_asked_for => self.attempt(packet, ends, AttemptKind::Tcp, packet.destination_port),
                Earlier::Reverse => self.answer(packet, ends, AttemptKind::Tcp),
                _ => {}
            },
            Class::TcpSyn => self.attempt(packet, ends, AttemptKind::Tcp, packet.destination_port),
            Class::TcpSynAck => match outcome.earlier {
                Earlier::Reverse => self.answer(packet, ends, AttemptKind::Tcp),
                Earlier::None => self.attempt(packet, ends, AttemptKind::Answer, packet.destination_port),
                Earlier::Forward => {}
            },
            // Refusals and aborts belong to a known flow; a RST without one replies to a packet with a spoofed source.
            Class::TcpRst if outcome.verdict == Verdict::Unsolicited => {
                self.attempt(packet, ends, AttemptKind::Answer, packet.destination_port);
            }
            Class::TcpNull | Class::TcpXmas | Class::TcpOther => {
                self.attempt(packet, ends, AttemptKind::Tcp, packet.destination_port);
            }
            Class::IcmpEcho | Class::Icmpv6Echo => self.attempt(packet, ends, AttemptKind::Echo, 0),
            Class::IcmpReply | Class::Icmpv6Reply => self.answer(packet, ends, AttemptKind::Echo),
            // A reflector's reply is no attempt, even an unsolicited one. In a flood of replies the first ones show whether
            // there were requests.
            Class::Udp if packet.reply_of.is_some() => {
                self.budget -= 1;
                if outcome.earlier == Earlier::Reverse {
                    self.answer(packet, ends, AttemptKind::Udp);
                }
            }
            Class::Udp | Class::Quic => {
                self.follow_stateless(packet, ends, AttemptKind::Udp, packet.destination_port, outcome);
            }
            Class::Gre | Class::IpTunnel | Class::IpOther => {
                self.follow_stateless(packet, ends, AttemptKind::Protocol, packet.protocol.into(), outcome);
            }
            _ => {}
        }
    }

    /// Without a handshake the first packet of a flow is the attempt, and the first one in reverse the answer.
    #[inline]
    fn follow_stateless(&mut self, packet: &Packet, ends: &Ends, kind: AttemptKind, port: u16, outcome: &Outcome) {
        match outcome.earlier {
            Earlier::None if outcome.verdict != Verdict::Solicited => self.attempt(packet, ends, kind, port),
            Earlier::Reverse => self.answer(packet, ends, kind),
            _ => {}
        }
    }

    /// ARP: a request is an attempt, a reply answers. Announcements and probes (RFC 5227) expect no reply.
    pub(super) fn arp(&mut self, packet: &Packet) {
        match packet.flags {
            1 if packet.source != packet.destination && packet.destination != Addr::UNSPECIFIED => {
                self.attempt(packet, &Ends::default(), AttemptKind::Arp, 0);
            }
            2 => self.answer(packet, &Ends::default(), AttemptKind::Arp),
            _ => {}
        }
    }

    fn hash((kind, address): Key, hasher: &Hasher) -> u64 {
        hasher.address(address).wrapping_add((kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[inline]
    fn attempt(&mut self, packet: &Packet, ends: &Ends, kind: AttemptKind, port: u16) {
        match self.budget.checked_sub(1) {
            Some(left) => {
                self.budget = left;
                self.count_attempt(packet, of_addresses(kind, packet, ends), port);
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

    /// Counts an answer for the packet's receiver, if that one has made an attempt.
    fn answer(&mut self, packet: &Packet, ends: &Ends, kind: AttemptKind) {
        let kind = of_addresses(kind, packet, ends);
        let key = match kind {
            AttemptKind::Arp => (kind, Addr::from_v6_bits(packet.destination_mac.bits().into())),
            _ => (kind, packet.destination),
        };
        let index = self.table.find(Self::hash(key, &self.hasher), key);
        if let Some(sender) = index.and_then(|index| self.table.get_mut(index)) {
            sender.now.answered = sender.now.answered.saturating_add(1);
        }
    }

    /// Reports senders with attempts in this tick and many recent ones, and starts the next tick; returns the
    /// evictions.
    pub(super) fn finish_tick(&mut self, report: &mut Vec<ConnectionAttempts>) -> u64 {
        for index in self.touched.drain(..) {
            let Some(sender) = self.table.get_mut(index).filter(|sender| sender.opened_now > 0) else { continue };
            if sender.now.opened.saturating_add(sender.before.opened) >= REPORTED {
                report.push(sender.attempts());
            }
            (sender.opened_now, sender.bytes_now) = (0, 0);
        }
        self.table.next_tick();
        self.budget = BUDGET;
        std::mem::take(&mut self.evictions)
    }
}
