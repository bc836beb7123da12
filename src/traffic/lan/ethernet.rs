//! Builds whole frames: ARP and RARP, spanning tree, and IP with the protocols used on a LAN.

use super::super::checksum::{fold, pseudo_sum, put, sum};
use super::super::frames::{TCP, UDP, mac_for};
use super::station::{Station, UNSPECIFIED_V4};
use crate::base::{Addr, Mac};

pub(crate) const ARP: u16 = 0x0806;
pub(crate) const REQUEST: u16 = 1;
pub(crate) const REPLY: u16 = 2;

const IGMP: u8 = 2;
const ICMPV6: u8 = 58;
const VRRP: u8 = 112;

pub(crate) fn frame(from: Mac, to: Mac, ether_type: u16, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(14 + content.len());
    out.extend(to.0);
    out.extend(from.0);
    out.extend(ether_type.to_be_bytes());
    out.extend_from_slice(content);
    out
}

const fn v4(address: Addr) -> [u8; 4] {
    (address.bits() as u32).to_be_bytes()
}

/// ARP (RFC 826). `from` and `to` are the addresses of the frame and may differ from those in the message.
pub(crate) fn arp((from, to): (Mac, Mac), operation: u16, sender: (Mac, Addr), target: (Mac, Addr)) -> Vec<u8> {
    let mut content = vec![0, 1, 8, 0, 6, 4];
    content.extend(operation.to_be_bytes());
    content.extend(sender.0.0);
    content.extend(v4(sender.1));
    content.extend(target.0.0);
    content.extend(v4(target.1));
    frame(from, to, ARP, &content)
}

/// Broadcast request of `station` for `wanted`.
pub(crate) fn who_has(station: &Station, wanted: Addr) -> Vec<u8> {
    arp((station.mac, Mac::BROADCAST), REQUEST, (station.mac, station.v4), (Mac::ZERO, wanted))
}

/// Reply of `sender` to one station.
pub(crate) fn is_at(sender: (Mac, Addr), to: (Mac, Addr)) -> Vec<u8> {
    arp((sender.0, to.0), REPLY, sender, to)
}

/// ARP probe for `wanted` (RFC 5227 §2.1.1).
pub(crate) fn probe(mac: Mac, wanted: Addr) -> Vec<u8> {
    arp((mac, Mac::BROADCAST), REQUEST, (mac, UNSPECIFIED_V4), (Mac::ZERO, wanted))
}

/// ARP announcement: a request for the own address (RFC 5227 §2.3; also arping -U, Linux with arp_notify).
pub(crate) fn announcement(mac: Mac, address: Addr) -> Vec<u8> {
    arp((mac, Mac::BROADCAST), REQUEST, (mac, address), (Mac::ZERO, address))
}

/// Gratuitous ARP as a broadcast reply (arping -A, keepalived, arpspoof without a target).
pub(crate) fn gratuitous(mac: Mac, address: Addr) -> Vec<u8> {
    arp((mac, Mac::BROADCAST), REPLY, (mac, address), (Mac::BROADCAST, address))
}

/// RARP "request reverse" for the own address (RFC 903), which QEMU sends for a migrated guest.
pub(crate) fn rarp(mac: Mac) -> Vec<u8> {
    let mut content = vec![0, 1, 8, 0, 6, 4, 0, 3];
    for part in [&mac.0[..], &[0; 4], &mac.0[..], &[0; 4]] {
        content.extend_from_slice(part);
    }
    frame(mac, Mac::BROADCAST, 0x8035, &content)
}

/// A configuration BPDU (IEEE 802.1D §9.3.1) in which `bridge` names `root` with this priority as the root.
pub(crate) fn bpdu(bridge: Mac, (priority, root): (u16, Mac), cost: u32) -> Vec<u8> {
    // LLC: both service access points 0x42, unnumbered information; then protocol 0, version 0, type 0, flags 0.
    let mut content = vec![0x42, 0x42, 3, 0, 0, 0, 0, 0];
    content.extend(priority.to_be_bytes());
    content.extend(root.0);
    content.extend(cost.to_be_bytes());
    content.extend(if cost == 0 { priority } else { 0x8000 }.to_be_bytes());
    content.extend(bridge.0);
    // Port 0x8001; age, maximum age 20, hello 2 and delay 15, in 1/256 seconds.
    content.extend([0x80, 1, u8::from(cost > 0), 0, 20, 0, 2, 0, 15, 0]);
    let length = content.len() as u16;
    content.resize(46, 0);
    frame(bridge, Mac([1, 0x80, 0xc2, 0, 0, 0]), length, &content)
}

/// Addresses and IP header fields of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) from: Mac,
    pub(crate) to: Mac,
    pub(crate) source: Addr,
    pub(crate) target: Addr,
    pub(crate) ttl: u8,
    /// IPv4 identification.
    pub(crate) id: u16,
}

impl Path {
    pub(crate) const fn new((from, source): (Mac, Addr), (to, target): (Mac, Addr), id: u16) -> Path {
        Path { from, to, source, target, ttl: 64, id }
    }

    /// To a multicast or broadcast address, at its MAC address (RFC 1112, RFC 2464).
    pub(crate) const fn group(sender: (Mac, Addr), group: Addr, id: u16) -> Path {
        Path::new(sender, (mac_for(group), group), id)
    }

    pub(crate) fn udp(&self, (source, target): (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(8 + payload.len());
        body.extend(source.to_be_bytes());
        body.extend(target.to_be_bytes());
        body.extend((8 + payload.len() as u16).to_be_bytes());
        body.extend([0, 0]);
        body.extend_from_slice(payload);
        self.ip(UDP, Some(6), body)
    }

    /// A TCP segment with these flags and window 512, as in the examples of libnet.
    pub(crate) fn tcp(&self, (source, target): (u16, u16), (flags, sequence): (u8, u32), payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(20 + payload.len());
        body.extend(source.to_be_bytes());
        body.extend(target.to_be_bytes());
        body.extend(sequence.to_be_bytes());
        body.extend([0, 0, 0, 0, 0x50, flags, 2, 0, 0, 0, 0, 0]);
        body.extend_from_slice(payload);
        self.ip(TCP, Some(16), body)
    }

    /// An ICMPv6 message with its checksum; multicast listener reports with a router alert option (RFC 3810 §5).
    pub(crate) fn icmpv6(&self, message: Vec<u8>) -> Vec<u8> {
        self.ip(ICMPV6, Some(2), message)
    }

    /// An IGMPv2 membership report (RFC 2236) for the group that is its destination.
    pub(crate) fn igmp_report(&self) -> Vec<u8> {
        let mut body = vec![0x16, 0, 0, 0];
        body.extend(v4(self.target));
        Path { ttl: 1, ..*self }.ip(IGMP, Some(2), body)
    }

    /// An IGMPv3 report (RFC 3376 §4.2) that `group` is joined: CHANGE_TO_EXCLUDE_MODE without sources.
    pub(crate) fn igmp3_report(&self, group: Addr) -> Vec<u8> {
        let mut body = vec![0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0];
        body.extend(v4(group));
        Path { ttl: 1, ..*self }.ip(IGMP, Some(2), body)
    }

    /// An IGMPv2 general membership query.
    pub(crate) fn igmp_query(&self) -> Vec<u8> {
        Path { ttl: 1, ..*self }.ip(IGMP, Some(2), vec![0x11, 100, 0, 0, 0, 0, 0, 0])
    }

    /// A VRRP version 2 advertisement (RFC 3768 §5.3) for one address, as keepalived sends it.
    pub(crate) fn vrrp(&self, router: u8, priority: u8, address: Addr) -> Vec<u8> {
        let mut body = vec![0x21, router, priority, 1, 0, 1, 0, 0];
        body.extend(v4(address));
        body.extend([0; 8]);
        Path { ttl: 255, ..*self }.ip(VRRP, Some(6), body)
    }

    /// IP header and body; the checksum is `checksum_at` octets into the body.
    fn ip(&self, protocol: u8, checksum_at: Option<usize>, mut body: Vec<u8>) -> Vec<u8> {
        if let Some(at) = checksum_at {
            let plain = matches!(protocol, IGMP | VRRP);
            let pseudo = if plain { 0 } else { pseudo_sum(self.source, self.target, protocol, body.len()) };
            let checksum = match !fold(pseudo + sum(&body)) {
                // Zero would mean "none" in UDP (RFC 768).
                0 if protocol == UDP => 0xffff,
                checksum => checksum,
            };
            put(&mut body, at, checksum);
        }
        if self.source.is_v4() {
            let mut header = vec![0x45, 0];
            header.extend((20 + body.len() as u16).to_be_bytes());
            header.extend(self.id.to_be_bytes());
            header.extend([0, 0, self.ttl, protocol, 0, 0]);
            header.extend(v4(self.source));
            header.extend(v4(self.target));
            let checksum = !fold(sum(&header));
            put(&mut header, 10, checksum);
            header.extend(body);
            return frame(self.from, self.to, 0x0800, &header);
        }
        let listener = protocol == ICMPV6 && body.first() == Some(&143);
        let alert: &[u8] = if listener { &[ICMPV6, 0, 5, 2, 0, 0, 1, 0] } else { &[] };
        let mut header = vec![0x60, 0, 0, 0];
        header.extend((alert.len() as u16 + body.len() as u16).to_be_bytes());
        header.extend([if listener { 0 } else { protocol }, if listener { 1 } else { self.ttl }]);
        header.extend(self.source.bits().to_be_bytes());
        header.extend(self.target.bits().to_be_bytes());
        header.extend_from_slice(alert);
        header.extend(body);
        frame(self.from, self.to, 0x86dd, &header)
    }
}

#[cfg(test)]
mod tests {
    use super::super::station::inside;
    use super::*;
    use etherparse::{ArpPacketSlice, NetSlice, SlicedPacket};

    fn with_arp(frame: &[u8], look: impl Fn(&ArpPacketSlice<'_>)) {
        match SlicedPacket::from_ethernet(frame).expect("sound").net {
            Some(NetSlice::Arp(arp)) => look(&arp),
            other => panic!("no ARP: {other:?}"),
        }
    }

    #[test]
    fn arp_names_sender_and_target() {
        let station = Station::host(7);
        with_arp(&who_has(&station, inside(1)), |arp| {
            assert_eq!((arp.operation().0, arp.sender_hw_addr()), (REQUEST, &station.mac.0[..]));
            assert_eq!(
                (arp.sender_protocol_addr(), arp.target_protocol_addr()),
                (&[203, 0, 113, 7][..], &[203, 0, 113, 1][..])
            );
        });
        with_arp(&is_at((station.mac, inside(1)), (Mac::ZERO, inside(9))), |arp| assert_eq!(arp.operation().0, REPLY));
        with_arp(&probe(station.mac, inside(9)), |arp| assert_eq!(arp.sender_protocol_addr(), [0; 4]));
        for frame in [announcement(station.mac, station.v4), gratuitous(station.mac, station.v4)] {
            assert_eq!(frame[..6], [0xff; 6]);
            with_arp(&frame, |arp| assert_eq!(arp.sender_protocol_addr(), arp.target_protocol_addr()));
        }
        assert_eq!(rarp(station.mac)[12..22], [0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3]);
    }

    #[test]
    fn bpdus_are_802_3_frames_with_llc() {
        let switch = Mac([2, 0, 0, 0, 0, 0x5a]);
        let frame = bpdu(switch, (4096, Mac([2, 0, 0, 0, 0, 1])), 4);
        assert_eq!((frame.len(), &frame[12..17]), (60, &[0, 38, 0x42, 0x42, 3][..]));
        assert_eq!(frame[..6], [1, 0x80, 0xc2, 0, 0, 0]);
        assert_eq!(frame[22..30], [0x10, 0, 2, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn groups_have_their_macs_and_checksums_hold() {
        let station = Station::host(2);
        let group = Addr::from_v4_bits(0xe000_0012);
        let frame = Path::group((station.mac, station.v4), group, 0).vrrp(51, 100, inside(1));
        assert_eq!((&frame[..6], frame[22], frame[23]), (&[1, 0, 0x5e, 0, 0, 0x12][..], 255, VRRP));
        assert_eq!(frame[34..38], [0x21, 51, 100, 1]);
        assert_eq!(fold(sum(&frame[34..])), 0xffff);
        let frame = Path::group((station.mac, station.v4), Addr::from_v4_bits(0xef01_0101), 0).igmp_report();
        assert_eq!((frame[22], fold(sum(&frame[34..]))), (1, 0xffff));
        let routers = Addr::from_v4_bits(0xe000_0016);
        let frame = Path::group((station.mac, station.v4), routers, 0).igmp3_report(group);
        assert_eq!((&frame[34..36], &frame[42..50]), (&[0x22, 0][..], &[4, 0, 0, 0, 0xe0, 0, 0, 0x12][..]));
        assert_eq!(fold(sum(&frame[34..])), 0xffff);
    }
}
