//! Network and transport layers.
//!
//! Two parsers give the same [`Packet`]: [`fast`] parses the layouts of nearly all traffic (IPv4 without options or
//! fragmentation, IPv6 without extension headers) and nothing else; [`lax`] parses everything, with etherparse. A
//! property test ensures that their results are equal.

use super::{Anomaly, App, Class, Packet, amplifier, class, extension, protocol};
use crate::base::{Addr, Mac};
use etherparse::LaxIpv4Slice;

/// The payload of an IP packet: its captured part, and its length according to the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    pub(super) data: &'a [u8],
    pub(super) claimed: usize,
}

/// Parses common layouts only; on `None` the packet is unchanged, and [`lax`] must parse it.
#[inline]
pub(super) fn fast<'a>(data: &'a [u8], packet: &mut Packet) -> Option<Payload<'a>> {
    match data.first()? {
        0x45 => {
            let (head, rest) = data.split_first_chunk::<20>()?;
            let [_, _, l0, l1, _, _, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *head;
            let claimed = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(20)?;
            // More-fragments flag and fragment offset; protocol 51 is an authentication header, which etherparse
            // follows.
            if u16::from_be_bytes([f0, f1]) & 0x3fff != 0 || protocol == 51 {
                return None;
            }
            packet.source = Addr::from_v4_bits(u32::from_be_bytes([s0, s1, s2, s3]));
            packet.destination = Addr::from_v4_bits(u32::from_be_bytes([d0, d1, d2, d3]));
            packet.ttl = ttl;
            packet.protocol = protocol;
            packet.ip_len = u16::from_be_bytes([l0, l1]);
            packet.has_ip = true;
            // Ethernet pads short frames: octets beyond the claimed length are not payload.
            Some(Payload { data: rest.get(..claimed).unwrap_or(rest), claimed })
        }
        0x60..=0x6f => {
            let (head, rest) = data.split_first_chunk::<40>()?;
            let (fixed, addresses) = head.split_first_chunk::<8>()?;
            let [_, _, _, _, l0, l1, next, hops] = *fixed;
            let (source, destination) = addresses.split_first_chunk::<16>()?;
            let destination = destination.first_chunk::<16>()?;
            let claimed = usize::from(u16::from_be_bytes([l0, l1]));
            // Only next headers that end the chain; a length of zero is a jumbogram or a segmentation-offload packet.
            if claimed == 0 || !matches!(next, protocol::TCP | protocol::UDP | protocol::ICMPV6 | protocol::GRE) {
                return None;
            }
            packet.source = Addr::from_v6_bits(u128::from_be_bytes(*source));
            packet.destination = Addr::from_v6_bits(u128::from_be_bytes(*destination));
            packet.ttl = hops;
            packet.protocol = next;
            packet.ip_len = clamp(claimed + 40);
            packet.has_ip = true;
            Some(Payload { data: rest.get(..claimed).unwrap_or(rest), claimed })
        }
        _ => None,
    }
}

/// Parses any IP packet, however malformed: keeps what can be parsed and records the anomaly that stopped it. `None` if
/// there is no payload to parse (a later fragment, or an invalid header).
pub(super) fn lax<'a>(data: &'a [u8], announced: Option<u8>, packet: &mut Packet) -> Option<Payload<'a>> {
    packet.class = Class::IpOther;
    let version = data.first().map(|first| first >> 4);
    if let (Some(announced), Some(version)) = (announced, version)
        && announced != version
    {
        packet.anomaly = Some(Anomaly::IpVersionMismatch);
        packet.class = Class::Unparsed;
        return None;
    }
    match version {
        Some(6) => lax_v6(data, packet),
        _ => lax_v4(data, packet),
    }
}

fn lax_v4<'a>(data: &'a [u8], packet: &mut Packet) -> Option<Payload<'a>> {
    let (v4, stopped) = match LaxIpv4Slice::from_slice(data) {
        Ok(parsed) => parsed,
        Err(error) => {
            packet.class = Class::Unparsed;
            packet.anomaly = Some(match (data.first().map(|first| first >> 4), error) {
                (Some(4) | None, etherparse::err::ipv4::HeaderSliceError::Len(_)) => Anomaly::Ipv4Truncated,
                (Some(4), _) => Anomaly::Ipv4HeaderInvalid,
                (_, _) => Anomaly::IpVersionMismatch,
            });
            return None;
        }
    };
    packet.has_ip = true;
    let (header, payload) = (v4.header(), v4.payload());
    packet.protocol = payload.ip_number.0;
    packet.source = Addr::from_v4_bits(u32::from_be_bytes(header.source()));
    packet.destination = Addr::from_v4_bits(u32::from_be_bytes(header.destination()));
    packet.ttl = header.ttl();
    let total = usize::from(header.total_len());
    // Segmentation offload leaves the total length zero.
    packet.ip_len = if total == 0 { clamp(data.len()) } else { header.total_len() };
    let claimed = if total < header.slice().len() {
        // Segmentation offload leaves the total length zero; the captured length is then the best estimate.
        if total != 0 {
            packet.anomaly = Some(Anomaly::Ipv4HeaderInvalid);
        }
        payload.payload.len()
    } else {
        let extensions = v4.extensions().auth.as_ref().map_or(0, |auth| auth.slice().len());
        total.saturating_sub(header.slice().len().saturating_add(extensions))
    };
    if stopped.is_some() {
        // The chain ended before the transport header: the rest cannot be interpreted.
        packet.anomaly = Some(Anomaly::AuthHeaderInvalid);
        return None;
    }
    if header.fragments_offset().value() != 0 {
        packet.class = Class::Fragment;
        packet.payload_len = clamp(claimed);
        return None;
    }
    packet.first_fragment = payload.fragmented;
    Some(Payload { data: payload.payload, claimed })
}

fn lax_v6<'a>(data: &'a [u8], packet: &mut Packet) -> Option<Payload<'a>> {
    let Some((head, rest)) = data.split_first_chunk::<40>() else {
        packet.class = Class::Unparsed;
        packet.anomaly = Some(Anomaly::Ipv6Truncated);
        return None;
    };
    let [_, _, _, _, l0, l1, next, hops, addresses @ ..] = head;
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    packet.has_ip = true;
    packet.source = Addr::from_v6_bits(u128::from_be_bytes(*source));
    packet.destination = Addr::from_v6_bits(u128::from_be_bytes(*destination.first_chunk()?));
    packet.ttl = *hops;
    // A length of zero is a jumbogram (RFC 2675) or a segmentation-offload packet.
    let length = match usize::from(u16::from_be_bytes([*l0, *l1])) {
        0 => rest.len(),
        length => length,
    };
    packet.ip_len = clamp(length + 40);
    let rest = rest.get(..length).unwrap_or(rest);
    let chain = extension::walk(*next, rest);
    packet.protocol = chain.protocol;
    let claimed = length.saturating_sub(chain.length);
    if chain.broken.is_some() || chain.later_fragment {
        packet.anomaly = chain.broken;
        // Headers that continue in the next fragment (RFC 7112): this one has no ports either.
        if chain.first_fragment || chain.later_fragment {
            packet.class = Class::Fragment;
            packet.payload_len = clamp(claimed);
        }
        return None;
    }
    packet.first_fragment = chain.first_fragment;
    Some(Payload { data: rest.get(chain.length..).unwrap_or_default(), claimed })
}

/// Parses the transport header; returns the captured transport payload.
#[inline]
pub(super) fn transport<'a>(payload: Payload<'a>, packet: &mut Packet) -> &'a [u8] {
    match packet.protocol {
        protocol::TCP => {
            let body = tcp(payload, packet);
            mark_land(packet);
            body
        }
        protocol::UDP => {
            let body = udp(payload, packet);
            mark_land(packet);
            body
        }
        protocol::ICMP => icmp(payload, packet, Class::of_icmp, Anomaly::IcmpTruncated, Class::IcmpOther),
        protocol::ICMPV6 => icmp(payload, packet, Class::of_icmpv6, Anomaly::Icmpv6Truncated, Class::Icmpv6Other),
        other => {
            packet.class = match other {
                protocol::GRE => Class::Gre,
                protocol::IPV4 | protocol::IPV6 => Class::IpTunnel,
                protocol::ESP | protocol::ETHERIP | protocol::PIM | protocol::L2TP => Class::IpTunnel,
                _ => Class::IpOther,
            };
            packet.payload_len = clamp(payload.claimed);
            payload.data
        }
    }
}

/// Whether the destination is a multicast or broadcast address. Directed broadcasts of unknown networks are recognised
/// by a broadcast MAC and an address that ends in 255, as nearly all do. The MAC alone is not enough: tools that write
/// captures use the broadcast MAC if they know no other.
fn is_to_group(packet: &Packet) -> bool {
    let ends_in_ones = packet.destination.is_v4() && packet.destination.bits() as u8 == 0xff;
    packet.destination.is_group_or_none() || (ends_in_ones && packet.destination_mac == Mac::BROADCAST)
}

/// A TCP segment or UDP datagram whose source equals its destination has a separate class and is never an amplifier's.
#[inline]
fn mark_land(packet: &mut Packet) {
    if packet.source == packet.destination
        && packet.source_port == packet.destination_port
        && class::is_land(packet.source, packet.protocol, packet.source_port)
    {
        packet.class = Class::Land;
        packet.reply_of = None;
        packet.request_to = None;
    }
}

#[inline]
fn clamp(length: usize) -> u16 {
    length.min(usize::from(u16::MAX)) as u16
}

/// Reads the ports, even if the rest of the header was not captured.
#[inline]
fn ports(data: &[u8], packet: &mut Packet) {
    if let Some(&[s0, s1, d0, d1]) = data.first_chunk::<4>() {
        packet.source_port = u16::from_be_bytes([s0, s1]);
        packet.destination_port = u16::from_be_bytes([d0, d1]);
    }
}

#[inline]
fn tcp<'a>(payload: Payload<'a>, packet: &mut Packet) -> &'a [u8] {
    ports(payload.data, packet);
    let Some(&[_, _, _, _, _, _, n0, n1, _, _, k0, k1, offset, flags]) = payload.data.first_chunk::<14>() else {
        packet.class = Class::TcpOther;
        packet.anomaly = packet.anomaly.or(Some(Anomaly::TcpTruncated));
        return &[];
    };
    packet.flags = flags;
    packet.sequence = u16::from_be_bytes([n0, n1]);
    packet.acknowledgment = u16::from_be_bytes([k0, k1]);
    let header = usize::from(offset >> 4) * 4;
    if header < 20 {
        packet.anomaly = packet.anomaly.or(Some(Anomaly::TcpOffsetInvalid));
        packet.class = Class::of_tcp(flags, false);
        return &[];
    }
    if payload.claimed < header {
        packet.anomaly = packet.anomaly.or(Some(Anomaly::TcpTruncated));
    }
    packet.payload_len = clamp(payload.claimed.saturating_sub(header));
    packet.class = Class::of_tcp(flags, packet.payload_len > 0);
    let body = payload.data.get(header..).unwrap_or(&[]);
    packet.app = match packet.class {
        Class::TcpData => App::of_tcp(body, packet.payload_len),
        Class::TcpAck if payload.data.get(14..16) == Some(&[0, 0]) => App::ZeroWindow,
        _ => App::None,
    };
    body
}

#[inline]
fn udp<'a>(payload: Payload<'a>, packet: &mut Packet) -> &'a [u8] {
    packet.class = Class::Udp;
    ports(payload.data, packet);
    let Some((&[_, _, _, _, l0, l1, _, _], body)) = payload.data.split_first_chunk::<8>() else {
        packet.anomaly = packet.anomaly.or(Some(Anomaly::UdpTruncated));
        return &[];
    };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let room = payload.claimed.saturating_sub(8);
    packet.payload_len = clamp(room);
    // The length in a first fragment is that of the whole datagram, which exceeds the fragment's payload.
    if length < 8 || (length > payload.claimed && !packet.first_fragment) {
        // Segmentation offload and jumbograms (RFC 2675) leave the length zero.
        if length != 0 {
            packet.anomaly = packet.anomaly.or(Some(Anomaly::UdpLengthInvalid));
        }
    } else {
        packet.payload_len = clamp(room.min(length - 8));
    }
    packet.class = Class::of_udp(packet.source_port, packet.destination_port);
    packet.reply_of = amplifier::reply_of(packet.source_port, packet.payload_len, body);
    packet.request_to = amplifier::Service::of_port(packet.destination_port);
    packet.app = App::of_udp(packet.source_port, packet.destination_port, body);
    body
}

#[inline]
fn icmp<'a>(
    payload: Payload<'a>,
    packet: &mut Packet,
    class: fn(u8) -> Class,
    truncated: Anomaly,
    unknown: Class,
) -> &'a [u8] {
    let Some((&[kind, _, _, _, _, _, _, _], body)) = payload.data.split_first_chunk::<8>() else {
        packet.class = payload.data.first().map_or(unknown, |&kind| class(kind));
        packet.anomaly = packet.anomaly.or(Some(truncated));
        return &[];
    };
    packet.class = class(kind);
    let echo = matches!(packet.class, Class::IcmpEcho | Class::Icmpv6Echo);
    if echo && is_to_group(packet) {
        packet.class = Class::IcmpEchoGroup;
    }
    packet.payload_len = clamp(payload.claimed.saturating_sub(8));
    body
}
