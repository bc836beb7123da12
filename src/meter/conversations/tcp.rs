//! TCP: connections by their steps, and what shows that one is real of which only one direction is captured.

use super::entry::{Entry, IS_TCP, TCP_LIFE, is_recent, phase};
use super::memory::Memory;
use super::outcome::{Earlier, Ends, Key, Outcome, TcpStep, Verdict};
use super::pairs::Pairs;
use crate::packet::{Class, Packet};

/// Advances of its numbers in a row after which a TCP flow of which only one direction is captured is real.
const ADVANCES: u8 = 3;
/// Octets that a connection advances by from one segment to the next at most, to count as an advance: four full segments. Numbers
/// drawn at random do so in one case of eleven, and go back in half of all.
const ADVANCE: u16 = 0x1800;

/// Follows a TCP segment.
#[inline]
pub(super) fn follow(memory: &mut Memory, pairs: &mut Pairs, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
    let now = memory.now();
    let tick = memory.tick() as u16;
    let Some(at) = memory.find(key.hash) else { return begin(memory, pairs, packet, key, ends) };
    let Some(entry) = memory.entry(at) else { return Outcome::default() };
    if entry.is_settled(now) && matches!(packet.class, Class::TcpAck | Class::TcpData) {
        return Outcome::SETTLED;
    }
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
                let owner = entry.owner();
                *entry = Entry(Entry::new(Memory::fingerprint(key.hash), phase::SYN, tick).0 | IS_TCP);
                entry.restore_owner(owner);
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
                // What an outside client sends while the handshake is under way belongs to no connection: a host that answers a
                // SYN with a spoofed source has asked for nothing else. Of our own hosts no outside host can say that: a forged
                // SYN-ACK would make them look like attackers.
                if entry.phase() == phase::SYN_ACK && entry.opened_by(side) && !ends.from_us {
                    outcome.verdict = Verdict::Unsolicited;
                    return outcome;
                }
                if !own_before && entry.pending() > 0 {
                    (outcome.excused, outcome.answers) = (entry.pending(), true);
                    entry.set_pending(0);
                }
                // Once an exchange of data each clock step, not each packet.
                let remember = ends.from_us && entry.heard(side) != now && entry.phase() != phase::SYN_ACK;
                entry.set_heard(side, now);
                if remember {
                    pairs.add(ends.source ^ ends.destination);
                }
            } else {
                one_way(entry, packet, &mut outcome);
                entry.set_heard(side, now);
                if outcome.verdict == Verdict::Unsolicited && pairs.contains(ends.source ^ ends.destination) {
                    outcome.verdict = Verdict::Solicited;
                }
            }
        }
        Class::TcpRst if !other_heard => {
            if entry.phase() == phase::STEADY {
                outcome.verdict = Verdict::Steady;
            } else if pairs.contains(ends.source ^ ends.destination) {
                outcome.verdict = Verdict::Solicited;
            }
        }
        // A RST and patterns that no stack sends say nothing that an answer could belong to.
        _ => {}
    }
    outcome
}

/// A segment of no known connection.
#[inline]
fn begin(memory: &mut Memory, pairs: &Pairs, packet: &Packet, key: Key, ends: &Ends) -> Outcome {
    let mut outcome = Outcome::default();
    if !matches!(packet.class, Class::TcpSyn | Class::TcpNull | Class::TcpXmas | Class::TcpOther) {
        let talked = packet.class != Class::TcpSynAck && pairs.contains(ends.source ^ ends.destination);
        outcome.verdict = if talked { Verdict::Solicited } else { memory.unless_flooded(ends) };
    }
    if memory.admits(ends) {
        enter(memory, packet, key, ends, outcome.verdict);
    }
    outcome
}

#[inline(never)]
fn enter(memory: &mut Memory, packet: &Packet, key: Key, ends: &Ends, verdict: Verdict) {
    let (phase, number, upper_opened) = match packet.class {
        Class::TcpSyn => (phase::SYN, memory.tick() as u16, key.upper),
        Class::TcpSynAck => (phase::SYN_ACK, packet.sequence, !key.upper),
        Class::TcpAck | Class::TcpData | Class::TcpFin => {
            (phase::OPEN, packet.sequence.wrapping_add(packet.acknowledgment), false)
        }
        _ => return,
    };
    let mut entry = Entry(Entry::new(Memory::fingerprint(key.hash), phase, number).0 | IS_TCP);
    entry.set_opener(upper_opened);
    entry.set_heard(key.upper, memory.now());
    let pends = matches!(packet.class, Class::TcpAck | Class::TcpData) && verdict == Verdict::Unsolicited;
    entry.set_pending(u8::from(pends));
    memory.enter(key.hash, entry, ends);
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
        // The handshake was completed unseen: a server sends no data before that.
        (phase::SYN_ACK, Class::TcpData) if !is_client => {
            entry.set_phase(phase::USED);
            TcpStep::None
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
            // A host that answers a spoofed SYN sends nothing else.
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
        // Offloading has put together segments that follow each other.
        _ if packet.segments > 1 => entry.set_progress(ADVANCES),
        0 => {}
        1..=ADVANCE => entry.set_progress(entry.progress() + 1),
        // Lost segments, or another capture's batch: says nothing.
        _ if advance < 0x8000 => {}
        _ => entry.set_progress(0),
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

/// Whether a SYN after this many ticks is a client's retransmission: the first follows after 1 s (RFC 6298 §2.1) or 3 s
/// (RFC 1122 §4.2.3.1), each later one after twice the interval (RFC 6298 §5.5), within the granularity of timers and
/// the delay of the network. SYNs at other intervals with the same ports come from a tool that keeps its ports or soon
/// reuses them.
const fn is_backoff(ticks: u16) -> bool {
    matches!(ticks, 8..=12 | 18..=22 | 28..=32 | 38..=43 | 58..=63 | 78..=84 | 118..=125 | 157..=166 | 315..=330)
}
