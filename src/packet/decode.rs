//! Decodes one frame to one [`Packet`].

use super::link::Network;
use super::{Anomaly, Class, Packet, common, control, ip, link};
use crate::base::Timestamp;
use crate::capture::{Frame, FrameDirection, LinkType, Vlan};

/// Which addresses a tunnelled packet is counted under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tunnels {
    /// Those of the outer header: the endpoints on this network.
    #[default]
    Outer,
    /// Those of the innermost header, through GRE (RFC 2784, 2890), IP in IP (RFC 2003), 6in4 (RFC 4213) and VXLAN (RFC
    /// 7348): for mirror ports and monitoring tunnels. The length remains that of the whole frame.
    Inner,
}

/// Maximum nested tunnels that are followed.
const MAX_TUNNELS: usize = 4;

/// Decodes frames to packets. It contains only configuration: the same frame always gives the same packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    /// Which addresses tunnelled packets are counted under.
    pub tunnels: Tunnels,
}

impl Decoder {
    /// Decodes one frame.
    #[inline]
    pub fn decode(&self, frame: &Frame<'_>) -> Packet {
        let mut packet = begin(frame);
        self.decode_into(frame, &mut packet);
        packet
    }

    /// Decodes one frame into an existing record, which saves a copy.
    #[inline]
    pub fn decode_into(&self, frame: &Frame<'_>, packet: &mut Packet) {
        if self.tunnels != Tunnels::Outer || !common::decode(frame, packet) {
            self.decode_any(frame, packet);
        }
    }

    fn decode_any(&self, frame: &Frame<'_>, packet: &mut Packet) {
        *packet = begin(frame);
        let mut rest = read(frame.link, frame.data, packet, true);
        if self.tunnels == Tunnels::Inner {
            rest = follow(rest, packet);
        }
        packet.payload_at = payload_start(frame.data, rest);
        packet.is_control = control::is_control(packet);
    }

    /// Decodes without the fast paths, for the test that compares both.
    #[doc(hidden)]
    pub fn decode_lax(&self, frame: &Frame<'_>) -> Packet {
        let mut packet = begin(frame);
        let rest = read(frame.link, frame.data, &mut packet, false);
        packet.payload_at = payload_start(frame.data, rest);
        packet.is_control = control::is_control(&packet);
        packet
    }
}

/// The packet that an ICMP error quotes: addresses, protocol and ports of what is there of it (RFC 792: 8 octets of its
/// payload; RFC 4443 §2.4: as much as fits). `None` if there is no IP header.
pub fn quoted(message: &[u8]) -> Option<Packet> {
    let mut packet = Packet::empty(Timestamp::ZERO, 0, 0, FrameDirection::Unknown);
    read(LinkType::RawIp, message, &mut packet, true);
    packet.has_ip.then_some(packet)
}

/// The packet with the frame's metadata only. A VLAN tag in the metadata is the outermost one: any tags in the octets
/// follow it.
#[inline]
fn begin(frame: &Frame<'_>) -> Packet {
    Packet {
        vlan: frame.vlan.map_or(0, Vlan::id),
        segments: frame.segments,
        ..Packet::empty(frame.time, frame.wire_len, frame.interface, frame.direction)
    }
}

/// Offset of the payload, a subslice of the frame; the frame's length if there is none. It is computed from the
/// addresses of the slices: padding may follow the payload, so its length does not give the offset.
#[inline]
fn payload_start(frame: &[u8], payload: Option<&[u8]>) -> u16 {
    let start = match payload {
        Some(payload) if !payload.is_empty() => payload.as_ptr().addr().wrapping_sub(frame.as_ptr().addr()),
        _ => frame.len(),
    };
    start.min(frame.len()).min(usize::from(u16::MAX)) as u16
}

#[inline]
fn read<'a>(link: LinkType, data: &'a [u8], packet: &mut Packet, fast_path: bool) -> Option<&'a [u8]> {
    match link::open(link, data, packet) {
        Network::Done(rest) => Some(rest),
        Network::Ip(data, announced) => {
            let matches = announced.is_none_or(|version| data.first().is_some_and(|first| first >> 4 == version));
            let payload = match fast_path && matches {
                true => match ip::fast(data, packet) {
                    Some(payload) => Some(payload),
                    None => ip::lax(data, announced, packet),
                },
                false => ip::lax(data, announced, packet),
            };
            payload.map(|payload| ip::transport(payload, packet))
        }
    }
}

/// Follows tunnels to the innermost packet. Keeps the outer packet if the inner one cannot be parsed.
fn follow<'a>(mut rest: Option<&'a [u8]>, packet: &mut Packet) -> Option<&'a [u8]> {
    for _ in 0..MAX_TUNNELS {
        let Some(data) = rest else { return rest };
        let (link, inner) = match packet.class {
            Class::IpTunnel if matches!(packet.protocol, 4 | 41) => (LinkType::RawIp, data),
            Class::Gre => match gre(data) {
                Some(inner) => inner,
                None => {
                    packet.anomaly = packet.anomaly.or(Some(Anomaly::GreInvalid));
                    return rest;
                }
            },
            Class::Udp if packet.destination_port == 4789 => match data.split_first_chunk::<8>() {
                Some((&[flags, ..], inner)) if flags & 0x08 != 0 => (LinkType::Ethernet, inner),
                _ => {
                    packet.anomaly = packet.anomaly.or(Some(Anomaly::VxlanInvalid));
                    return rest;
                }
            },
            _ => return rest,
        };
        let mut inner_packet = Packet::empty(packet.time, packet.wire_len, packet.interface, packet.direction);
        (inner_packet.vlan, inner_packet.segments) = (packet.vlan, packet.segments);
        let next = read(link, inner, &mut inner_packet, true);
        if !inner_packet.has_ip {
            return rest;
        }
        // The stations remain those of this link.
        inner_packet.source_mac = packet.source_mac;
        inner_packet.destination_mac = packet.destination_mac;
        *packet = inner_packet;
        rest = next;
    }
    packet.anomaly = packet.anomaly.or(Some(Anomaly::EncapsulationTooDeep));
    rest
}

/// The payload of a GRE header of version 0, if it is of a supported type.
fn gre(data: &[u8]) -> Option<(LinkType, &[u8])> {
    let (&[flags, version, p0, p1], rest) = data.split_first_chunk::<4>()?;
    if version & 0x07 != 0 {
        return None;
    }
    // Checksum, key and sequence number have four octets each if present.
    let optional = [0x80, 0x20, 0x10].iter().filter(|&&bit| flags & bit != 0).count() * 4;
    let inner = rest.get(optional..)?;
    match u16::from_be_bytes([p0, p1]) {
        0x0800 | 0x86dd => Some((LinkType::RawIp, inner)),
        0x6558 => Some((LinkType::Ethernet, inner)),
        _ => None,
    }
}
