//! Link layers: from the first octet of a frame to the network layer.

use super::tunnel::{Carried, Start};
use super::{Anomaly, Class, Encapsulation, Packet};
use crate::base::{Addr, Mac};
use crate::capture::{FrameDirection, LinkType};

/// Maximum nested VLAN tags, MPLS labels and PPPoE sessions that are followed.
const MAX_NESTING: usize = 8;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_RARP: u16 = 0x8035;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_MULTICAST: u16 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
const ETHERTYPE_TRILL: u16 = 0x22f3;
const ETHERTYPE_MACSEC: u16 = 0x88e5;
const ETHERTYPE_PBB: u16 = 0x88e7;
const ETHERTYPE_NSH: u16 = 0x894f;

/// What follows the link-layer headers.
pub(super) enum Network<'a> {
    /// Octets that should start with an IP header, and the IP version given by the link layer, if any.
    Ip(&'a [u8], Option<u8>),
    /// No network layer: the packet's class is already set. Contains the body after the link-layer headers, if it can
    /// be interpreted.
    Done(&'a [u8]),
    /// What follows the bottom of an MPLS label stack.
    Labelled(&'a [u8]),
    /// A frame inside this one, which has no network layer of its own.
    Carried(Carried<'a>),
}

/// Parses the link header of a frame of link type `link`.
#[inline]
pub(super) fn open<'a>(link: LinkType, data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    match link {
        LinkType::Ethernet => ethernet(data, packet),
        LinkType::RawIp => Network::Ip(data, None),
        LinkType::LinuxSll => sll(data, packet),
        LinkType::LinuxSll2 => sll2(data, packet),
        LinkType::Null | LinkType::Loop => null(data, packet),
        LinkType::Ppp => ppp(data, packet),
        LinkType::Other(_) => stop(packet, Anomaly::LinkTypeUnsupported, Class::Unparsed),
    }
}

fn stop<'a>(packet: &mut Packet, anomaly: Anomaly, class: Class) -> Network<'a> {
    packet.anomaly = Some(anomaly);
    packet.class = class;
    Network::Done(&[])
}

#[inline]
pub(super) fn ethernet<'a>(data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    let Some((head, rest)) = data.split_first_chunk::<14>() else {
        return stop(packet, Anomaly::LinkTruncated, Class::Unparsed);
    };
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *head;
    packet.destination_mac = Mac([d0, d1, d2, d3, d4, d5]);
    packet.source_mac = Mac([s0, s1, s2, s3, s4, s5]);
    match u16::from_be_bytes([t0, t1]) {
        ETHERTYPE_IPV4 => Network::Ip(rest, Some(4)),
        ETHERTYPE_IPV6 => Network::Ip(rest, Some(6)),
        other => by_ethertype(other, rest, packet),
    }
}

/// Follows tags, labels and sessions to the network layer.
pub(super) fn by_ethertype<'a>(mut ethertype: u16, mut data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    for _ in 0..MAX_NESTING {
        match ethertype {
            ETHERTYPE_IPV4 => return Network::Ip(data, Some(4)),
            ETHERTYPE_IPV6 => return Network::Ip(data, Some(6)),
            ETHERTYPE_ARP | ETHERTYPE_RARP => return arp(data, packet),
            // 802.1Q, 802.1ad, and the value that pre-standard QinQ gear uses
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let Some((&[i0, i1, t0, t1], rest)) = data.split_first_chunk::<4>() else {
                    return stop(packet, Anomaly::VlanTruncated, Class::L2Other);
                };
                if packet.vlan == 0 {
                    packet.vlan = u16::from_be_bytes([i0, i1]) & 0x0fff;
                }
                ethertype = u16::from_be_bytes([t0, t1]);
                data = rest;
            }
            ETHERTYPE_MPLS | ETHERTYPE_MPLS_MULTICAST => return mpls(data, packet),
            ETHERTYPE_PPPOE_SESSION => {
                // RFC 2516 §4: version and type 1, code 0, session, length; then a PPP protocol number
                let Some((&[version_type, code, _, _, _, _], rest)) = data.split_first_chunk::<6>() else {
                    return stop(packet, Anomaly::PppoeInvalid, Class::L2Other);
                };
                if version_type != 0x11 || code != 0 {
                    return stop(packet, Anomaly::PppoeInvalid, Class::L2Other);
                }
                return ppp(rest, packet);
            }
            ETHERTYPE_PBB => {
                // IEEE 802.1Q §9.7: priority and service identifier, then the customer's frame
                return match data.split_first_chunk::<4>() {
                    Some((_, frame)) => Network::Carried(Carried::new(Encapsulation::Pbb, Start::Ethernet, frame)),
                    None => stop(packet, Anomaly::VlanTruncated, Class::L2Other),
                };
            }
            ETHERTYPE_TRILL => return Network::Carried(Carried::sealed(Encapsulation::Trill)),
            ETHERTYPE_MACSEC => return Network::Carried(Carried::sealed(Encapsulation::MacSec)),
            ETHERTYPE_NSH => return Network::Carried(Carried::sealed(Encapsulation::Nsh)),
            // IEEE 802.3 length with LLC; SNAP (aa aa 03 00 00 00) carries an EtherType again (RFC 1042)
            length if length <= 1500 => match data.split_first_chunk::<8>() {
                Some((&[0xaa, 0xaa, 0x03, 0, 0, 0, t0, t1], rest)) => {
                    ethertype = u16::from_be_bytes([t0, t1]);
                    data = rest;
                    if ethertype <= 1500 {
                        packet.class = Class::L2Other;
                        return Network::Done(data);
                    }
                }
                _ => {
                    packet.class = Class::L2Other;
                    return Network::Done(data);
                }
            },
            _ => {
                packet.class = Class::L2Other;
                return Network::Done(data);
            }
        }
    }
    stop(packet, Anomaly::EncapsulationTooDeep, Class::L2Other)
}

fn arp<'a>(data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    packet.class = Class::Arp;
    // RFC 826 for Ethernet and IPv4: 28 octets
    let Some(&[h0, h1, p0, p1, hardware, protocol, _, operation, .., t0, t1, t2, t3]) = data.first_chunk::<28>() else {
        packet.anomaly = Some(Anomaly::ArpTruncated);
        return Network::Done(&[]);
    };
    if [h0, h1, p0, p1, hardware, protocol] == [0, 1, 0x08, 0x00, 6, 4] {
        let sender = data.get(14..18).and_then(|octets| octets.first_chunk::<4>()).copied().unwrap_or_default();
        packet.source = Addr::from_v4_bits(u32::from_be_bytes(sender));
        packet.destination = Addr::from_v4_bits(u32::from_be_bytes([t0, t1, t2, t3]));
        packet.flags = operation;
    }
    Network::Done(data)
}

/// RFC 3032: labels up to the bottom of the stack. They do not say what follows.
fn mpls<'a>(mut data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    for _ in 0..MAX_NESTING {
        let Some((&[_, _, bottom, _], rest)) = data.split_first_chunk::<4>() else {
            return stop(packet, Anomaly::MplsTruncated, Class::L2Other);
        };
        data = rest;
        if bottom & 1 == 1 {
            return Network::Labelled(data);
        }
    }
    stop(packet, Anomaly::EncapsulationTooDeep, Class::L2Other)
}

/// RFC 1661, 1662: optional address and control octets, then a protocol number of one or two octets.
fn ppp<'a>(data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    let data = match data {
        [0xff, 0x03, rest @ ..] => rest,
        other => other,
    };
    let (protocol, rest) = match data {
        // An odd first octet is a compressed protocol field.
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return stop(packet, Anomaly::LinkTruncated, Class::Unparsed),
    };
    match protocol {
        0x0021 => Network::Ip(rest, Some(4)),
        0x0057 => Network::Ip(rest, Some(6)),
        0x0281 | 0x0283 => mpls(rest, packet),
        // RFC 1144, 1962, 1968, 1990: compressed headers or data, encrypted data, parts of packets
        0x002d | 0x002f | 0x003d | 0x0053 | 0x00fd => Network::Carried(Carried::sealed(Encapsulation::Ppp)),
        _ => {
            packet.class = Class::L2Other;
            Network::Done(&[])
        }
    }
}

/// BSD loopback: the address family of the capturing host in four octets, in either byte order.
fn null<'a>(data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    let Some((head, rest)) = data.split_first_chunk::<4>() else {
        return stop(packet, Anomaly::LinkTruncated, Class::Unparsed);
    };
    let value = u32::from_be_bytes(*head);
    let family = if value > 0xffff { value.swap_bytes() } else { value };
    match family {
        2 => Network::Ip(rest, Some(4)),
        // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin
        10 | 24 | 28 | 30 => Network::Ip(rest, Some(6)),
        _ => {
            packet.class = Class::L2Other;
            Network::Done(&[])
        }
    }
}

/// Packet type of Linux cooked captures: 4 was sent by this host, 0 to 3 were received.
fn sll_direction(packet_type: u16, packet: &mut Packet) {
    packet.direction = match packet_type {
        4 => FrameDirection::Egress,
        0..=3 => FrameDirection::Ingress,
        _ => packet.direction,
    };
}

fn sll<'a>(data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    let Some((head, rest)) = data.split_first_chunk::<16>() else {
        return stop(packet, Anomaly::LinkTruncated, Class::Unparsed);
    };
    let [k0, k1, _, _, l0, l1, m0, m1, m2, m3, m4, m5, _, _, p0, p1] = *head;
    sll_direction(u16::from_be_bytes([k0, k1]), packet);
    if u16::from_be_bytes([l0, l1]) == 6 {
        packet.source_mac = Mac([m0, m1, m2, m3, m4, m5]);
    }
    by_ethertype(u16::from_be_bytes([p0, p1]), rest, packet)
}

fn sll2<'a>(data: &'a [u8], packet: &mut Packet) -> Network<'a> {
    let Some((head, rest)) = data.split_first_chunk::<20>() else {
        return stop(packet, Anomaly::LinkTruncated, Class::Unparsed);
    };
    let [p0, p1, _, _, _, _, _, _, _, _, kind, length, m0, m1, m2, m3, m4, m5, _, _] = *head;
    sll_direction(u16::from(kind), packet);
    if length == 6 {
        packet.source_mac = Mac([m0, m1, m2, m3, m4, m5]);
    }
    by_ethertype(u16::from_be_bytes([p0, p1]), rest, packet)
}
