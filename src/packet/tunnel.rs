//! Tunnels: whether a packet carries another one, and where that begins.
//!
//! A header counts as that of a tunnel only if it is valid: flags, reserved bits, and the header after it. What merely goes
//! to the port of a tunnel is an ordinary datagram.

use super::{Anomaly, Encapsulation, Packet, protocol};

const L2TP: u16 = 1701;
const GTP_U: u16 = 2152;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
/// VXLAN as Linux sent it before the port was assigned; many overlays still do.
const VXLAN_LINUX: u16 = 8472;

/// Maximum VLAN tags that are skipped to validate an Ethernet header.
const MAX_TAGS: usize = 4;
/// Maximum extension headers of GTP-U that are skipped.
const MAX_GTP_EXTENSIONS: usize = 8;

/// What a tunnelled packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Ip,
    Ethernet,
    /// What this EtherType stands for.
    EtherType(u16),
}

/// A packet inside another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried<'a> {
    pub(super) kind: Encapsulation,
    /// `None` where it cannot be followed: encrypted, or in a format that is not parsed.
    pub(super) start: Option<Start>,
    pub(super) data: &'a [u8],
}

impl<'a> Carried<'a> {
    pub(super) fn new(kind: Encapsulation, start: Start, data: &'a [u8]) -> Carried<'a> {
        Carried { kind, start: Some(start), data }
    }

    pub(super) fn sealed(kind: Encapsulation) -> Carried<'a> {
        Carried { kind, start: None, data: &[] }
    }

    /// An IP packet of that version, or of either.
    fn ip(kind: Encapsulation, data: &'a [u8], version: Option<u8>) -> Option<Carried<'a>> {
        let first = *data.first()?;
        let valid = match first >> 4 {
            4 => first & 0x0f >= 5,
            other => other == 6,
        };
        (valid && version.is_none_or(|version| version == first >> 4)).then(|| Carried::new(kind, Start::Ip, data))
    }

    /// An Ethernet frame. No station has a group address (IEEE 802), and the types from 1501 to 1535 are undefined.
    pub(super) fn ethernet(kind: Encapsulation, data: &'a [u8]) -> Option<Carried<'a>> {
        let &[_, _, _, _, _, _, source, _, _, _, _, _, t0, t1] = data.first_chunk::<14>()?;
        let valid = source & 1 == 0 && !matches!(u16::from_be_bytes([t0, t1]), 1501..=1535);
        valid.then(|| Carried::new(kind, Start::Ethernet, data))
    }
}

/// Whether datagrams to this port may be of a tunnel.
#[inline]
pub(super) fn is_port(port: u16) -> bool {
    // The range decides most cases with one comparison.
    (L2TP..=VXLAN_LINUX).contains(&port) && matches!(port, L2TP | GTP_U | VXLAN | VXLAN_GPE | GENEVE | VXLAN_LINUX)
}

/// What an IP packet carries, given its transport payload.
///
/// # Errors
/// The anomaly of a header that must be a tunnel's and is not valid.
#[inline]
pub(super) fn of_packet<'a>(packet: &Packet, payload: &'a [u8]) -> Result<Option<Carried<'a>>, Anomaly> {
    match packet.protocol {
        protocol::UDP if is_port(packet.destination_port) => datagram(packet, payload),
        protocol::GRE => gre(payload),
        protocol::IPV4 => Ok(Carried::ip(Encapsulation::IpInIp, payload, Some(4))),
        protocol::IPV6 => Ok(Carried::ip(Encapsulation::IpInIp, payload, Some(6))),
        protocol::ETHERIP | protocol::L2TP | protocol::ESP => Ok(layer2(packet.protocol, payload)),
        _ => Ok(None),
    }
}

fn layer2(protocol: u8, data: &[u8]) -> Option<Carried<'_>> {
    match (protocol, data) {
        // RFC 3378 §2: version 3, then a reserved field of zeros
        (protocol::ETHERIP, [0x30, 0, frame @ ..]) => Carried::ethernet(Encapsulation::EtherIp, frame),
        (protocol::ESP, _) => Some(Carried::sealed(Encapsulation::Esp)),
        // RFC 3931 §4.1.1: session 0 is the control connection. The length of the cookie is known to the peers only.
        (protocol::L2TP, [0, 0, 0, 0, ..]) => None,
        (protocol::L2TP, _) => Some(Carried::sealed(Encapsulation::L2tp)),
        _ => None,
    }
}

/// RFC 2784, 2890: version 0, with optional checksum, key and sequence number of four octets each.
fn gre(data: &[u8]) -> Result<Option<Carried<'_>>, Anomaly> {
    let Some((&[flags, version, p0, p1], rest)) = data.split_first_chunk::<4>() else {
        return Err(Anomaly::GreInvalid);
    };
    let protocol = u16::from_be_bytes([p0, p1]);
    // PPTP (RFC 2637 §4.1): PPP, most of it encrypted.
    if version & 0x07 == 1 && protocol == 0x880b {
        return Ok(Some(Carried::sealed(Encapsulation::Gre)));
    }
    // A receiver must discard what has these bits set (RFC 2784 §2.3): routing, strict route, recursion.
    if version & 0x07 != 0 || flags & 0x4c != 0 {
        return Err(Anomaly::GreInvalid);
    }
    let optional = [0x80, 0x20, 0x10].iter().filter(|&&bit| flags & bit != 0).count() * 4;
    let inner = rest.get(optional..).ok_or(Anomaly::GreInvalid)?;
    Ok(match protocol {
        0x0800 => Carried::ip(Encapsulation::Gre, inner, Some(4)),
        0x86dd => Carried::ip(Encapsulation::Gre, inner, Some(6)),
        0x6558 => Carried::ethernet(Encapsulation::Gre, inner),
        0x88be | 0x22eb => erspan(protocol, flags & 0x10 != 0, inner),
        0x8100 | 0x88a8 | 0x8847 | 0x8848 => Some(Carried::new(Encapsulation::Gre, Start::EtherType(protocol), inner)),
        // Keepalives, routing protocols.
        0..=0x05ff | 0x2001 => None,
        _ => Some(Carried::sealed(Encapsulation::Gre)),
    })
}

/// ERSPAN (draft-foschiano-erspan): type I without a header and without a sequence number, types II and III with both.
fn erspan(protocol: u16, sequenced: bool, data: &[u8]) -> Option<Carried<'_>> {
    let frame = match (protocol, sequenced) {
        (0x88be, false) => data,
        (0x88be, true) => {
            let (&[version, ..], rest) = data.split_first_chunk::<8>()?;
            (version >> 4 == 1).then_some(rest)?
        }
        _ => {
            let (&[version, _, _, _, _, _, _, _, _, _, kind, options], rest) = data.split_first_chunk::<12>()?;
            if version >> 4 != 2 {
                return None;
            }
            // With the O bit another header of eight octets follows.
            let rest = if options & 1 == 1 { rest.get(8..)? } else { rest };
            match kind >> 2 & 0x1f {
                0 => rest,
                2 => return Carried::ip(Encapsulation::Erspan, rest, None),
                _ => return None,
            }
        }
    };
    Carried::ethernet(Encapsulation::Erspan, frame)
}

fn datagram<'a>(packet: &Packet, data: &'a [u8]) -> Result<Option<Carried<'a>>, Anomaly> {
    // Octets beyond the datagram's length are not part of it.
    let data = data.get(..usize::from(packet.payload_len)).unwrap_or(data);
    match packet.destination_port {
        // Only the assigned port makes anything else an anomaly.
        VXLAN => match vxlan(data) {
            Some(frame) => Ok(Carried::ethernet(Encapsulation::Vxlan, frame)),
            None if data.len() < 8 && data.len() < usize::from(packet.payload_len) => Ok(None),
            None => Err(Anomaly::VxlanInvalid),
        },
        VXLAN_LINUX => Ok(vxlan(data).and_then(|frame| Carried::ethernet(Encapsulation::Vxlan, frame))),
        VXLAN_GPE => Ok(vxlan_gpe(data)),
        GENEVE => Ok(geneve(data)),
        GTP_U => Ok(gtp_u(packet, data)),
        // RFC 2661 §3.1: a data message of version 2.
        L2TP => Ok(match data {
            [flags, version, _, _, ..] if flags & 0xb4 == 0 && *version == 2 => {
                Some(Carried::sealed(Encapsulation::L2tp))
            }
            _ => None,
        }),
        _ => Ok(None),
    }
}

/// RFC 7348 §5: the VNI flag, and zeros in all reserved bits but those of the group policy extension
/// (draft-smith-vxlan-group-policy).
fn vxlan(data: &[u8]) -> Option<&[u8]> {
    let (&[flags, policy, g0, g1, _, _, _, reserved], frame) = data.split_first_chunk::<8>()?;
    let valid = match flags {
        0x08 => [policy, g0, g1] == [0; 3],
        0x88 => policy & !0x48 == 0,
        _ => false,
    };
    (valid && reserved == 0).then_some(frame)
}

/// draft-ietf-nvo3-vxlan-gpe §3: version 0, a valid VNI, not of the control plane (O bit).
fn vxlan_gpe(data: &[u8]) -> Option<Carried<'_>> {
    let (&[flags, r0, r1, next, _, _, _, reserved], inner) = data.split_first_chunk::<8>()?;
    if flags & 0xf9 != 0x08 || [r0, r1, reserved] != [0; 3] {
        return None;
    }
    let has_next = flags & 0x04 != 0;
    match (has_next, next) {
        (true, 1) => Carried::ip(Encapsulation::VxlanGpe, inner, Some(4)),
        (true, 2) => Carried::ip(Encapsulation::VxlanGpe, inner, Some(6)),
        (true, 3) | (false, 0) => Carried::ethernet(Encapsulation::VxlanGpe, inner),
        (true, 4) => Some(Carried::sealed(Encapsulation::Nsh)),
        _ => None,
    }
}

/// RFC 8926 §3.4: version 0, not a control packet (O bit), zeros in the reserved bits.
fn geneve(data: &[u8]) -> Option<Carried<'_>> {
    let (&[version, flags, p0, p1, _, _, _, reserved], rest) = data.split_first_chunk::<8>()?;
    if version >> 6 != 0 || flags & 0xbf != 0 || reserved != 0 {
        return None;
    }
    let inner = rest.get(usize::from(version & 0x3f) * 4..)?;
    match u16::from_be_bytes([p0, p1]) {
        0x6558 => Carried::ethernet(Encapsulation::Geneve, inner),
        0x0800 => Carried::ip(Encapsulation::Geneve, inner, Some(4)),
        0x86dd => Carried::ip(Encapsulation::Geneve, inner, Some(6)),
        _ => None,
    }
}

/// 3GPP TS 29.281 §5.1: version 1, a G-PDU, whose length fits into the datagram.
fn gtp_u<'a>(packet: &Packet, data: &'a [u8]) -> Option<Carried<'a>> {
    let (&[flags, kind, l0, l1, _, _, _, _], mut rest) = data.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let fits = packet.first_fragment || length + 8 <= usize::from(packet.payload_len);
    if flags & 0xf8 != 0x30 || kind != 0xff || !fits {
        return None;
    }
    // With any of the flags E, S and PN all three fields are present; only E gives the next header a meaning.
    if flags & 0x07 != 0 {
        let (&[_, _, _, first], after) = rest.split_first_chunk::<4>()?;
        rest = after;
        let mut next = if flags & 0x04 != 0 { first } else { 0 };
        for _ in 0..MAX_GTP_EXTENSIONS {
            if next == 0 {
                break;
            }
            // The length in units of four octets comes first, the next type last.
            let length = usize::from(*rest.first()?) * 4;
            next = *rest.get(..length)?.last()?;
            rest = rest.get(length..)?;
        }
        if next != 0 {
            return None;
        }
    }
    Carried::ip(Encapsulation::GtpU, rest, None)
}

/// What follows the bottom of an MPLS label stack.
pub(super) enum Labelled<'a> {
    /// An IP packet.
    Ip,
    Carried(Carried<'a>),
    /// The associated channel of a pseudowire (RFC 4385 §5), or nothing.
    Control,
}

/// Nothing in a label stack says what it carries (RFC 4928). `length` is that of `data` on the wire.
///
/// An IP packet has a valid header checksum or a length that fits the frame. Otherwise the octets may be an Ethernet frame,
/// whose first address can begin with 4 or 6, with or without a control word (RFC 4448 §4.6).
pub(super) fn behind_labels(data: &[u8], length: usize) -> Labelled<'_> {
    let found = match data {
        [] => Some(Labelled::Control),
        [first, ..] => match first >> 4 {
            4 | 6 if is_ip(data, length) => Some(Labelled::Ip),
            4 | 6 => Some(pseudowire(data).unwrap_or(Labelled::Ip)),
            1 if !is_ethernet(data) => Some(Labelled::Control),
            0 => match data {
                // Reserved bits of zero, then the sequence number, which need not be used.
                [0, 0, _, _, frame @ ..] => pseudowire(frame).or_else(|| pseudowire(data)),
                _ => pseudowire(data),
            },
            _ => pseudowire(data),
        },
    };
    found.unwrap_or(Labelled::Carried(Carried::sealed(Encapsulation::Mpls)))
}

fn pseudowire(frame: &[u8]) -> Option<Labelled<'_>> {
    is_ethernet(frame).then(|| Labelled::Carried(Carried::new(Encapsulation::Pseudowire, Start::Ethernet, frame)))
}

/// Whether octets that begin with 4 or 6 are surely an IP packet.
fn is_ip(data: &[u8], length: usize) -> bool {
    match data {
        [first, _, l0, l1, ..] if first >> 4 == 4 => {
            let header = usize::from(first & 0x0f) * 4;
            let total = usize::from(u16::from_be_bytes([*l0, *l1]));
            let Some(header) = data.get(..header).filter(|header| header.len() >= 20) else { return false };
            (header.len()..=length).contains(&total) && ones_complement_sum(header) == 0xffff
        }
        [_, _, _, _, l0, l1, ..] => usize::from(u16::from_be_bytes([*l0, *l1])) + 40 == length,
        _ => false,
    }
}

/// RFC 1071, over an even number of octets.
fn ones_complement_sum(data: &[u8]) -> u16 {
    let (words, _) = data.as_chunks::<2>();
    // At most 30 words: no overflow.
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    // Folded twice it fits into 16 bits.
    ((folded & 0xffff) + (folded >> 16)) as u16
}

/// Whether octets of unknown kind are an Ethernet frame: a station's address as source, a well-known type, and a header of
/// that type.
fn is_ethernet(data: &[u8]) -> bool {
    let Some((&[_, _, _, _, _, _, s0, s1, s2, s3, s4, s5, t0, t1], mut rest)) = data.split_first_chunk::<14>() else {
        return false;
    };
    if s0 & 1 == 1 || [s0, s1, s2, s3, s4, s5] == [0; 6] {
        return false;
    }
    let mut ethertype = u16::from_be_bytes([t0, t1]);
    for _ in 0..MAX_TAGS {
        match (ethertype, rest) {
            (0x0800, [first, ..]) => return (0x45..=0x4f).contains(first),
            (0x86dd, [first, ..]) => return first >> 4 == 6,
            (0x0806 | 0x8035, [0, 1, 8, 0, 6, 4, ..]) => return true,
            (0x8100 | 0x88a8, [_, _, t0, t1, after @ ..]) => {
                (ethertype, rest) = (u16::from_be_bytes([*t0, *t1]), after);
            }
            (0x8863 | 0x8864, [0x11, ..]) => return true,
            (0x8847 | 0x8848, [_, _, _, _, ..]) => return true,
            // LLDP; LLC with an unnumbered frame, as spanning tree and SNAP.
            (0x88cc, [2, ..]) | (3..=1500, [_, _, 3, ..]) => return true,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::capture::FrameDirection;

    /// An Ethernet frame with an IPv4 header of 20 octets without a checksum.
    fn frame() -> Vec<u8> {
        let mut frame = vec![0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 20];
        frame.resize(34, 0);
        frame
    }

    fn kind(labelled: &Labelled<'_>) -> Option<(Encapsulation, usize)> {
        match labelled {
            Labelled::Ip | Labelled::Control => None,
            Labelled::Carried(carried) => Some((carried.kind, carried.data.len())),
        }
    }

    #[test]
    fn only_ports_of_tunnels_are_examined() {
        let ports: Vec<u16> = (0..=u16::MAX).filter(|&port| is_port(port)).collect();
        assert_eq!(ports, [1701, 2152, 4789, 4790, 6081, 8472]);
    }

    #[test]
    fn behind_labels_is_an_ip_packet_or_a_pseudowire() {
        let whole = |data: &[u8]| kind(&behind_labels(data, data.len()));
        for start in [0x52, 0x00, 0x40, 0x4c, 0x60, 0x62, 0x10, 0xfe] {
            let mut frame = frame();
            frame[0] = start;
            assert_eq!(whole(&frame), Some((Encapsulation::Pseudowire, 34)), "{start:#04x}");
            let word = [&[0, 0, 0x12, 0x34][..], &frame].concat();
            assert_eq!(whole(&word), Some((Encapsulation::Pseudowire, 34)), "{start:#04x}");
        }
        // The channel of a pseudowire, nothing, and what is neither.
        assert!(matches!(behind_labels(&[0x10, 0, 0, 0x21, 0x45], 5), Labelled::Control));
        assert!(matches!(behind_labels(&[], 0), Labelled::Control));
        assert_eq!(whole(&[0x70; 60]), Some((Encapsulation::Mpls, 0)));
        let mut group = frame();
        group[6] |= 1;
        assert_eq!(whole(&group), Some((Encapsulation::Mpls, 0)));
    }

    #[test]
    fn an_ip_packet_behind_labels_remains_one_whatever_its_addresses_are() {
        // From 8.0.69.1: read as Ethernet, the type would be IPv4 and a header would follow.
        let mut ip = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 8, 0, 0x45, 1, 203, 0, 113, 7];
        ip.resize(40, 0);
        assert!(is_ethernet(&ip));
        let sum = !ones_complement_sum(&ip[..20]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        assert!(matches!(behind_labels(&ip, 42), Labelled::Ip));
        // The same over IPv6, with a length that fits and one that does not.
        let mut six = vec![0x60, 0, 0, 0, 0, 60, 6, 64, 0x20, 1, 0xd, 0xb8, 8, 0, 0x45, 0];
        six.resize(50, 0);
        assert!(is_ethernet(&six));
        assert!(matches!(behind_labels(&six, 100), Labelled::Ip));
        assert_eq!(kind(&behind_labels(&six, 99)), Some((Encapsulation::Pseudowire, 50)));
        // Without a valid checksum it is one as long as it is not an Ethernet frame.
        assert!(matches!(behind_labels(&[0x45; 40], 40), Labelled::Ip));
    }

    #[test]
    fn headers_with_reserved_bits_set_are_no_tunnels() {
        let packet = |port, length: usize| Packet {
            protocol: protocol::UDP,
            destination_port: port,
            payload_len: length as u16,
            ..Packet::empty(Timestamp::ZERO, 0, 0, FrameDirection::Unknown)
        };
        let inner = frame();
        let gtp = |flags: u8, length: u16| [&[flags, 0xff][..], &length.to_be_bytes(), &[0, 0, 0, 1]].concat();
        let cases: [(u16, Vec<u8>, &[u8], bool); 22] = [
            (4789, vec![8, 0, 0, 0, 0, 0, 7, 0], &inner, true),
            (4789, vec![0x88, 0x48, 1, 2, 0, 0, 7, 0], &inner, true),
            (4789, vec![8, 0, 0, 0, 0, 0, 7, 1], &inner, false),
            (4789, vec![8, 0, 0, 1, 0, 0, 7, 0], &inner, false),
            (4789, vec![0x0c, 0, 0, 0, 0, 0, 7, 0], &inner, false),
            (8472, vec![8, 0, 0, 0, 0, 0, 7, 0], &inner, true),
            (8472, vec![0, 0, 0, 0, 0, 0, 7, 0], &inner, false),
            (4790, vec![0x0c, 0, 0, 3, 0, 0, 7, 0], &inner, true),
            (4790, vec![0x08, 0, 0, 0, 0, 0, 7, 0], &inner, true),
            (4790, vec![0x0c, 0, 0, 1, 0, 0, 7, 0], &inner[14..], true),
            (4790, vec![0x0c, 0, 0, 2, 0, 0, 7, 0], &inner[14..], false),
            (4790, vec![0x0d, 0, 0, 3, 0, 0, 7, 0], &inner, false),
            (4790, vec![0x1c, 0, 0, 3, 0, 0, 7, 0], &inner, false),
            (6081, vec![0, 0, 0x65, 0x58, 0, 0, 7, 0], &inner, true),
            (6081, vec![1, 0x40, 8, 0, 0, 0, 7, 0, 1, 2, 3, 0], &inner[14..], true),
            (6081, vec![0, 0x80, 0x65, 0x58, 0, 0, 7, 0], &inner, false),
            (6081, vec![0x40, 0, 0x65, 0x58, 0, 0, 7, 0], &inner, false),
            (2152, gtp(0x30, 20), &inner[14..], true),
            (2152, [gtp(0x34, 28), vec![0, 0, 0, 0x85, 1, 0, 9, 0]].concat(), &inner[14..], true),
            (2152, gtp(0x30, 21), &inner[14..], false),
            (2152, gtp(0x50, 20), &inner[14..], false),
            (2152, gtp(0x38, 20), &inner[14..], false),
        ];
        for (port, header, inner, is_tunnel) in cases {
            let data = [&header[..], inner].concat();
            let found = of_packet(&packet(port, data.len()), &data).ok().flatten();
            assert_eq!(found.is_some(), is_tunnel, "{port} {header:02x?}");
            assert!(found.is_none_or(|carried| carried.data == inner && carried.start.is_some()));
            // Truncated anywhere.
            for length in 0..data.len() {
                let _ = of_packet(&packet(port, data.len()), &data[..length]);
            }
        }
        for control in [vec![0x30, 1, 0, 0, 0, 0, 0, 0], vec![0x30, 0xff, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(of_packet(&packet(2152, control.len()), &control), Ok(None));
        }
        assert_eq!(of_packet(&packet(4789, 50), &[8, 0]), Ok(None), "not captured");
    }

    #[test]
    fn erspan_of_all_types() {
        let inner = frame();
        let gre = |head: &[u8], inner: &[u8]| {
            let data = [head, inner].concat();
            gre(&data).map(|found| found.map(|carried| (carried.kind, carried.data.len())))
        };
        let mirrored = Ok(Some((Encapsulation::Erspan, 34)));
        assert_eq!(gre(&[0, 0, 0x88, 0xbe], &inner), mirrored);
        let second = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0x64, 0, 0, 0, 5];
        assert_eq!(gre(&second, &inner), mirrored);
        let third = |kind: u8, options: u8| {
            [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0x64, 0, 0, 0, 5, 0, 0][..], &[kind, options]].concat()
        };
        assert_eq!(gre(&third(0, 0), &inner), mirrored);
        assert_eq!(gre(&[third(0, 1), vec![9; 8]].concat(), &inner), mirrored);
        assert_eq!(gre(&third(0x08, 0), &inner[14..]), Ok(Some((Encapsulation::Erspan, 20))));
        assert_eq!(gre(&third(0x0c, 0), &inner), Ok(None));
        let mut version = second;
        version[8] = 0x20;
        assert_eq!(gre(&version, &inner), Ok(None));
        // PPTP, a payload that is not followed, a keepalive, source routing.
        let sealed = Ok(Some((Encapsulation::Gre, 0)));
        assert_eq!(gre(&[0x30, 1, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1], &[]), sealed);
        assert_eq!(gre(&[0, 0, 0x88, 0x3e], &inner), sealed);
        assert_eq!(gre(&[0, 0, 0, 0], &[]), Ok(None));
        assert_eq!(gre(&[0x40, 0, 8, 0], &inner[14..]), Err(Anomaly::GreInvalid));
    }
}
