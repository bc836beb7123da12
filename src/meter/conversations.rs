//! Conversations: whether a packet was asked for, measured packet by packet.
//!
//! A packet is *solicited* if the other end lately said something that it belongs to, *unsolicited* if not, *steady* if
//! the other end is silent but the packet continues a flow that its own packets excuse, and *unknown* where the memory
//! cannot tell.
//!
//! The memory is a table of fixed size: sets of one cache line with seven conversations each. A conversation is a TCP or
//! UDP 5-tuple; for all other protocols it is the pair of hosts and the protocol. Whatever our hosts send enters it. What
//! comes from outside enters within a budget per receiver and tick; beyond the budget, as in a flood, it is only looked
//! up. In a full set the conversation of the host that has most of them there is replaced, so that a flooded host
//! displaces its own conversations and not its neighbours'.
//!
//! Stated error: a conversation is recognised by its set and 22 bits, so that a packet of an unknown flow is taken for a
//! known one with a probability of at most 7 · 2⁻²² (1.7 · 10⁻⁶).

use super::hash::Hasher;
use super::pairs::Pairs;
use crate::packet::{Class, Packet, quoted};

/// Whether a packet was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The other end lately said something that the packet belongs to.
    Solicited,
    /// The other end said nothing that the packet belongs to.
    #[default]
    Unsolicited,
    /// The other end is silent, but the packet continues a flow that its own packets show to be real.
    Steady,
    /// The memory cannot tell: the packet may answer one that did not enter it.
    Unknown,
}

/// What a TCP packet does to its connection, as the packet's sender does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum TcpStep {
    /// Nothing that is counted.
    #[default]
    None,
    /// The client acknowledges the server's SYN-ACK.
    Completed,
    /// The same with data.
    CompletedWithData,
    /// The client's first data on a completed connection.
    FirstData,
    /// The client closes a completed connection on which it sent no data.
    ClosedUnused,
    /// The client sends a SYN again whose handshake is not complete.
    SynRetransmitted,
    /// The other end is silent, but what follows a SYN shows that it answers: only this direction is captured.
    SynContinued,
    /// The same after a SYN-ACK.
    SynAckContinued,
}

impl TcpStep {
    /// Every step, in the order of declaration.
    pub(super) const ALL: [TcpStep; 8] = [
        TcpStep::None,
        TcpStep::Completed,
        TcpStep::CompletedWithData,
        TcpStep::FirstData,
        TcpStep::ClosedUnused,
        TcpStep::SynRetransmitted,
        TcpStep::SynContinued,
        TcpStep::SynAckContinued,
    ];
}

/// Traffic in a flow before a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Earlier {
    #[default]
    None,
    /// Only from the other end.
    Reverse,
    /// From the packet's sender.
    Forward,
}

/// What the memory says of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub verdict: Verdict,
    pub step: TcpStep,
    pub earlier: Earlier,
    /// Earlier unsolicited packets of the flow that turn out to belong to a conversation.
    pub excused: u8,
    /// These were sent by the other end, and this packet answers them. Otherwise the sender's own packets excuse them.
    pub answers: bool,
    /// The end that opened the flow continues after an answer: this is more than a question.
    pub continues: bool,
}

impl Outcome {
    /// Whether the packet begins a flow.
    #[inline]
    pub(super) fn opens(&self) -> bool {
        self.earlier == Earlier::None && self.verdict != Verdict::Solicited
    }
}

/// Where a packet's conversation is kept, computed for a whole batch beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Key {
    hash: u64,
    /// Whether the sender is the upper end: the two ends are ordered by the hashes of their addresses.
    upper: bool,
}

/// Who may enter the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// Hashes of the addresses.
    pub source: u64,
    pub destination: u64,
    /// The sender is one of our hosts. Where our networks are unknown, none is, and every receiver is.
    pub from_us: bool,
    pub to_us: bool,
    /// Our networks are known.
    pub known: bool,
}

/// Ticks of a step of the clock that conversations are dated by: 3.2 s.
const STEP_BITS: u32 = 5;
/// Steps before the clock starts again; zero means never.
const CLOCK: u64 = 255;
/// Steps after which a TCP connection is forgotten: ten minutes. [`Pairs`] knows the hosts of those that idle longer.
const TCP_LIFE: u8 = 188;
/// Steps after which any other conversation is: two minutes, the least for which NATs keep UDP (RFC 4787 REQ-5).
const LIFE: u8 = 38;
/// Steps after which an incomplete handshake is: 64 s, in which clients send their SYN six times (RFC 6298 §5.5).
const HALF_OPEN_LIFE: u8 = 20;
/// Ticks, and packets within them, after which a one-way flow is steady.
const STEADY_TICKS: u8 = 10;
const STEADY_PACKETS: u16 = 5;
/// Advances of its numbers after which a TCP flow of which only one direction is captured is real.
const ADVANCES: u8 = 2;
/// Conversations that packets from outside may enter per tick: for a receiver (in one of [`BUDGETS`] counters), and in all.
const RECEIVER_BUDGET: u16 = 1000;
const BUDGET: u32 = 4000;
const BUDGETS: usize = 4096;
/// Ticks in which the whole table is swept for forgotten conversations, so that none outlives the clock.
const SWEEP_TICKS: usize = 2048;

/// Ticks in which answers to what was sent before the memory began arrive: a second.
const NEW_TICKS: u64 = 10;
/// Solicited packets of a tick, and at least one in so many, that show both ends: more than mistaken flows.
const LEAST_SOLICITED: u32 = 3;
const SOLICITED_OF: u32 = 2000;

const WAYS: usize = 7;

/// One set: the owners' tags, and the conversations.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    entries: [Entry; WAYS],
    tags: [u8; 8],
}

// One cache line: every packet pays for one.
const _: () = assert!(size_of::<Line>() == 64);

const EMPTY: Line = Line { entries: [Entry(0); WAYS], tags: [0; 8] };

/// A conversation: fingerprint (22 bits, never zero), when each end was last heard (8 each), phase (3), the end that opened
/// it (1), progress (2), unsolicited packets that may still be excused (3), TCP (1), and a number (16).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry(u64);

const FINGERPRINT: u64 = (1 << 22) - 1;
const HEARD_SHIFT: u32 = 22;
const PHASE_SHIFT: u32 = 38;
const UPPER_OPENED: u64 = 1 << 41;
const PROGRESS_SHIFT: u32 = 42;
const PENDING_SHIFT: u32 = 44;
const IS_TCP: u64 = 1 << 47;
const NUMBER_SHIFT: u32 = 48;
const MOST_PENDING: u8 = 7;

/// Phases of a TCP connection, and of other conversations.
mod phase {
    /// Joined in the middle. Of other protocols: all.
    pub(super) const OPEN: u8 = 0;
    /// A SYN was seen; the number is its tick.
    pub(super) const SYN: u8 = 1;
    /// A SYN-ACK was seen; the number is its sequence number.
    pub(super) const SYN_ACK: u8 = 2;
    /// The client acknowledged it, and sent no data yet.
    pub(super) const COMPLETE: u8 = 3;
    /// The client sent data.
    pub(super) const USED: u8 = 4;
    /// One direction only: the SYN, and more of its sender; the number is that of the last packet.
    pub(super) const SYN_FOLLOWED: u8 = 5;
    /// The same after a SYN-ACK.
    pub(super) const SYN_ACK_FOLLOWED: u8 = 6;
    /// One direction only, and its own packets show that it is real.
    pub(super) const STEADY: u8 = 7;
}

impl Entry {
    fn new(fingerprint: u64, phase: u8, number: u16) -> Entry {
        Entry(fingerprint | u64::from(phase) << PHASE_SHIFT | u64::from(number) << NUMBER_SHIFT)
    }

    #[inline]
    fn heard(self, upper: bool) -> u8 {
        (self.0 >> (HEARD_SHIFT + if upper { 8 } else { 0 })) as u8
    }

    #[inline]
    fn set_heard(&mut self, upper: bool, now: u8) {
        let shift = HEARD_SHIFT + if upper { 8 } else { 0 };
        self.0 = self.0 & !(0xff << shift) | u64::from(now) << shift;
    }

    #[inline]
    fn phase(self) -> u8 {
        (self.0 >> PHASE_SHIFT) as u8 & 7
    }

    #[inline]
    fn set_phase(&mut self, phase: u8) {
        self.0 = self.0 & !(7 << PHASE_SHIFT) | u64::from(phase) << PHASE_SHIFT;
    }

    #[inline]
    fn opened_by(self, upper: bool) -> bool {
        (self.0 & UPPER_OPENED != 0) == upper
    }

    fn set_opener(&mut self, upper: bool) {
        self.0 = self.0 & !UPPER_OPENED | if upper { UPPER_OPENED } else { 0 };
    }

    fn progress(self) -> u8 {
        (self.0 >> PROGRESS_SHIFT) as u8 & 3
    }

    fn set_progress(&mut self, progress: u8) {
        self.0 = self.0 & !(3 << PROGRESS_SHIFT) | u64::from(progress.min(3)) << PROGRESS_SHIFT;
    }

    #[inline]
    fn pending(self) -> u8 {
        (self.0 >> PENDING_SHIFT) as u8 & MOST_PENDING
    }

    fn set_pending(&mut self, pending: u8) {
        self.0 = self.0 & !(7 << PENDING_SHIFT) | u64::from(pending.min(MOST_PENDING)) << PENDING_SHIFT;
    }

    #[inline]
    fn number(self) -> u16 {
        (self.0 >> NUMBER_SHIFT) as u16
    }

    #[inline]
    fn set_number(&mut self, number: u16) {
        self.0 = self.0 & !(0xffff << NUMBER_SHIFT) | u64::from(number) << NUMBER_SHIFT;
    }

    /// Steps after which it is forgotten.
    fn life(self) -> u8 {
        match self.0 & IS_TCP != 0 {
            true if matches!(self.phase(), phase::SYN | phase::SYN_ACK) => HALF_OPEN_LIFE,
            true => TCP_LIFE,
            false => LIFE,
        }
    }

    /// Steps since either end was heard.
    fn idle(self, now: u8) -> u8 {
        let of = |heard: u8| if heard == 0 { u8::MAX } else { steps(heard, now) };
        of(self.heard(false)).min(of(self.heard(true)))
    }

    fn is_forgotten(self, now: u8) -> bool {
        self.idle(now) > self.life()
    }
}

/// Steps from one reading of the clock to a later one.
#[inline]
fn steps(from: u8, to: u8) -> u8 {
    // Readings are 1 to 255.
    if to >= from { to - from } else { to.wrapping_add(u8::MAX).wrapping_sub(from) }
}

#[inline]
fn is_recent(heard: u8, now: u8, life: u8) -> bool {
    heard != 0 && steps(heard, now) <= life
}

/// Whether a SYN after this many ticks is a client's retransmission: the first follows after 1 s (RFC 6298 §2.1) or 3 s
/// (RFC 1122 §4.2.3.1), each later one after twice the interval (RFC 6298 §5.5), within the granularity of timers and
/// the delay of the network. SYNs at other intervals with the same ports come from a tool that keeps its ports or soon
/// reuses them.
const fn is_backoff(ticks: u16) -> bool {
    matches!(ticks, 8..=12 | 18..=22 | 28..=32 | 38..=43 | 58..=63 | 78..=84 | 118..=125 | 157..=166 | 315..=330)
}

/// How a packet is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    /// UDP, and every protocol without requests and replies of its own.
    Datagram,
    EchoRequest,
    EchoReply,
    Error,
    Fragment,
    None,
}

#[inline]
const fn kind(class: Class) -> Kind {
    match class {
        Class::TcpSyn
        | Class::TcpSynAck
        | Class::TcpAck
        | Class::TcpData
        | Class::TcpRst
        | Class::TcpFin
        | Class::TcpNull
        | Class::TcpXmas
        | Class::TcpOther => Kind::Tcp,
        Class::Udp
        | Class::Quic
        | Class::Gre
        | Class::IpTunnel
        | Class::IpOther
        | Class::IcmpOther
        | Class::Icmpv6Other
        | Class::Icmpv6Nd => Kind::Datagram,
        Class::IcmpEcho | Class::Icmpv6Echo => Kind::EchoRequest,
        Class::IcmpReply | Class::Icmpv6Reply => Kind::EchoReply,
        Class::IcmpError | Class::Icmpv6Error => Kind::Error,
        Class::Fragment => Kind::Fragment,
        Class::IcmpEchoGroup | Class::Land | Class::Arp | Class::L2Other | Class::Unparsed => Kind::None,
    }
}

const TFTP: u16 = 69;
const UDP: u8 = 17;

/// One worker's memory of conversations.
pub(super) struct Conversations {
    hasher: Hasher,
    lines: Box<[Line]>,
    pairs: Pairs,
    tick: u64,
    now: u8,
    sweep: usize,
    /// Entered from outside in this tick and in the last one, by receiver.
    entered: Box<[[u16; BUDGETS]; 2]>,
    budget: u32,
    /// Not every frame is captured: silence of the other end proves nothing.
    is_sampled: bool,
    /// First tick in memory; the packets followed in this tick, and how many of them were solicited.
    began: u64,
    followed: u32,
    solicited: u32,
    /// Clock of the last tick that showed conversations with both ends; zero for none.
    both_ends: u8,
    /// Clock of the last request whose answers may come from another port or host.
    last_open_request: u8,
    /// What the ICMP errors of the current batch quote, in their order.
    quoted: [Option<Key>; super::tally::BATCH],
    noted: usize,
    read: usize,
    evictions: u64,
    entries: usize,
}

impl Conversations {
    /// Memory of at least `capacity` conversations, touched in full.
    pub(super) fn new(capacity: usize, hasher: Hasher) -> Self {
        Conversations {
            hasher,
            lines: vec![EMPTY; capacity.div_ceil(WAYS).next_power_of_two()].into_boxed_slice(),
            pairs: Pairs::new(),
            tick: 0,
            now: 1,
            sweep: 0,
            entered: Box::new([[0; BUDGETS]; 2]),
            budget: BUDGET,
            is_sampled: false,
            began: 0,
            followed: 0,
            solicited: 0,
            both_ends: 0,
            last_open_request: 0,
            quoted: [None; super::tally::BATCH],
            noted: 0,
            read: 0,
            evictions: 0,
            entries: 0,
        }
    }

    pub(super) fn set_sampled(&mut self, sampled: bool) {
        self.is_sampled = sampled;
    }

    /// Conversations in memory.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// Notes what an ICMP error quotes. Called for each one before its batch is followed; `message` is its body.
    pub(super) fn note_error(&mut self, message: &[u8]) {
        let key = quoted(message).map(|inner| {
            let (source, destination) = (self.hasher.address(inner.source), self.hasher.address(inner.destination));
            self.key(&inner, source, destination)
        });
        if let Some(slot) = self.quoted.get_mut(self.noted) {
            *slot = key;
            self.noted += 1;
        }
    }

    /// The next note; without one (the body was not captured) the pair of hosts must do.
    fn next_quoted(&mut self) -> Option<Key> {
        let key = if self.read < self.noted { self.quoted.get(self.read).copied().flatten() } else { None };
        self.read += 1;
        key
    }

    /// All errors of the batch were followed.
    pub(super) fn end_batch(&mut self) {
        (self.noted, self.read) = (0, 0);
    }

    /// Where a packet's conversation is; `source` and `destination` are the hashes of its addresses.
    #[inline]
    pub(super) fn key(&self, packet: &Packet, source: u64, destination: u64) -> Key {
        let ends = source ^ destination ^ u64::from(packet.protocol).wrapping_mul(0xd6e8_feb8_6659_fd93);
        Key {
            hash: self.hasher.both_ways(ends, packet.source_port, packet.destination_port),
            upper: source > destination,
        }
    }

    /// Loads the line of a conversation, so that the misses of a batch overlap.
    #[inline]
    pub(super) fn load(&self, key: Key) {
        let line = key.hash as usize & self.lines.len().wrapping_sub(1);
        std::hint::black_box(self.lines.get(line).map(|line| line.tags));
    }

    #[inline]
    fn fingerprint(hash: u64) -> u64 {
        (hash >> 42).max(1)
    }

    #[inline]
    fn find(&self, hash: u64) -> Option<(usize, usize)> {
        let index = hash as usize & self.lines.len().wrapping_sub(1);
        let fingerprint = Self::fingerprint(hash);
        let entries = &self.lines.get(index)?.entries;
        let mut found = WAYS;
        for (way, entry) in entries.iter().enumerate() {
            found = if (entry.0 ^ fingerprint) & FINGERPRINT == 0 { way } else { found };
        }
        (found < WAYS).then_some((index, found))
    }

    #[inline]
    fn entry(&mut self, (line, way): (usize, usize)) -> Option<&mut Entry> {
        self.lines.get_mut(line)?.entries.get_mut(way)
    }

    /// Follows a packet and says whether it was asked for.
    #[inline]
    pub(super) fn follow(&mut self, packet: &Packet, key: Key, ends: Ends) -> Outcome {
        let mut outcome = match kind(packet.class) {
            Kind::Tcp => self.tcp(packet, key, ends),
            Kind::Datagram => self.datagram(packet, key, ends),
            other => self.rare(other, packet, key, ends),
        };
        self.followed = self.followed.wrapping_add(1);
        self.solicited = self.solicited.wrapping_add(u32::from(outcome.verdict == Verdict::Solicited));
        if outcome.verdict == Verdict::Unsolicited && self.is_new() && answers_by_nature(packet) {
            outcome.verdict = Verdict::Unknown;
        }
        if self.is_sampled {
            outcome.excused = 0;
            if outcome.verdict == Verdict::Unsolicited {
                outcome.verdict = Verdict::Unknown;
            }
        }
        outcome
    }

    #[inline(never)]
    fn rare(&mut self, kind: Kind, packet: &Packet, key: Key, ends: Ends) -> Outcome {
        match kind {
            Kind::EchoRequest => self.echo_request(key, ends),
            Kind::EchoReply => Outcome { verdict: self.answer_to(key, LIFE, ends), ..Outcome::default() },
            Kind::Error => {
                let verdict = match self.next_quoted() {
                    // The receiver of the error sent what it quotes: its source is the end that must have been heard.
                    Some(quoted) => self.sent_by_receiver(quoted, ends),
                    None => self.answer_to(key, LIFE, ends),
                };
                Outcome { verdict, ..Outcome::default() }
            }
            Kind::Fragment => Outcome { verdict: self.of_first_fragment(packet, ends), ..Outcome::default() },
            _ => Outcome::default(),
        }
    }

    fn tcp(&mut self, packet: &Packet, key: Key, ends: Ends) -> Outcome {
        let now = self.now;
        let Some(at) = self.find(key.hash) else { return self.new_tcp(packet, key, ends) };
        let pair_may_excuse = !self.pairs.is_empty();
        let tick = self.tick as u16;
        let Some(entry) = self.entry(at) else { return Outcome::default() };
        let (side, other) = (key.upper, !key.upper);
        let own_before = is_recent(entry.heard(side), now, TCP_LIFE);
        let other_heard = is_recent(entry.heard(other), now, TCP_LIFE);
        let mut outcome = Outcome {
            verdict: if other_heard { Verdict::Solicited } else { Verdict::Unsolicited },
            earlier: match (own_before, other_heard) {
                (true, _) => Earlier::Forward,
                (false, true) => Earlier::Reverse,
                (false, false) => Earlier::None,
            },
            ..Outcome::default()
        };
        match packet.class {
            Class::TcpSyn => {
                outcome.verdict = Verdict::Unsolicited;
                if entry.phase() == phase::SYN && entry.opened_by(side) {
                    if is_backoff(tick.wrapping_sub(entry.number())) {
                        outcome.step = TcpStep::SynRetransmitted;
                    }
                    entry.set_number(tick);
                } else if !own_before && !other_heard {
                    *entry = Entry(Entry::new(Self::fingerprint(key.hash), phase::SYN, tick).0 | IS_TCP);
                    entry.set_opener(side);
                } else {
                    // The ports are used again; only the server's SYN-ACK shows that the connection is new.
                    return outcome;
                }
                entry.set_heard(side, now);
            }
            Class::TcpSynAck => {
                // What we retransmit answers a SYN that did not enter.
                if !other_heard && ends.from_us && own_before && entry.number() == packet.sequence {
                    outcome.verdict = Verdict::Steady;
                }
                let same = matches!(entry.phase(), phase::COMPLETE | phase::USED)
                    && entry.opened_by(other)
                    && entry.number() == packet.sequence;
                if !same && (other_heard || ends.from_us || !own_before) {
                    entry.set_phase(phase::SYN_ACK);
                    entry.set_opener(other);
                    entry.set_number(packet.sequence);
                    entry.set_progress(0);
                }
                entry.set_heard(side, now);
            }
            Class::TcpAck | Class::TcpData | Class::TcpFin => {
                if other_heard {
                    outcome.step = established(entry, packet, side);
                    if !own_before && entry.pending() > 0 {
                        (outcome.excused, outcome.answers) = (entry.pending(), true);
                        entry.set_pending(0);
                    }
                    // Once an exchange of data each clock step, not each packet.
                    let remember = ends.from_us && entry.heard(side) != now && entry.phase() != phase::SYN_ACK;
                    entry.set_heard(side, now);
                    if remember {
                        self.pairs.add(ends.source ^ ends.destination);
                    }
                } else {
                    one_way(entry, packet, &mut outcome);
                    entry.set_heard(side, now);
                    if outcome.verdict == Verdict::Unsolicited
                        && pair_may_excuse
                        && self.pairs.contains(ends.source ^ ends.destination)
                    {
                        outcome.verdict = Verdict::Solicited;
                    }
                }
            }
            Class::TcpRst if !other_heard => {
                if entry.phase() == phase::STEADY {
                    outcome.verdict = Verdict::Steady;
                } else if self.pairs.contains(ends.source ^ ends.destination) {
                    outcome.verdict = Verdict::Solicited;
                }
            }
            // A RST and patterns that no stack sends say nothing that an answer could belong to.
            _ => {}
        }
        outcome
    }

    #[inline(never)]
    fn new_tcp(&mut self, packet: &Packet, key: Key, ends: Ends) -> Outcome {
        let fingerprint = Self::fingerprint(key.hash);
        let mut outcome = Outcome::default();
        let (phase, number, upper_opened) = match packet.class {
            Class::TcpSyn => (phase::SYN, self.tick as u16, key.upper),
            Class::TcpSynAck => {
                outcome.verdict = self.unless_flooded(ends);
                (phase::SYN_ACK, packet.sequence, !key.upper)
            }
            Class::TcpAck | Class::TcpData | Class::TcpFin => {
                outcome.verdict = match self.pairs.contains(ends.source ^ ends.destination) {
                    true => Verdict::Solicited,
                    false => self.unless_flooded(ends),
                };
                (phase::OPEN, packet.sequence.wrapping_add(packet.acknowledgment), false)
            }
            Class::TcpRst => {
                outcome.verdict = match self.pairs.contains(ends.source ^ ends.destination) {
                    true => Verdict::Solicited,
                    false => self.unless_flooded(ends),
                };
                return outcome;
            }
            _ => return outcome,
        };
        let mut entry = Entry(Entry::new(fingerprint, phase, number).0 | IS_TCP);
        entry.set_opener(upper_opened);
        entry.set_heard(key.upper, self.now);
        let pends = matches!(packet.class, Class::TcpAck | Class::TcpData) && outcome.verdict == Verdict::Unsolicited;
        entry.set_pending(u8::from(pends));
        self.enter(key.hash, entry, ends);
        outcome
    }

    fn datagram(&mut self, packet: &Packet, key: Key, ends: Ends) -> Outcome {
        let now = self.now;
        let outcome = match self.find(key.hash) {
            None => self.new_datagram(packet, key, ends),
            Some(at) => {
                let tick = self.tick;
                let Some(entry) = self.entry(at) else { return Outcome::default() };
                let (own, other) = (entry.heard(key.upper), entry.heard(!key.upper));
                let other_heard = is_recent(other, now, LIFE);
                let own_heard = is_recent(own, now, LIFE);
                entry.set_heard(key.upper, now);
                if other_heard {
                    let mut outcome = Outcome { verdict: Verdict::Solicited, ..Outcome::default() };
                    outcome.earlier = if own_heard { Earlier::Forward } else { Earlier::Reverse };
                    if !own_heard {
                        (outcome.excused, outcome.answers) = ((entry.number() >> 8) as u8, true);
                        entry.set_number(0);
                        entry.set_progress(1);
                        entry.set_opener(!key.upper);
                    } else if entry.progress() == 1 && entry.opened_by(key.upper) {
                        entry.set_progress(2);
                        outcome.continues = true;
                    }
                    outcome
                } else {
                    one_way_datagram(entry, tick, own_heard, u16::from(pends(packet)))
                }
            }
        };
        if packet.first_fragment {
            self.note_first_fragment(packet, outcome.verdict, ends);
        }
        if ends.from_us && packet.protocol == UDP && (packet.destination_port == TFTP || is_to_group(packet)) {
            self.note_open_request(packet, ends);
        }
        outcome
    }

    #[inline(never)]
    fn new_datagram(&mut self, packet: &Packet, key: Key, ends: Ends) -> Outcome {
        let fingerprint = Self::fingerprint(key.hash);
        let mut entry = Entry::new(fingerprint, phase::OPEN, u16::from(pends(packet)) << 8 | self.tick as u16 & 0xff);
        entry.set_heard(key.upper, self.now);
        let answers = !ends.from_us && is_recent(self.last_open_request, self.now, LIFE) && self.answers_open(packet, ends);
        let verdict = if answers {
            // The rest of the conversation is an ordinary one.
            entry.set_heard(!key.upper, self.now);
            entry.set_number(0);
            Verdict::Solicited
        } else {
            self.unless_flooded(ends)
        };
        self.enter(key.hash, entry, ends);
        Outcome { verdict, ..Outcome::default() }
    }

    /// Keys of requests whose answers come from another port of the host, and from any host.
    fn open_keys(&self, ours: u64, port: u16, peer: u64) -> [u64; 2] {
        [
            self.hasher.flow(ours, peer, port, TFTP) ^ u64::from(UDP),
            self.hasher.flow(ours, !0, port, 0) ^ u64::from(UDP),
        ]
    }

    #[inline(never)]
    fn note_open_request(&mut self, packet: &Packet, ends: Ends) {
        let [port, host] = self.open_keys(ends.source, packet.source_port, ends.destination);
        let hash = if packet.destination_port == TFTP { port } else { host };
        self.last_open_request = self.now;
        let now = self.now;
        if let Some(entry) = self.find(hash).and_then(|at| self.entry(at)) {
            entry.set_heard(false, now);
            return;
        }
        let mut entry = Entry::new(Self::fingerprint(hash), phase::OPEN, 0);
        entry.set_heard(false, now);
        self.enter(hash, entry, ends);
    }

    /// Whether a datagram answers a request to another port or to a group.
    fn answers_open(&mut self, packet: &Packet, ends: Ends) -> bool {
        let now = self.now;
        let keys = self.open_keys(ends.destination, packet.destination_port, ends.source);
        keys.into_iter().any(|hash| {
            let found = self.find(hash).and_then(|at| self.entry(at));
            found.is_some_and(|entry| is_recent(entry.heard(false), now, LIFE))
        })
    }

    fn echo_request(&mut self, key: Key, ends: Ends) -> Outcome {
        let now = self.now;
        match self.find(key.hash).and_then(|at| self.entry(at)) {
            Some(entry) => entry.set_heard(key.upper, now),
            None => {
                let mut entry = Entry::new(Self::fingerprint(key.hash), phase::OPEN, 0);
                entry.set_heard(key.upper, now);
                self.enter(key.hash, entry, ends);
            }
        }
        Outcome::default()
    }

    /// Whether the other end was lately heard in a conversation that this packet does not continue.
    fn answer_to(&mut self, key: Key, life: u8, ends: Ends) -> Verdict {
        let now = self.now;
        match self.find(key.hash).and_then(|at| self.entry(at)) {
            Some(entry) if is_recent(entry.heard(!key.upper), now, life) => Verdict::Solicited,
            _ => self.unless_flooded(ends),
        }
    }

    /// Whether the receiver of an ICMP error sent in the flow that the error quotes.
    fn sent_by_receiver(&mut self, quoted: Key, ends: Ends) -> Verdict {
        let now = self.now;
        match self.find(quoted.hash).and_then(|at| self.entry(at)) {
            Some(entry) if is_recent(entry.heard(quoted.upper), now, entry.life()) => Verdict::Solicited,
            _ => self.unless_flooded(ends),
        }
    }

    fn fragment_key(&self, packet: &Packet, ends: Ends) -> u64 {
        self.hasher.flow(ends.source, ends.destination, 0, packet.protocol.into()) ^ 0x6672_6167
    }

    /// Later fragments have no ports: they are what the first fragment between these hosts was.
    fn note_first_fragment(&mut self, packet: &Packet, verdict: Verdict, ends: Ends) {
        let hash = self.fragment_key(packet, ends);
        let now = self.now;
        let number = verdict as u16;
        if let Some(entry) = self.find(hash).and_then(|at| self.entry(at)) {
            entry.set_number(number);
            entry.set_heard(false, now);
            return;
        }
        let mut entry = Entry::new(Self::fingerprint(hash), phase::OPEN, number);
        entry.set_heard(false, now);
        self.enter(hash, entry, ends);
    }

    fn of_first_fragment(&mut self, packet: &Packet, ends: Ends) -> Verdict {
        let hash = self.fragment_key(packet, ends);
        let now = self.now;
        match self.find(hash).and_then(|at| self.entry(at)) {
            Some(entry) if is_recent(entry.heard(false), now, LIFE) => match entry.number() {
                number if number == Verdict::Solicited as u16 => Verdict::Solicited,
                number if number == Verdict::Steady as u16 => Verdict::Steady,
                number if number == Verdict::Unknown as u16 => Verdict::Unknown,
                _ => Verdict::Unsolicited,
            },
            _ => Verdict::Unsolicited,
        }
    }

    fn receiver(hash: u64) -> usize {
        (hash >> 20) as usize % BUDGETS
    }

    /// A packet of one of our hosts in no known conversation may answer one that did not enter, where more came for the
    /// host than may enter.
    fn unless_flooded(&self, ends: Ends) -> Verdict {
        let index = Self::receiver(ends.source);
        let full = |entered: &[u16; BUDGETS]| entered.get(index).is_some_and(|&count| count >= RECEIVER_BUDGET);
        if self.budget == 0 || self.entered.iter().any(full) { Verdict::Unknown } else { Verdict::Unsolicited }
    }

    /// Enters a conversation, if its sender may.
    fn enter(&mut self, hash: u64, entry: Entry, ends: Ends) {
        if !ends.from_us {
            let [entered, _] = &mut *self.entered;
            let Some(count) = entered.get_mut(Self::receiver(ends.destination)) else { return };
            if *count >= RECEIVER_BUDGET || self.budget == 0 {
                return;
            }
            *count += 1;
            self.budget -= 1;
        }
        let now = self.now;
        let tag = (if ends.to_us || !ends.from_us { ends.destination } else { ends.source } >> 8) as u8;
        let index = hash as usize & self.lines.len().wrapping_sub(1);
        let Some(line) = self.lines.get_mut(index) else { return };
        let free = line.entries.iter().position(|entry| entry.0 == 0);
        let way = free.or_else(|| line.entries.iter().position(|entry| entry.is_forgotten(now)));
        self.entries += usize::from(free.is_some());
        let way = way.unwrap_or_else(|| {
            self.evictions += 1;
            least_worth(line, tag, now)
        });
        if let (Some(slot), Some(owner)) = (line.entries.get_mut(way), line.tags.get_mut(way)) {
            (*slot, *owner) = (entry, tag);
        }
    }

    /// Sets the time of the packets that follow.
    #[inline]
    pub(super) fn set_tick(&mut self, tick: u64) {
        if tick != self.tick {
            self.move_to(tick);
        }
    }

    #[cold]
    fn move_to(&mut self, tick: u64) {
        let gap = tick.wrapping_sub(self.tick);
        if self.tick != 0 && gap > u64::from(TCP_LIFE) << STEP_BITS {
            // The clock was set, or another capture began.
            self.lines.fill(EMPTY);
            self.entries = 0;
            self.both_ends = 0;
        }
        if self.entries == 0 && self.both_ends == 0 {
            self.began = tick;
        }
        self.tick = tick;
        // At most 255.
        self.now = ((tick >> STEP_BITS) % CLOCK + 1) as u8;
        self.pairs.next_tick(tick);
        self.forget(gap.clamp(1, SWEEP_TICKS as u64) as usize);
    }

    /// Whether what began the conversations of now may have been sent before the memory began.
    fn is_new(&self) -> bool {
        self.tick.wrapping_sub(self.began) < NEW_TICKS
    }

    /// Whether the capture lately showed conversations with both ends. If not, it may show one direction only.
    pub(super) fn shows_both_ends(&self) -> bool {
        is_recent(self.both_ends, self.now, TCP_LIFE)
    }

    /// Ends the tick: the budgets start anew. Returns the conversations that were displaced.
    pub(super) fn finish_tick(&mut self) -> u64 {
        let [entered, before] = &mut *self.entered;
        std::mem::swap(entered, before);
        entered.fill(0);
        self.budget = BUDGET;
        if self.solicited >= LEAST_SOLICITED && self.solicited.saturating_mul(SOLICITED_OF) >= self.followed {
            self.both_ends = self.now;
        }
        (self.followed, self.solicited) = (0, 0);
        std::mem::take(&mut self.evictions)
    }

    /// Sweeps the next lines for forgotten conversations.
    fn forget(&mut self, ticks: usize) {
        let now = self.now;
        for _ in 0..(self.lines.len() / SWEEP_TICKS).max(1) * ticks {
            self.sweep = (self.sweep + 1) % self.lines.len();
            let Some(line) = self.lines.get_mut(self.sweep) else { return };
            for entry in line.entries.iter_mut().filter(|entry| entry.0 != 0) {
                if entry.is_forgotten(now) {
                    *entry = Entry(0);
                    self.entries -= 1;
                }
            }
        }
    }
}

/// Whether a packet answers one by its nature: the question may have been sent before the memory began.
#[inline]
fn answers_by_nature(packet: &Packet) -> bool {
    matches!(
        packet.class,
        Class::TcpSynAck
            | Class::TcpRst
            | Class::TcpFin
            | Class::IcmpReply
            | Class::Icmpv6Reply
            | Class::IcmpError
            | Class::Icmpv6Error
    ) || packet.reply_of.is_some()
}

/// Whether a datagram is excused by an answer to it. Replies of services that amplify are answered by errors and sessions.
fn pends(packet: &Packet) -> bool {
    packet.reply_of.is_none()
}

fn is_to_group(packet: &Packet) -> bool {
    packet.destination.is_group_or_none() || packet.destination_mac.is_group()
}

/// A segment of a connection of which both ends were heard.
#[inline]
fn established(entry: &mut Entry, packet: &Packet, side: bool) -> TcpStep {
    let is_client = entry.opened_by(side);
    match (entry.phase(), packet.class) {
        (phase::SYN_ACK, class) if is_client && packet.acknowledgment == entry.number().wrapping_add(1) => {
            let data = class == Class::TcpData;
            entry.set_phase(if data { phase::USED } else { phase::COMPLETE });
            if data { TcpStep::CompletedWithData } else { TcpStep::Completed }
        }
        (phase::COMPLETE, Class::TcpData) if is_client => {
            entry.set_phase(phase::USED);
            TcpStep::FirstData
        }
        (phase::COMPLETE, Class::TcpFin) if is_client => {
            entry.set_phase(phase::USED);
            TcpStep::ClosedUnused
        }
        _ => TcpStep::None,
    }
}

/// A segment of a flow whose other end is silent: numbers that advance show that it answers, unseen.
fn one_way(entry: &mut Entry, packet: &Packet, outcome: &mut Outcome) {
    let sum = packet.sequence.wrapping_add(packet.acknowledgment);
    match entry.phase() {
        phase::STEADY => {
            outcome.verdict = Verdict::Steady;
            return;
        }
        phase::SYN => {
            entry.set_phase(phase::SYN_FOLLOWED);
            entry.set_number(sum);
            entry.set_progress(0);
            outcome.verdict = Verdict::Steady;
            return;
        }
        phase::SYN_ACK if is_shortly_after(packet.sequence, entry.number()) => {
            // Whoever answers a spoofed SYN sends nothing else.
            entry.set_phase(phase::STEADY);
            (outcome.verdict, outcome.step) = (Verdict::Steady, TcpStep::SynAckContinued);
            return;
        }
        phase::SYN_ACK => {
            entry.set_phase(phase::SYN_ACK_FOLLOWED);
            entry.set_number(sum);
            entry.set_progress(0);
            outcome.verdict = Verdict::Steady;
            return;
        }
        phase::COMPLETE | phase::USED => {
            // The other end has been silent for long.
            entry.set_phase(phase::OPEN);
            entry.set_number(sum);
            entry.set_progress(0);
        }
        _ => {}
    }
    let advance = sum.wrapping_sub(entry.number());
    match advance {
        0 => {}
        1..0x8000 => entry.set_progress(entry.progress() + 1),
        _ => entry.set_progress(entry.progress().saturating_sub(2)),
    }
    entry.set_number(sum);
    let followed = matches!(entry.phase(), phase::SYN_FOLLOWED | phase::SYN_ACK_FOLLOWED);
    if entry.progress() >= if followed { 1 } else { ADVANCES } {
        outcome.step = match entry.phase() {
            phase::SYN_FOLLOWED => TcpStep::SynContinued,
            phase::SYN_ACK_FOLLOWED => TcpStep::SynAckContinued,
            _ => TcpStep::None,
        };
        outcome.verdict = Verdict::Steady;
        outcome.excused = entry.pending();
        entry.set_pending(0);
        entry.set_phase(phase::STEADY);
    } else if followed {
        outcome.verdict = Verdict::Steady;
    } else if packet.class != Class::TcpFin {
        entry.set_pending(entry.pending() + 1);
    }
}

/// Whether a sequence number continues one of a SYN-ACK within the first window of its connection.
fn is_shortly_after(sequence: u16, syn_ack: u16) -> bool {
    (1..0x4000).contains(&sequence.wrapping_sub(syn_ack))
}

/// A datagram of a flow whose other end is silent: after a second of steady packets it is a stream.
fn one_way_datagram(entry: &mut Entry, tick: u64, own_heard: bool, pending: u16) -> Outcome {
    if !own_heard {
        entry.set_number(pending << 8 | tick as u16 & 0xff);
        entry.set_phase(phase::OPEN);
        return Outcome::default();
    }
    let mut outcome = Outcome { earlier: Earlier::Forward, ..Outcome::default() };
    if entry.phase() == phase::STEADY {
        outcome.verdict = Verdict::Steady;
        return outcome;
    }
    let (packets, first) = (entry.number() >> 8, entry.number() as u8);
    if pending > 0 && (tick as u8).wrapping_sub(first) >= STEADY_TICKS && packets >= STEADY_PACKETS {
        entry.set_phase(phase::STEADY);
        entry.set_number(0);
        (outcome.verdict, outcome.excused) = (Verdict::Steady, packets as u8);
    } else {
        entry.set_number((packets + pending).min(255) << 8 | u16::from(first));
    }
    outcome
}

/// The way to be replaced: of the owner with most conversations in the line, counting the new one; of these one that is
/// incomplete or one-way, and the one that was silent longest.
#[cold]
fn least_worth(line: &Line, tag: u8, now: u8) -> usize {
    let mut worst = (0u32, 0);
    for (way, (entry, owner)) in line.entries.iter().zip(line.tags).enumerate() {
        let of_owner = line.tags.iter().take(WAYS).filter(|&&other| other == owner).count() as u32;
        let one_way = entry.heard(false) == 0 || entry.heard(true) == 0 || entry.phase() == phase::SYN_ACK;
        let score = (of_owner + u32::from(owner == tag)) << 16 | u32::from(one_way) << 8 | u32::from(entry.idle(now));
        if score >= worst.0 {
            worst = (score, way);
        }
    }
    worst.1
}
