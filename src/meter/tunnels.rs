//! Which header of a tunnelled packet counts.
//!
//! The innermost header that is from or to an address of ours counts. The headers around it that are from or to us count as
//! well, for these hosts alone: a flood of a host is not hidden by what its packets carry, and what a mirror port or a
//! tunnel of ours delivers is still analysed.

use super::conversations::BATCH;
use crate::base::Networks;
use crate::packet::{Encapsulation, OuterHeaders, Packet};

/// What a worker counts of packets in encapsulations.
pub(super) struct Encapsulated {
    /// Packets in encapsulations that were not followed, by kind.
    unopened: [u64; Encapsulation::COUNT],
    /// Outer headers that count as well, until they are counted as a batch.
    outer: Box<[Packet; BATCH]>,
    filled: usize,
}

impl Default for Encapsulated {
    fn default() -> Self {
        Encapsulated { unopened: [0; Encapsulation::COUNT], outer: Box::new([Packet::default(); BATCH]), filled: 0 }
    }
}

impl Encapsulated {
    /// Counts a packet whose content is unknown.
    pub(super) fn count(&mut self, packet: &Packet) {
        if let Some(count) = packet.unopened.and_then(|kind| self.unopened.get_mut(kind as usize)) {
            *count += u64::from(packet.segments);
        }
    }

    /// The counts of the tick, which start at zero again.
    pub(super) fn finish_tick(&mut self) -> [u64; Encapsulation::COUNT] {
        std::mem::replace(&mut self.unopened, [0; Encapsulation::COUNT])
    }

    /// Whether outer headers are to be counted.
    pub(super) fn has_outer(&self) -> bool {
        self.filled > 0
    }

    /// Adds an outer header; returns whether the batch is full.
    pub(super) fn push(&mut self, packet: Packet) -> bool {
        if let Some(slot) = self.outer.get_mut(self.filled) {
            *slot = packet;
            self.filled += 1;
        }
        self.filled == BATCH
    }

    /// Takes the outer headers: a batch, and how many packets of it.
    pub(super) fn take_outer(&mut self) -> ([Packet; BATCH], usize) {
        (*self.outer, std::mem::take(&mut self.filled))
    }
}

/// Replaces `packet`, the innermost one, by the innermost that is from or to us. Returns those around it that are.
pub(super) fn choose<'a>(
    packet: &mut Packet,
    outer: &'a OuterHeaders,
    networks: &'a Networks,
) -> impl Iterator<Item = Packet> + use<'a> {
    let is_ours = |packet: &Packet| {
        networks.is_unknown() || networks.contains(packet.destination) || networks.contains(packet.source)
    };
    let mut around = outer.packets();
    if !is_ours(packet)
        && let Some(index) = around.iter().rposition(is_ours)
        && let Some(chosen) = around.get(index)
    {
        // The timestamp may have been corrected.
        *packet = Packet { time: packet.time, anomaly: chosen.anomaly.or(packet.anomaly), ..*chosen };
        around = around.get(..index).unwrap_or_default();
    }
    let time = packet.time;
    around.iter().filter(move |packet| is_ours(packet)).map(move |packet| Packet { time, ..*packet })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::capture::{Frame, FrameDirection, LinkType};
    use crate::packet::{Class, Decoder, Tunnels};
    use etherparse::{IpNumber, PacketBuilder};

    const FOREIGN: [u8; 4] = [198, 51, 100, 9];
    const ELSEWHERE: [u8; 4] = [192, 0, 2, 12];
    const OURS: [u8; 4] = [203, 0, 113, 7];
    const OTHER: [u8; 4] = [203, 0, 113, 8];

    /// A datagram inside IP in IP, headers outermost first; the class that counts, and how many around it do.
    fn counted(headers: &[([u8; 4], [u8; 4])], networks: &[&str]) -> (Class, [u8; 4], usize) {
        let mut data = Vec::new();
        for (level, (source, destination)) in headers.iter().rev().enumerate() {
            let payload = std::mem::take(&mut data);
            let builder = PacketBuilder::ipv4(*source, *destination, 64);
            if level == 0 {
                builder.udp(4000, 9).write(&mut data, &[0; 20]).unwrap();
            } else {
                builder.write(&mut data, IpNumber::IPV4, &payload).unwrap();
            }
        }
        let frame = Frame {
            time: Timestamp::from_nanos(1),
            data: &data,
            wire_len: data.len() as u32,
            link: LinkType::RawIp,
            direction: FrameDirection::Unknown,
            interface: 0,
            vlan: None,
            segments: 1,
            sampled: 1,
        };
        let (mut packet, mut outer) = (Packet::default(), OuterHeaders::default());
        Decoder { tunnels: Tunnels::Inner }.decode_into(&frame, &mut packet, &mut outer);
        assert_eq!((packet.is_inner, outer.packets().len()), (headers.len() > 1, headers.len() - 1));
        packet.time = Timestamp::from_nanos(2);
        let networks = Networks::new(networks.iter().map(|network| network.parse().unwrap()));
        let around: Vec<Packet> = choose(&mut packet, &outer, &networks).collect();
        assert!(around.iter().chain([&packet]).all(|packet| packet.time == Timestamp::from_nanos(2)));
        (packet.class, (packet.destination.bits() as u32).to_be_bytes(), around.len())
    }

    #[test]
    fn the_innermost_header_of_ours_counts_and_those_of_ours_around_it() {
        let ours = &["203.0.113.0/24"][..];
        let transit = (FOREIGN, ELSEWHERE);
        for (headers, expected) in [
            (&[transit, (FOREIGN, OURS)][..], (Class::Udp, OURS, 0)),
            (&[(FOREIGN, OTHER), (FOREIGN, OURS)], (Class::Udp, OURS, 1)),
            (&[(FOREIGN, OURS), transit], (Class::IpTunnel, OURS, 0)),
            (&[(OURS, FOREIGN), transit], (Class::IpTunnel, FOREIGN, 0)),
            (&[transit, (FOREIGN, OURS), transit], (Class::IpTunnel, OURS, 0)),
            (&[(FOREIGN, OTHER), (FOREIGN, OURS), transit], (Class::IpTunnel, OURS, 1)),
            (&[transit, transit], (Class::Udp, ELSEWHERE, 0)),
        ] {
            assert_eq!(counted(headers, ours), expected, "{headers:?}");
        }
        assert_eq!(counted(&[transit, (FOREIGN, OURS)], &[]), (Class::Udp, OURS, 1), "every address may be ours");
    }
}
