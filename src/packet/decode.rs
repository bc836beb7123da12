//! Decode: one frame in, one [`Packet`] out.

use super::link::Network;
use super::{Anomaly, Class, Packet, common, control, ip, link};
use crate::capture::{Frame, LinkType, Vlan};

/// Whose addresses a tunnelled packet is counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tunnels {
    /// The outer header's: who talks to whom on this wire.
    #[default]
    Outer,
    /// The innermost header's, through GRE (RFC 2784, 2890), IP in IP (RFC 2003), 6in4 (RFC 4213) and VXLAN (RFC 7348):
    /// for mirror ports and monitoring tunnels. Length stays that of the whole frame.
    Inner,
}

/// Tunnels in tunnels before we stop following.
const MAX_TUNNELS: usize = 4;

/// Turns frames into packets. Holds configuration only: the same frame always gives the same packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    pub tunnels: Tunnels,
}

impl Decoder {
    #[inline]
    pub fn decode(&self, frame: &Frame<'_>) -> Packet {
        let mut packet = begin(frame);
        self.decode_into(frame, &mut packet);
        packet
    }

    /// The same, written where the packet is to stay.
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

    /// The same without the short path, for the test that holds both equal.
    #[doc(hidden)]
    pub fn decode_lax(&self, frame: &Frame<'_>) -> Packet {
        let mut packet = begin(frame);
        let rest = read(frame.link, frame.data, &mut packet, false);
        packet.payload_at = payload_start(frame.data, rest);
        packet.is_control = control::is_control(&packet);
        packet
    }
}

/// What the source knows of a frame. A tag that it tells of is the outermost: tags in the octets come after it.
#[inline]
fn begin(frame: &Frame<'_>) -> Packet {
    Packet {
        vlan: frame.vlan.map_or(0, Vlan::id),
        segments: frame.segments,
        ..Packet::empty(frame.time, frame.wire_len, frame.interface, frame.direction)
    }
}

/// Where the payload, a part of the frame, starts in it; the frame's length where there is none. Told by the addresses:
/// padding may follow the payload, so its distance from the end says nothing.
#[inline]
fn payload_start(frame: &[u8], payload: Option<&[u8]>) -> u16 {
    let start = match payload {
        Some(payload) if !payload.is_empty() => payload.as_ptr().addr().wrapping_sub(frame.as_ptr().addr()),
        _ => frame.len(),
    };
    start.min(frame.len()).min(usize::from(u16::MAX)) as u16
}

#[inline]
fn read<'a>(link: LinkType, data: &'a [u8], packet: &mut Packet, short_path: bool) -> Option<&'a [u8]> {
    match link::open(link, data, packet) {
        Network::Done(rest) => Some(rest),
        Network::Ip(data, announced) => {
            let matches = announced.is_none_or(|version| data.first().is_some_and(|first| first >> 4 == version));
            let payload = match short_path && matches {
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

/// Goes into tunnels as deep as they lead, keeping the outer packet where the inner one cannot be read.
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
        let mut deeper = Packet::empty(packet.time, packet.wire_len, packet.interface, packet.direction);
        (deeper.vlan, deeper.segments) = (packet.vlan, packet.segments);
        let next = read(link, inner, &mut deeper, true);
        if !deeper.has_ip {
            return rest;
        }
        // Stations are those of this wire, whoever talks inside.
        deeper.source_mac = packet.source_mac;
        deeper.destination_mac = packet.destination_mac;
        *packet = deeper;
        rest = next;
    }
    packet.anomaly = packet.anomaly.or(Some(Anomaly::EncapsulationTooDeep));
    rest
}

/// The payload behind a GRE header of version 0, where it is something that we follow.
fn gre(data: &[u8]) -> Option<(LinkType, &[u8])> {
    let (&[flags, version, p0, p1], rest) = data.split_first_chunk::<4>()?;
    if version & 0x07 != 0 {
        return None;
    }
    // Checksum, key and sequence number are four octets each where present.
    let optional = [0x80, 0x20, 0x10].iter().filter(|&&bit| flags & bit != 0).count() * 4;
    let inner = rest.get(optional..)?;
    match u16::from_be_bytes([p0, p1]) {
        0x0800 | 0x86dd => Some((LinkType::RawIp, inner)),
        0x6558 => Some((LinkType::Ethernet, inner)),
        _ => None,
    }
}
