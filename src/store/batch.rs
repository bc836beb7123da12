//! What is written to the store at a time: usually what happened within a second.

use super::model::{IncidentSecond, KeptPacket, SubjectMinute};
use crate::base::Timestamp;
use crate::incident::{Change, Event, Incident};
use std::sync::Arc;

/// Octets of packets that may wait while the disk is slow; beyond it they are dropped and counted.
const PACKET_BYTES: usize = 4 << 20;
/// Rows of other kinds that may wait: an hour of 256 hosts.
const ROWS: usize = 16_384;
/// Changes of incidents that may wait, about 20 KB each. Of more, those between opening and closing are dropped first.
const EVENTS: usize = 2048;

/// One minute of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceMinute {
    /// Minutes since 1970.
    pub minute: u64,
    /// Its name.
    pub interface: String,
    /// Packets that reached the kernel.
    pub packets: u64,
    /// Bytes of the captured ones.
    pub bytes: u64,
    /// Packets that the kernel dropped.
    pub dropped: u64,
    /// Packets were sampled 1 in N: the largest N.
    pub sampled: u32,
    /// Bit n: the n-th second was captured.
    pub seconds: u64,
}

/// Something that happened to Pegel or its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// `start`, `stop`, `configuration`, `maintenance`, `posture`, `inventory` or `capture`.
    pub kind: &'static str,
    /// A sentence.
    pub text: String,
}

/// What is to be written.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Changes of incidents, in order.
    pub events: Vec<Event>,
    /// The present state of incidents that are open.
    pub progress: Vec<Arc<Incident>>,
    /// Traffic of open incidents, by ID.
    pub seconds: Vec<(String, IncidentSecond)>,
    /// Packets of open incidents, by ID, with the names of their interfaces.
    pub packets: Vec<(String, Arc<str>, KeptPacket)>,
    /// Minutes so far of the interfaces.
    pub interfaces: Vec<InterfaceMinute>,
    /// Minutes that have ended of hosts and guests.
    pub subjects: Vec<SubjectMinute>,
    /// The minute that is not over, of hosts and guests.
    pub running: Vec<SubjectMinute>,
    /// The run that counted `subjects`, where that was not this one.
    pub run: Option<u64>,
    /// Everything else that happened.
    pub notes: Vec<Note>,
    /// Octets of `packets`.
    pub(super) packet_bytes: usize,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.progress.is_empty()
            && self.seconds.is_empty()
            && self.packets.is_empty()
            && self.interfaces.is_empty()
            && self.subjects.is_empty()
            && self.notes.is_empty()
    }

    /// Adds a packet of an incident.
    pub fn add_packet(&mut self, id: &str, interface: &Arc<str>, packet: KeptPacket) -> bool {
        if self.packet_bytes + packet.data.len() > PACKET_BYTES {
            return false;
        }
        self.packet_bytes += packet.data.len();
        self.packets.push((id.to_owned(), Arc::clone(interface), packet));
        true
    }

    /// Adds what happened later. Returns the number of entries for which there is no room: packets first, changes of incidents
    /// last.
    pub fn append(&mut self, later: Batch) -> u64 {
        let mut dropped = 0;
        for (id, interface, packet) in later.packets {
            dropped += u64::from(!self.add_packet(&id, &interface, packet));
        }
        dropped += append(&mut self.seconds, later.seconds, ROWS);
        dropped += append(&mut self.subjects, later.subjects, ROWS);
        self.running = later.running;
        dropped += append(&mut self.notes, later.notes, ROWS);
        for minute in later.interfaces {
            // They grow until the minute ends: the last one counts.
            let same =
                |known: &&mut InterfaceMinute| (known.minute, &known.interface) == (minute.minute, &minute.interface);
            match self.interfaces.iter_mut().find(same) {
                Some(known) => *known = minute,
                None => dropped += append(&mut self.interfaces, vec![minute], ROWS),
            }
        }
        for incident in later.progress {
            match self.progress.iter_mut().find(|known| known.id == incident.id) {
                Some(known) => *known = incident,
                None => dropped += append(&mut self.progress, vec![incident], ROWS),
            }
        }
        for event in later.events {
            if self.events.len() >= EVENTS {
                let between = |event: &Event| !matches!(event.change, Change::Opened | Change::Closed);
                match self.events.iter().position(between) {
                    Some(at) => drop(self.events.remove(at)),
                    None if between(&event) => {
                        dropped += 1;
                        continue;
                    }
                    // The last one of an incident has everything that matters.
                    None => drop(self.events.remove(0)),
                }
                dropped += 1;
            }
            self.events.push(event);
        }
        dropped
    }

    /// Whether an incident ends with this batch: its evidence is then written.
    pub fn closes(&self) -> bool {
        self.events.iter().any(|event| event.change == Change::Closed)
    }
}

fn append<T>(all: &mut Vec<T>, later: Vec<T>, most: usize) -> u64 {
    let room = most.saturating_sub(all.len());
    let lost = later.len().saturating_sub(room);
    all.extend(later.into_iter().take(room));
    lost as u64
}
