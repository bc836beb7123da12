//! Network and transport layers.
//!
//! Two ways lead to the same [`Packet`]: [`fast`] takes the shapes that make up nearly all traffic (IPv4 without options
//! or fragmentation, IPv6 without extension headers) and gives up on anything else; [`lax`] takes everything, with
//! etherparse. A property test holds them equal.

use super::{Anomaly, Class, Packet, amplifier};
use crate::base::Addr;
use etherparse::{Ipv6ExtensionSlice, LaxIpSlice, err::Layer};

const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_IPV4: u8 = 4;
pub(super) const PROTOCOL_TCP: u8 = 6;
pub(super) const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_IPV6: u8 = 41;
const PROTOCOL_GRE: u8 = 47;
const PROTOCOL_ICMPV6: u8 = 58;

/// What an IP packet carries: the captured part of its payload, and the length that the header claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    pub data: &'a [u8],
    pub claimed: usize,
}

/// Common shapes only; `None` sends the packet to [`lax`] untouched.
#[inline]
pub(super) fn fast<'a>(data: &'a [u8], packet: &mut Packet) -> Option<Payload<'a>> {
    match data.first()? {
        0x45 => {
            let (head, rest) = data.split_first_chunk::<20>()?;
            let [_, _, l0, l1, _, _, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *head;
            let claimed = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(20)?;
            // More-fragments bit and offset; 51 is an authentication header, which etherparse follows.
            if u16::from_be_bytes([f0, f1]) & 0x3fff != 0 || protocol == 51 {
                return None;
            }
            packet.source = Addr::from_v4_bits(u32::from_be_bytes([s0, s1, s2, s3]));
            packet.destination = Addr::from_v4_bits(u32::from_be_bytes([d0, d1, d2, d3]));
            packet.ttl = ttl;
            packet.protocol = protocol;
            packet.has_ip = true;
            // Ethernet pads short frames: what lies beyond the claimed length is not payload.
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
            if claimed == 0 || !matches!(next, PROTOCOL_TCP | PROTOCOL_UDP | PROTOCOL_ICMPV6 | PROTOCOL_GRE) {
                return None;
            }
            packet.source = Addr::from_v6_bits(u128::from_be_bytes(*source));
            packet.destination = Addr::from_v6_bits(u128::from_be_bytes(*destination));
            packet.ttl = hops;
            packet.protocol = next;
            packet.has_ip = true;
            Some(Payload { data: rest.get(..claimed).unwrap_or(rest), claimed })
        }
        _ => None,
    }
}

/// Any IP packet, however odd: keeps what can be read, names what stopped it. `None` where no payload is to be read
/// (a later fragment, or a header that could not be parsed).
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
    let (ip, stopped) = match LaxIpSlice::from_slice(data) {
        Ok(parsed) => parsed,
        Err(error) => {
            packet.class = Class::Unparsed;
            packet.anomaly = Some(match (version, error) {
                (Some(6), _) => Anomaly::Ipv6Truncated,
                (Some(4) | None, etherparse::err::ip::LaxHeaderSliceError::Len(_)) => Anomaly::Ipv4Truncated,
                (Some(4), _) => Anomaly::Ipv4HeaderInvalid,
                (_, _) => Anomaly::IpVersionMismatch,
            });
            return None;
        }
    };
    packet.has_ip = true;
    let slice = ip.payload().clone();
    packet.protocol = slice.ip_number.0;
    let (offset, claimed) = match &ip {
        LaxIpSlice::Ipv4(v4) => {
            let header = v4.header();
            packet.source = Addr::from_v4_bits(u32::from_be_bytes(header.source()));
            packet.destination = Addr::from_v4_bits(u32::from_be_bytes(header.destination()));
            packet.ttl = header.ttl();
            let total = usize::from(header.total_len());
            if total < header.slice().len() {
                // Zero is what segmentation offload leaves there; the captured length is then the best word.
                if total != 0 {
                    packet.anomaly = Some(Anomaly::Ipv4HeaderInvalid);
                }
                (header.fragments_offset().value(), slice.payload.len())
            } else {
                let extensions = v4.extensions().auth.as_ref().map_or(0, |auth| auth.slice().len());
                let headers = header.slice().len().saturating_add(extensions);
                (header.fragments_offset().value(), total.saturating_sub(headers))
            }
        }
        LaxIpSlice::Ipv6(v6) => {
            let header = v6.header();
            packet.source = Addr::from_v6_bits(u128::from_be_bytes(header.source()));
            packet.destination = Addr::from_v6_bits(u128::from_be_bytes(header.destination()));
            packet.ttl = header.hop_limit();
            // A chain that broke must not be walked: etherparse's iterator trusts each next-header octet, and would read on
            // behind the last header that it checked (etherparse 0.21, Ipv6ExtensionSliceIter).
            let chain = stopped.is_none().then(|| v6.extensions().clone().into_iter());
            let offset = chain
                .into_iter()
                .flatten()
                .find_map(|extension| match extension {
                    Ipv6ExtensionSlice::Fragment(fragment) => Some(fragment.fragment_offset().value()),
                    _ => None,
                })
                .unwrap_or(0);
            let length = usize::from(header.payload_length());
            let claimed =
                if length == 0 { slice.payload.len() } else { length.saturating_sub(v6.extensions().slice().len()) };
            (offset, claimed)
        }
    };
    if let Some((_, layer)) = stopped {
        packet.anomaly = Some(match layer {
            Layer::IpAuthHeader => Anomaly::AuthHeaderInvalid,
            Layer::Ipv4Header | Layer::Ipv4Packet | Layer::IpHeader => Anomaly::Ipv4HeaderInvalid,
            _ => Anomaly::Ipv6ExtensionInvalid,
        });
        // The chain broke before the transport header: what follows has no known meaning.
        return None;
    }
    if offset != 0 {
        packet.class = Class::Fragment;
        packet.payload_len = claimed.min(usize::from(u16::MAX)) as u16;
        return None;
    }
    packet.first_fragment = slice.fragmented;
    Some(Payload { data: slice.payload, claimed })
}

/// Reads the transport header; returns the captured transport payload.
#[inline]
pub(super) fn transport<'a>(payload: Payload<'a>, packet: &mut Packet) -> &'a [u8] {
    match packet.protocol {
        PROTOCOL_TCP => tcp(payload, packet),
        PROTOCOL_UDP => udp(payload, packet),
        PROTOCOL_ICMP => icmp(payload, packet, Class::of_icmp, Anomaly::IcmpTruncated, Class::IcmpOther),
        PROTOCOL_ICMPV6 => icmp(payload, packet, Class::of_icmpv6, Anomaly::Icmpv6Truncated, Class::Icmpv6Other),
        other => {
            packet.class = match other {
                PROTOCOL_GRE => Class::Gre,
                PROTOCOL_IPV4 | PROTOCOL_IPV6 => Class::IpTunnel,
                _ => Class::IpOther,
            };
            packet.payload_len = clamp(payload.claimed);
            payload.data
        }
    }
}

#[inline]
fn clamp(length: usize) -> u16 {
    length.min(usize::from(u16::MAX)) as u16
}

/// Keeps the ports where only they were captured.
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
    let Some(&[_, _, _, _, _, _, _, _, _, _, _, _, offset, flags]) = payload.data.first_chunk::<14>() else {
        packet.class = Class::TcpOther;
        packet.anomaly = packet.anomaly.or(Some(Anomaly::TcpTruncated));
        return &[];
    };
    packet.flags = flags;
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
    payload.data.get(header..).unwrap_or(&[])
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
    // A first fragment announces the whole datagram, which is longer than what it carries.
    if length < 8 || (length > payload.claimed && !packet.first_fragment) {
        // Zero is what segmentation offload and jumbograms (RFC 2675) leave there.
        if length != 0 {
            packet.anomaly = packet.anomaly.or(Some(Anomaly::UdpLengthInvalid));
        }
    } else {
        packet.payload_len = clamp(room.min(length - 8));
    }
    packet.class = Class::of_udp(packet.source_port, packet.destination_port);
    packet.reply_of = amplifier::reply_of(packet.source_port, packet.payload_len, body);
    packet.request_to = amplifier::Service::of_port(packet.destination_port);
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
    packet.payload_len = clamp(payload.claimed.saturating_sub(8));
    body
}
