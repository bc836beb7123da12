//! Keeps a few captured packets of every tick as they were, for the evidence of incidents.
//!
//! Each host has the same small share as sender and as receiver: a flood takes its share and no more, whether its addresses
//! are real or not, so that the packets of other hosts are kept beside it. A packet that is not kept costs two look-ups.

use super::hash::Hasher;
use crate::base::{Addr, Mac, Timestamp};
use crate::capture::{Frame, FrameDirection, LinkType};
use crate::packet::{Class, Packet};

/// Packets kept per worker and tick.
pub const KEPT: usize = 64;
/// Packets kept per worker, tick and host: 40 a second.
pub const KEPT_PER_HOST: u8 = 4;
/// Packets per host once half of the tick's have been kept, and until each of many hosts has had one: that may take some ticks.
const FEW_PER_HOST: u8 = 1;
/// Values of the hash that distinguishes hosts.
const BUCKETS: usize = 1024;
/// Any number that no other hash begins with.
const SEED: u64 = 0x6b65_6570;
/// Octets of a VLAN tag, and its offset in an Ethernet frame.
const TAG: usize = 4;
const TAG_AT: usize = 12;

/// A packet that was kept. Its octets are in [`KeptPackets`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptHeader {
    /// Time of capture.
    pub time: Timestamp,
    /// Network-layer source.
    pub source: Addr,
    /// Network-layer destination.
    pub destination: Addr,
    /// Link-layer source.
    pub source_mac: Mac,
    /// Index of the interface.
    pub interface: u16,
    /// Outermost VLAN ID; zero if untagged.
    pub vlan: u16,
    /// What the octets begin with.
    pub link: LinkType,
    /// Whether it entered or left the machine.
    pub direction: FrameDirection,
    /// Octets on the wire.
    pub wire_len: u32,
    /// Its traffic class.
    pub class: Class,
    /// Its number of octets that were kept.
    len: u16,
}

/// The packets that a worker kept of one tick.
#[derive(Clone, Debug, Default)]
pub struct KeptPackets {
    headers: Vec<KeptHeader>,
    octets: Vec<u8>,
}

impl KeptPackets {
    /// With room for a tick's.
    pub(super) fn with_room(snaplen: usize) -> KeptPackets {
        let most = if snaplen == 0 { 0 } else { KEPT };
        KeptPackets { headers: Vec::with_capacity(most), octets: Vec::with_capacity(most * (snaplen + TAG)) }
    }

    /// Each packet with its first octets, in the order of capture.
    pub fn iter(&self) -> impl Iterator<Item = (&KeptHeader, &[u8])> {
        let mut at = 0;
        self.headers.iter().map(move |header| {
            let from = at;
            at += usize::from(header.len);
            (header, self.octets.get(from..at).unwrap_or_default())
        })
    }

    /// Forgets them; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.headers.clear();
        self.octets.clear();
    }

    fn push(&mut self, packet: &Packet, frame: &Frame<'_>, snaplen: usize) {
        let data = frame.data.get(..snaplen.min(frame.data.len())).unwrap_or_default();
        let before = self.octets.len();
        // The kernel removes a tag from the octets: it belongs to the packet as it was on the wire.
        match frame.vlan.filter(|_| frame.link == LinkType::Ethernet && data.len() > TAG_AT) {
            Some(vlan) => {
                let (addresses, rest) = data.split_at(TAG_AT);
                self.octets.extend_from_slice(addresses);
                self.octets.extend(vlan.tpid.to_be_bytes());
                self.octets.extend(vlan.tci.to_be_bytes());
                self.octets.extend_from_slice(rest);
            }
            None => self.octets.extend_from_slice(data),
        }
        self.headers.push(KeptHeader {
            time: packet.time,
            source: packet.source,
            destination: packet.destination,
            source_mac: packet.source_mac,
            interface: packet.interface,
            vlan: packet.vlan,
            link: frame.link,
            direction: packet.direction,
            wire_len: packet.wire_len,
            class: packet.class,
            len: (self.octets.len() - before).min(usize::from(u16::MAX)) as u16,
        });
    }
}

/// Chooses the packets that a worker keeps.
pub(super) struct PacketKeeper {
    /// Octets kept of each packet; 0: none is kept.
    snaplen: usize,
    factor: u64,
    /// Packets that may still be kept in this tick.
    left: usize,
    /// Packets that may be kept per host at present.
    per_host: u8,
    sent: [u8; BUCKETS],
    received: [u8; BUCKETS],
    kept: KeptPackets,
}

impl PacketKeeper {
    /// The key of `hasher` decides which hosts share a bucket.
    pub(super) fn new(snaplen: usize, hasher: Hasher) -> PacketKeeper {
        let snaplen = snaplen.min(usize::from(u16::MAX) - TAG);
        PacketKeeper {
            snaplen,
            factor: hasher.word(SEED) | 1,
            left: if snaplen == 0 { 0 } else { KEPT },
            per_host: KEPT_PER_HOST,
            sent: [0; BUCKETS],
            received: [0; BUCKETS],
            kept: KeptPackets::with_room(snaplen),
        }
    }

    #[inline]
    fn bucket(&self, address: Addr) -> usize {
        let bits = address.bits();
        let hash = ((bits as u64) ^ (bits >> 64) as u64).wrapping_mul(self.factor);
        (hash >> (u64::BITS - BUCKETS.ilog2())) as usize
    }

    /// Keeps the packet, if its sender and its receiver have something left of their shares.
    #[inline]
    pub(super) fn offer(&mut self, packet: &Packet, frame: &Frame<'_>) {
        if self.left == 0 {
            return;
        }
        let to = self.bucket(packet.destination);
        if self.received.get(to).is_none_or(|count| *count >= self.per_host) {
            return;
        }
        let from = self.bucket(packet.source);
        if self.sent.get(from).is_none_or(|count| *count >= self.per_host) {
            return;
        }
        self.keep(packet, frame, from, to);
    }

    /// Counts only what is kept: the packets that a flood has beyond its share take nothing from the share of others.
    #[inline(never)]
    fn keep(&mut self, packet: &Packet, frame: &Frame<'_>, from: usize, to: usize) {
        for count in [self.sent.get_mut(from), self.received.get_mut(to)].into_iter().flatten() {
            *count += 1;
        }
        self.left -= 1;
        if self.left < KEPT / 2 {
            self.per_host = FEW_PER_HOST;
        }
        self.kept.push(packet, frame, self.snaplen);
    }

    /// Hands over what was kept of the tick, and starts the next.
    pub(super) fn finish_tick(&mut self, into: &mut KeptPackets) {
        if self.snaplen == 0 {
            return;
        }
        std::mem::swap(&mut self.kept, into);
        self.kept.clear();
        if self.left > 0 {
            // Every host has had its share.
            self.sent.fill(0);
            self.received.fill(0);
            self.per_host = KEPT_PER_HOST;
        } else {
            // The others come first in the next tick.
            self.per_host = FEW_PER_HOST;
        }
        self.left = KEPT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Vlan;

    fn packet(source: u32, destination: u32) -> Packet {
        Packet {
            source: Addr::from_v4_bits(source),
            destination: Addr::from_v4_bits(destination),
            wire_len: 1000,
            ..Packet::default()
        }
    }

    fn frame(data: &[u8]) -> Frame<'_> {
        Frame {
            time: Timestamp::ZERO,
            data,
            wire_len: 1000,
            link: LinkType::Ethernet,
            direction: FrameDirection::Unknown,
            interface: 0,
            vlan: None,
            segments: 1,
            sampled: 1,
        }
    }

    fn kept(keeper: &mut PacketKeeper) -> Vec<(Addr, Addr)> {
        let mut into = KeptPackets::default();
        keeper.finish_tick(&mut into);
        into.iter().map(|(header, _)| (header.source, header.destination)).collect()
    }

    #[test]
    fn floods_of_every_kind_leave_room_for_others() {
        let honest = |number: u32| packet(0x0a00_0000 + number * 0x0101, 0x0b00_0000 + number * 0x0311);
        type Flood = fn(u32) -> Packet;
        let floods: [(&str, Flood); 4] = [
            ("spoofed sources, one target", |n| packet(n.wrapping_mul(0x9e37_79b9), 1)),
            ("one source, random targets", |n| packet(1, n.wrapping_mul(0x9e37_79b9))),
            ("spoofed sources, a network", |n| packet(n.wrapping_mul(0x9e37_79b9), 0xcb00_7100 | n & 0xff)),
            ("both random", |n| packet(n.wrapping_mul(0x9e37_79b9), n.wrapping_mul(0x85eb_ca6b))),
        ];
        for (name, flood) in floods {
            let mut keeper = PacketKeeper::new(64, Hasher::fixed());
            let mut honest_kept = 0;
            for tick in 0..20 {
                for n in 0..10_000 {
                    keeper.offer(&flood(tick * 10_000 + n), &frame(&[0; 60]));
                    if n % 1000 == 500 {
                        keeper.offer(&honest(n / 1000), &frame(&[0; 60]));
                    }
                }
                let all = kept(&mut keeper);
                assert!(all.len() <= KEPT);
                honest_kept += all.iter().filter(|(source, _)| source.bits() as u32 >> 16 == 0x0a00).count();
            }
            // Where everything is random, each host has what a random packet has.
            let least = if name == "both random" { 0 } else { 20 };
            assert!(honest_kept >= least, "{name}: {honest_kept} of 200");
        }
    }

    #[test]
    fn one_host_takes_no_more_than_its_share() {
        let mut keeper = PacketKeeper::new(64, Hasher::fixed());
        (0..1000).for_each(|n| keeper.offer(&packet(n, 7), &frame(&[0; 60])));
        assert_eq!(kept(&mut keeper).len(), usize::from(KEPT_PER_HOST));
        (0..1000).for_each(|n| keeper.offer(&packet(n, 7), &frame(&[0; 60])));
        assert_eq!(kept(&mut keeper).len(), usize::from(KEPT_PER_HOST), "in each tick");
    }

    #[test]
    fn octets_are_cut_and_removed_tags_are_put_back() {
        let data: Vec<u8> = (0..100).collect();
        let mut keeper = PacketKeeper::new(20, Hasher::fixed());
        let tagged = Frame { vlan: Some(Vlan { tpid: 0x8100, tci: 0x0123 }), ..frame(&data) };
        keeper.offer(&packet(1, 2), &tagged);
        keeper.offer(&packet(3, 4), &frame(&data));
        keeper.offer(&packet(5, 6), &frame(&data[..7]));
        let mut into = KeptPackets::default();
        keeper.finish_tick(&mut into);
        let octets: Vec<&[u8]> = into.iter().map(|(_, octets)| octets).collect();
        let expected = [&data[..12], &[0x81, 0, 1, 0x23], &data[12..20]].concat();
        assert_eq!(octets, [&expected[..], &data[..20], &data[..7]]);
        let mut none = PacketKeeper::new(0, Hasher::fixed());
        none.offer(&packet(1, 2), &frame(&data));
        none.finish_tick(&mut into);
        assert_eq!(into.iter().count(), 3, "nothing is touched where nothing is kept");
    }
}
