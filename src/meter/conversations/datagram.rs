//! UDP, and every protocol without requests and replies of its own: flows by their first answer, streams, and requests
//! whose answers come from elsewhere.

use super::answers::Fragments;
use super::entry::{Entry, LIFE, is_recent, phase};
use super::memory::Memory;
use super::outcome::{Earlier, Ends, Key, Outcome, Verdict};
use crate::meter::hash::Hasher;
use crate::packet::Packet;

/// Ticks, and packets within them, after which a one-way flow is steady.
const STEADY_TICKS: u8 = 10;
const STEADY_PACKETS: u16 = 5;
const TFTP: u16 = 69;
const UDP: u8 = 17;

/// What is kept of datagrams beside the table.
pub(super) struct Datagrams {
    hasher: Hasher,
    fragments: Fragments,
    /// Clock of the last request whose answers may come from another port or host.
    last_open_request: u8,
}

impl Datagrams {
    pub(super) fn new(hasher: Hasher) -> Self {
        Datagrams { hasher, fragments: Fragments::new(hasher), last_open_request: 0 }
    }

    /// Follows a datagram.
    #[inline]
    pub(super) fn follow(&mut self, memory: &mut Memory, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
        let now = memory.now();
        let outcome = match memory.find(key.hash) {
            None => self.begin(memory, packet, key, ends),
            Some(at) => {
                let tick = memory.tick();
                let Some(entry) = memory.entry(at) else { return Outcome::default() };
                if entry.is_settled(now) && !packet.first_fragment && packet.destination_port != TFTP {
                    return Outcome::SETTLED;
                }
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
            self.fragments.note_first(memory, packet, outcome.verdict, ends);
        }
        if ends.from_us && packet.protocol == UDP && (packet.destination_port == TFTP || is_to_group(packet)) {
            self.note_open_request(memory, packet, ends);
        }
        outcome
    }

    /// A datagram of no known flow.
    #[inline]
    fn begin(&self, memory: &mut Memory, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
        let may_answer = !ends.from_us && is_recent(self.last_open_request, memory.now(), LIFE);
        if !may_answer && !memory.admits(ends) {
            return Outcome::default();
        }
        self.enter(memory, packet, key, ends)
    }

    #[inline(never)]
    fn enter(&self, memory: &mut Memory, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
        let fingerprint = Memory::fingerprint(key.hash);
        let mut entry =
            Entry::new(fingerprint, phase::OPEN, u16::from(pends(packet)) << 8 | memory.tick() as u16 & 0xff);
        entry.set_heard(key.upper, memory.now());
        let answers = !ends.from_us
            && is_recent(self.last_open_request, memory.now(), LIFE)
            && self.answers_open(memory, packet, ends);
        let verdict = if answers {
            // The rest of the conversation is an ordinary one.
            entry.set_heard(!key.upper, memory.now());
            entry.set_number(0);
            Verdict::Solicited
        } else {
            memory.unless_flooded(ends)
        };
        memory.enter(key.hash, entry, ends);
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
    fn note_open_request(&mut self, memory: &mut Memory, packet: &Packet, ends: &Ends) {
        let [port, host] = self.open_keys(ends.source, packet.source_port, ends.destination);
        let hash = if packet.destination_port == TFTP { port } else { host };
        self.last_open_request = memory.now();
        let now = memory.now();
        if let Some(entry) = memory.get(hash) {
            entry.set_heard(false, now);
            return;
        }
        let mut entry = Entry::new(Memory::fingerprint(hash), phase::OPEN, 0);
        entry.set_heard(false, now);
        memory.enter(hash, entry, ends);
    }

    /// Whether a datagram answers a request to another port or to a group.
    fn answers_open(&self, memory: &mut Memory, packet: &Packet, ends: &Ends) -> bool {
        let now = memory.now();
        let keys = self.open_keys(ends.destination, packet.destination_port, ends.source);
        keys.into_iter().any(|hash| {
            let found = memory.get(hash);
            found.is_some_and(|entry| is_recent(entry.heard(false), now, LIFE))
        })
    }
}

/// Whether a datagram is excused by an answer to it. Replies of services that amplify are answered by errors and sessions.
fn pends(packet: &Packet) -> bool {
    packet.reply_of.is_none()
}

fn is_to_group(packet: &Packet) -> bool {
    packet.destination.is_group_or_none() || packet.destination_mac.is_group()
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
