//! Packets that answer others by their nature: echo replies, ICMP errors, later fragments.

use super::entry::{Entry, LIFE, is_recent, phase};
use super::memory::Memory;
use super::outcome::{Ends, Key, Outcome, Verdict};
use crate::meter::hash::Hasher;
use crate::packet::Packet;

/// An echo request asks; only requests enter the memory.
pub(super) fn echo_request(memory: &mut Memory, key: Key, ends: &Ends) -> Outcome {
    let now = memory.now();
    match memory.get(key.hash) {
        Some(entry) => entry.set_heard(key.upper, now),
        None => {
            let mut entry = Entry::new(Memory::fingerprint(key.hash), phase::OPEN, 0);
            entry.set_heard(key.upper, now);
            memory.enter(key.hash, entry, ends);
        }
    }
    Outcome::default()
}

/// Whether the other end was lately heard in a conversation that this packet does not continue.
pub(super) fn answer_to(memory: &mut Memory, key: Key, ends: &Ends) -> Verdict {
    let now = memory.now();
    match memory.get(key.hash) {
        Some(entry) if is_recent(entry.heard(!key.upper), now, LIFE) => Verdict::Solicited,
        _ => memory.unless_flooded(ends),
    }
}

/// Whether the receiver of an ICMP error sent in the flow that the error quotes.
pub(super) fn sent_by_receiver(memory: &mut Memory, quoted: Key, ends: &Ends) -> Verdict {
    let now = memory.now();
    match memory.get(quoted.hash) {
        Some(entry) if is_recent(entry.heard(quoted.upper), now, entry.life()) => Verdict::Solicited,
        _ => memory.unless_flooded(ends),
    }
}

/// Later fragments have no ports: they are what the first fragment between the same hosts was.
#[derive(Clone, Copy)]
pub(super) struct Fragments {
    hasher: Hasher,
}

impl Fragments {
    pub(super) fn new(hasher: Hasher) -> Self {
        Fragments { hasher }
    }

    fn key(&self, packet: &Packet, ends: &Ends) -> u64 {
        self.hasher.flow(ends.source, ends.destination, 0, packet.protocol.into()) ^ 0x6672_6167
    }

    /// Notes the verdict on a first fragment.
    pub(super) fn note_first(&self, memory: &mut Memory, packet: &Packet, verdict: Verdict, ends: &Ends) {
        let hash = self.key(packet, ends);
        let now = memory.now();
        let number = verdict as u16;
        if let Some(entry) = memory.get(hash) {
            entry.set_number(number);
            entry.set_heard(false, now);
            return;
        }
        let mut entry = Entry::new(Memory::fingerprint(hash), phase::OPEN, number);
        entry.set_heard(false, now);
        memory.enter(hash, entry, ends);
    }

    /// The verdict on a later fragment.
    pub(super) fn verdict(&self, memory: &mut Memory, packet: &Packet, ends: &Ends) -> Verdict {
        let hash = self.key(packet, ends);
        let now = memory.now();
        match memory.get(hash) {
            Some(entry) if is_recent(entry.heard(false), now, LIFE) => match entry.number() {
                number if number == Verdict::Solicited as u16 => Verdict::Solicited,
                number if number == Verdict::Steady as u16 => Verdict::Steady,
                number if number == Verdict::Unknown as u16 => Verdict::Unknown,
                _ => Verdict::Unsolicited,
            },
            _ => Verdict::Unsolicited,
        }
    }
}
