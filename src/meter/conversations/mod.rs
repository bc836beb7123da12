//! Conversations: whether a packet was asked for, measured packet by packet.
//!
//! A packet is *solicited* if the other end lately said something that it belongs to, *unsolicited* if not, *steady* if
//! the other end is silent but the packet continues a flow that its own packets excuse, and *unknown* where the memory
//! cannot tell.
//!
//! The memory is a table of fixed size: sets of one cache line with seven conversations each, their marks apart. A
//! conversation is a TCP or UDP 5-tuple; for all other protocols it is the pair of hosts and the protocol. Whatever our hosts send enters it. What
//! comes from outside enters within a budget per receiver and tick; beyond the budget, as in a flood, it is only looked
//! up. In a full set the conversation of the host that has most of them there is replaced, so that a flooded host
//! displaces its own conversations and not its neighbours'.
//!
//! Stated error: a conversation is recognised by its set and 22 bits, so that a packet of an unknown flow is taken for a
//! known one with a probability of at most 7 · 2⁻²² (1.7 · 10⁻⁶).

mod answers;
mod datagram;
mod entry;
mod memory;
mod outcome;
mod pairs;
mod tcp;

pub(super) use outcome::{Earlier, Ends, Key, Outcome};
pub use outcome::{TcpStep, Verdict};

use super::hash::Hasher;
use crate::packet::{Class, Packet, quoted};
use answers::Fragments;
use datagram::Datagrams;
use entry::{TCP_LIFE, is_recent};
use memory::Memory;
use pairs::Pairs;

/// Packets followed per batch: enough to overlap their cache misses.
pub(super) const BATCH: usize = 32;
/// Ticks in which answers to what was sent before the memory began arrive: a second.
const NEW_TICKS: u64 = 10;
/// Solicited packets of a tick that show both ends, and the largest number of packets for each: more than mistaken flows.
const LEAST_SOLICITED: u32 = 3;
const SOLICITED_OF: u32 = 2000;

/// How a packet of neither TCP nor UDP is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As UDP: every protocol without requests and replies of its own.
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
        Class::Gre | Class::IpTunnel | Class::IpOther | Class::IcmpOther | Class::Icmpv6Other | Class::Icmpv6Nd => {
            Kind::Datagram
        }
        Class::IcmpEcho | Class::Icmpv6Echo => Kind::EchoRequest,
        Class::IcmpReply | Class::Icmpv6Reply => Kind::EchoReply,
        Class::IcmpError | Class::Icmpv6Error => Kind::Error,
        Class::Fragment => Kind::Fragment,
        _ => Kind::None,
    }
}

/// One worker's memory of conversations.
pub(super) struct Conversations {
    hasher: Hasher,
    memory: Memory,
    pairs: Pairs,
    datagrams: Datagrams,
    fragments: Fragments,
    /// Not every frame is captured: silence of the other end proves nothing.
    is_sampled: bool,
    /// Another worker sees other flows of the same hosts: what has no ports may belong to a flow there.
    is_divided: bool,
    /// Not every verdict can be trusted: see [`Conversations::be_lenient`].
    is_lenient: bool,
    /// First tick in memory; the packets followed in this tick, and how many of them were solicited.
    began: u64,
    followed: u32,
    solicited: u32,
    /// Clock of the last tick that showed conversations with both ends; zero for none.
    both_ends: u8,
    /// What the ICMP errors of the current batch quote, in their order.
    quoted: [Option<Key>; BATCH],
    noted: usize,
    read: usize,
}

impl Conversations {
    /// Memory of at least `capacity` conversations, touched in full.
    pub(super) fn new(capacity: usize, hasher: Hasher) -> Self {
        Conversations {
            hasher,
            memory: Memory::new(capacity),
            pairs: Pairs::new(),
            datagrams: Datagrams::new(hasher),
            fragments: Fragments::new(hasher),
            is_sampled: false,
            is_divided: false,
            is_lenient: true,
            began: 0,
            followed: 0,
            solicited: 0,
            both_ends: 0,
            quoted: [None; BATCH],
            noted: 0,
            read: 0,
        }
    }

    pub(super) fn set_sampled(&mut self, sampled: bool) {
        if sampled != self.is_sampled {
            self.is_sampled = sampled;
            self.is_lenient = sampled || self.is_divided || self.is_new();
        }
    }

    /// Whether other workers capture on the same interface.
    pub(super) fn set_divided(&mut self, divided: bool) {
        self.is_divided = divided;
        self.is_lenient |= divided;
    }

    /// Conversations in memory.
    pub(super) fn len(&self) -> usize {
        self.memory.len()
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
    pub(super) fn end_batch(&mut self, packets: usize) {
        self.followed = self.followed.wrapping_add(packets as u32);
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
        self.memory.load(key.hash);
    }

    /// Follows a packet and says whether it was asked for.
    #[inline]
    pub(super) fn follow(&mut self, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
        let mut outcome = if packet.class.is_tcp() {
            tcp::follow(&mut self.memory, &mut self.pairs, packet, key, ends)
        } else if matches!(packet.class, Class::Udp | Class::Quic) {
            self.datagrams.follow(&mut self.memory, packet, key, ends)
        } else {
            self.rare(packet, key, ends)
        };
        self.solicited = self.solicited.wrapping_add(u32::from(outcome.verdict == Verdict::Solicited));
        if self.is_lenient
            && (self.is_sampled || outcome.verdict == Verdict::Unsolicited && self.may_be_mistaken(packet))
        {
            self.be_lenient(&mut outcome);
        }
        outcome
    }

    /// Whether what the packet belongs to may have been sent before the memory began, or passed to another worker: ICMP errors
    /// and fragments are divided by their addresses, the flows that they belong to by ports as well.
    fn may_be_mistaken(&self, packet: &Packet) -> bool {
        self.is_new() && answers_by_nature(packet) || self.is_divided && is_without_ports(packet)
    }

    /// Silence of the other end proves nothing while frames are sampled, and of answers in the first second.
    #[cold]
    fn be_lenient(&self, outcome: &mut Outcome) {
        if self.is_sampled {
            outcome.excused = 0;
        }
        if outcome.verdict == Verdict::Unsolicited {
            outcome.verdict = Verdict::Unknown;
        }
    }

    #[inline(never)]
    fn rare(&mut self, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
        match kind(packet.class) {
            Kind::Datagram => self.datagrams.follow(&mut self.memory, packet, key, ends),
            Kind::EchoRequest => answers::echo_request(&mut self.memory, key, ends),
            Kind::EchoReply => {
                Outcome { verdict: answers::answer_to(&mut self.memory, key, ends), ..Outcome::default() }
            }
            Kind::Error => {
                let verdict = match self.next_quoted() {
                    // The receiver of the error sent what it quotes: its source is the end that must have been heard.
                    Some(quoted) => answers::sent_by_receiver(&mut self.memory, quoted, ends),
                    None => answers::answer_to(&mut self.memory, key, ends),
                };
                Outcome { verdict, ..Outcome::default() }
            }
            Kind::Fragment => {
                Outcome { verdict: self.fragments.verdict(&mut self.memory, packet, ends), ..Outcome::default() }
            }
            _ => Outcome::default(),
        }
    }

    /// Sets the time of the packets that follow.
    #[inline]
    pub(super) fn set_tick(&mut self, tick: u64) {
        if tick != self.memory.tick() {
            self.move_to(tick);
        }
    }

    #[cold]
    fn move_to(&mut self, tick: u64) {
        if self.memory.move_to(tick) {
            self.both_ends = 0;
        }
        if self.memory.len() == 0 && self.both_ends == 0 {
            self.began = tick;
        }
        self.pairs.next_tick(tick);
        self.is_lenient = self.is_sampled || self.is_divided || self.is_new();
    }

    /// Whether what began the conversations of now may have been sent before the memory began.
    fn is_new(&self) -> bool {
        self.memory.tick().wrapping_sub(self.began) < NEW_TICKS
    }

    /// Whether the capture lately showed conversations with both ends. If not, it may show one direction only.
    pub(super) fn shows_both_ends(&self) -> bool {
        is_recent(self.both_ends, self.memory.now(), TCP_LIFE)
    }

    /// Ends the tick; returns the conversations that were displaced.
    pub(super) fn finish_tick(&mut self) -> u64 {
        if self.solicited >= LEAST_SOLICITED && self.solicited.saturating_mul(SOLICITED_OF) >= self.followed {
            self.both_ends = self.memory.now();
        }
        (self.followed, self.solicited) = (0, 0);
        self.memory.finish_tick()
    }
}

/// Whether a packet answers one by its nature: the question may have been sent before the memory began.
#[inline]
fn answers_by_nature(packet: &Packet) -> bool {
    const ANSWERS: u32 = 1 << Class::TcpSynAck as u32
        | 1 << Class::TcpRst as u32
        | 1 << Class::TcpFin as u32
        | 1 << Class::IcmpReply as u32
        | 1 << Class::Icmpv6Reply as u32
        | 1 << Class::IcmpError as u32
        | 1 << Class::Icmpv6Error as u32;
    ANSWERS >> packet.class as u32 & 1 != 0 || packet.reply_of.is_some()
}

/// Whether a packet has no ports of its own, or is the first fragment of a datagram, which goes where the others go.
fn is_without_ports(packet: &Packet) -> bool {
    packet.first_fragment || matches!(packet.class, Class::Fragment | Class::IcmpError | Class::Icmpv6Error)
}
