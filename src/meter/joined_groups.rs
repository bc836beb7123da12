//! Multicast groups that stations have joined: frames to them are wanted.

use super::hash::Hasher;
use crate::base::{Mac, Timestamp};
use crate::packet::{Class, Packet};

/// Bits of each generation: with a few dozen groups, one in a hundred others counts as joined.
const BITS: usize = 4096;
/// Seconds for which a report counts at least: the group membership interval (RFC 3376 §8.4).
const SECONDS: u64 = 260;
/// IP protocol number of IGMP.
const IGMP: u8 = 2;
/// Counters into which the groups of a sender are hashed.
pub(super) const GROUP_BUCKETS: usize = 16;
/// Records that are read of one report.
const RECORDS: usize = 64;

/// Frames of one station to joined groups in one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupStreams {
    /// Number of the interface that showed them.
    pub interface: u16,
    /// The sender.
    pub mac: Mac,
    /// Time of one of them.
    pub at: Timestamp,
    /// Frames.
    pub frames: u32,
    /// By hash of the group.
    pub buckets: [u32; GROUP_BUCKETS],
}

/// The groups that were reported lately, as a set of their MAC addresses.
pub(super) struct JoinedGroups {
    hasher: Hasher,
    /// Of the current period, and of the one before.
    generations: [Box<[u64]>; 2],
    period: u64,
}

impl JoinedGroups {
    pub(super) fn new(hasher: Hasher) -> JoinedGroups {
        let empty = || vec![0; BITS / 64].into_boxed_slice();
        JoinedGroups { hasher, generations: [empty(), empty()], period: 0 }
    }

    /// Reads a report of membership, if the packet is one: IGMP (RFC 2236, 3376) or MLD (RFC 2710, 3810).
    pub(super) fn note(&mut self, packet: &Packet, frame: &[u8]) {
        let at = usize::from(packet.payload_at);
        match packet.class {
            Class::Icmpv6Nd => {
                let message = at.checked_sub(8).and_then(|at| frame.get(at..)).unwrap_or_default();
                self.mld(message, packet.time);
            }
            _ if packet.protocol == IGMP => self.igmp(frame.get(at..).unwrap_or_default(), packet.time),
            _ => {}
        }
    }

    fn igmp(&mut self, message: &[u8], now: Timestamp) {
        match message.first() {
            Some(0x12 | 0x16) => self.join_v4(message.get(4..), now),
            Some(0x22) => {
                let mut records = message.get(8..).unwrap_or_default();
                for _ in 0..RECORDS {
                    let Some(&[kind, auxiliary, high, low]) = records.first_chunk() else { return };
                    let sources = usize::from(u16::from_be_bytes([high, low]));
                    if joins(kind, sources) {
                        self.join_v4(records.get(4..), now);
                    }
                    records = records.get(8 + 4 * (sources + usize::from(auxiliary))..).unwrap_or_default();
                }
            }
            _ => {}
        }
    }

    fn mld(&mut self, message: &[u8], now: Timestamp) {
        match message.first() {
            Some(131) => self.join_v6(message.get(8..), now),
            Some(143) => {
                let mut records = message.get(8..).unwrap_or_default();
                for _ in 0..RECORDS {
                    let Some(&[kind, auxiliary, high, low]) = records.first_chunk() else { return };
                    let sources = usize::from(u16::from_be_bytes([high, low]));
                    if joins(kind, sources) {
                        self.join_v6(records.get(4..), now);
                    }
                    records = records.get(20 + 16 * sources + 4 * usize::from(auxiliary)..).unwrap_or_default();
                }
            }
            _ => {}
        }
    }

    fn join_v4(&mut self, group: Option<&[u8]>, now: Timestamp) {
        if let Some(&[_, a, b, c]) = group.and_then(<[u8]>::first_chunk) {
            // RFC 1112 §6.4.
            self.join(Mac([0x01, 0x00, 0x5e, a & 0x7f, b, c]), now);
        }
    }

    fn join_v6(&mut self, group: Option<&[u8]>, now: Timestamp) {
        if let Some(&[a, b, c, d]) = group.and_then(|group| group.get(12..)).and_then(<[u8]>::first_chunk) {
            // RFC 2464 §7.
            self.join(Mac([0x33, 0x33, a, b, c, d]), now);
        }
    }

    fn join(&mut self, group: Mac, now: Timestamp) {
        let period = now.nanos() / (SECONDS * 1_000_000_000);
        if period != self.period {
            self.generations.swap(0, 1);
            let [this, before] = &mut self.generations;
            this.fill(0);
            if period != self.period + 1 {
                before.fill(0);
            }
            self.period = period;
        }
        let bit = self.bit(group);
        if let Some(word) = self.generations.first_mut().and_then(|bits| bits.get_mut(bit / 64)) {
            *word |= 1 << (bit % 64);
        }
    }

    fn bit(&self, group: Mac) -> usize {
        self.hasher.word(group.bits()) as usize % BITS
    }

    /// Whether a station has joined a group lately.
    pub(super) fn contains(&self, group: Mac) -> bool {
        let bit = self.bit(group);
        self.generations.iter().any(|bits| bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1))
    }

    /// Counts frames to a joined group.
    pub(super) fn count(&self, streams: &mut Vec<GroupStreams>, packet: &Packet, frames: u32, most: usize) {
        let same = |known: &&GroupStreams| (known.interface, known.mac) == (packet.interface, packet.source_mac);
        let index = match streams.iter().position(|known| same(&known)) {
            Some(index) => index,
            None if streams.len() >= most => return,
            None => {
                let (interface, mac, at) = (packet.interface, packet.source_mac, packet.time);
                streams.push(GroupStreams { interface, mac, at, frames: 0, buckets: [0; GROUP_BUCKETS] });
                streams.len() - 1
            }
        };
        let bucket = self.hasher.word(packet.destination_mac.bits()) as usize % GROUP_BUCKETS;
        if let Some(known) = streams.get_mut(index) {
            known.frames = known.frames.saturating_add(frames);
            if let Some(count) = known.buckets.get_mut(bucket) {
                *count = count.saturating_add(frames);
            }
        }
    }
}

/// Whether a record of a report says that a group is joined (RFC 3376 §4.2.12): all but those that include no source.
fn joins(kind: u8, sources: usize) -> bool {
    matches!(kind, 2 | 4) || sources > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_join_and_are_forgotten() {
        let at = |seconds| Timestamp::from_parts(1_767_225_600, 0).plus_seconds(seconds);
        let mut groups = JoinedGroups::new(Hasher::fixed());
        groups.igmp(&[0x16, 0, 0, 0, 239, 129, 2, 3], at(0.0));
        groups.igmp(&[0x22, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0, 239, 1, 1, 1, 3, 0, 0, 0, 239, 1, 1, 2], at(0.0));
        let mut report = [0u8; 8 + 20];
        (report[0], report[8], report[12], report[27]) = (143, 4, 0xff, 0xfb);
        groups.mld(&report, at(0.0));
        let joined =
            |groups: &JoinedGroups, last: [u8; 3]| groups.contains(Mac([1, 0, 0x5e, last[0], last[1], last[2]]));
        assert!(joined(&groups, [1, 2, 3]) && joined(&groups, [1, 1, 1]));
        assert!(!joined(&groups, [1, 1, 2]), "it was left");
        assert!(groups.contains(Mac([0x33, 0x33, 0, 0, 0, 0xfb])));
        groups.igmp(&[0x16, 0, 0, 0, 239, 9, 9, 9], at(600.0));
        assert!(!joined(&groups, [1, 2, 3]) && joined(&groups, [9, 9, 9]));
        groups.igmp(&[0x22, 0, 0, 0, 0, 0, 0, 9, 4], at(600.0));
        groups.mld(&[143], at(600.0));
    }
}
