//! Which control frames their receivers believe. The rules are those by which RFCs tell receivers to discard a message: what
//! a host ignores must not accuse anyone, and a random datagram to a port of DHCP is no message of DHCP. Of a frame that
//! the capture has cut off, what is there is judged.

use super::{Class, Packet, options};
use crate::base::Addr;

/// The magic cookie of DHCP (RFC 2131 §3).
const COOKIE: &[u8] = &[99, 130, 83, 99];
/// Octets of a DHCP message before its options, with the cookie.
const FIXED: usize = 240;
/// Hop limit of messages that no router can have forwarded (RFC 4861 §6.1, RFC 9568 §5.1.1.3).
const ON_LINK: u8 = 255;

pub(super) const HSRP: u16 = 1985;

/// Whether the receivers of a control frame believe it. `body` is its payload.
pub(super) fn is_valid(packet: &Packet, head: Option<&[u8; 8]>, body: &[u8]) -> bool {
    match (packet.class, packet.source_port, packet.destination_port) {
        (Class::Icmpv6Nd, ..) => head.is_none_or(|head| discovery(packet, *head, body)),
        (Class::Udp, source, HSRP) => {
            // RFC 2281 §5; newer versions send with 255.
            source == HSRP && matches!(packet.ttl, 1 | ON_LINK) && packet.destination.is_group()
        }
        (Class::Udp, _, 67 | 68) => dhcp(packet, body),
        (Class::Udp, ..) => dhcpv6(packet, body),
        // VRRP 2 and 3 (RFC 3768 §7.1, RFC 9568 §7.1), and CARP, which has the same first octet.
        (Class::IpOther, ..) => {
            packet.ttl == ON_LINK
                && packet.destination.is_group()
                && body.first().is_none_or(|first| matches!(first, 0x21 | 0x31))
        }
        _ => true,
    }
}

fn is_truncated(packet: &Packet, body: &[u8]) -> bool {
    body.len() < usize::from(packet.payload_len)
}

pub(super) fn is_link_local(address: Addr) -> bool {
    address.bits() >> 118 == 0xfe80 >> 6
}

/// RFC 4861 §6.1, §7.1 and §8.1, RFC 6980 §5. `body` starts after the first eight octets.
fn discovery(packet: &Packet, head: [u8; 8], body: &[u8]) -> bool {
    let [kind, code, _, _, flags, ..] = head;
    let fixed = match kind {
        134 => 8,
        135 | 136 => 16,
        137 => 32,
        _ => 0,
    };
    let on_link = packet.ttl == ON_LINK && code == 0 && !packet.first_fragment;
    if !on_link || usize::from(packet.payload_len) < fixed {
        return false;
    }
    let target = body.first_chunk::<16>().map(|octets| Addr::from_v6_bits(u128::from_be_bytes(*octets)));
    let target_is_host = target.is_none_or(|target| !target.is_group());
    let is_sound = match kind {
        134 | 137 => is_link_local(packet.source),
        135 => target_is_host && (packet.source != Addr::UNSPECIFIED || packet.destination.is_group()),
        136 => target_is_host && !(packet.destination.is_group() && flags & 0x40 != 0),
        _ => true,
    };
    is_sound && options::discovery(body.get(fixed..).unwrap_or_default()).all(|(_, content)| !content.is_empty())
}

/// RFC 2131 §2 and §4.1: operation, hardware type and length, cookie, message type; from the ports that belong to it.
fn dhcp(packet: &Packet, body: &[u8]) -> bool {
    let truncated = is_truncated(packet, body);
    let Some(&[operation, hardware, length, _]) = body.first_chunk::<4>() else { return truncated };
    // A relay uses the server's port on both sides (RFC 1542 §4).
    let is_placed = match (packet.source_port, packet.destination_port) {
        (67, 67) => matches!(operation, 1 | 2),
        (68, 67) => operation == 1,
        (67, 68) => operation == 2,
        _ => false,
    };
    // Ethernet and IEEE 802; clients whose hardware address does not fit have none (RFC 4390 §2.1).
    let is_station = matches!((hardware, length), (1 | 6, 6)) || (hardware, length, operation) == (32, 0, 1);
    let has_cookie = match body.get(FIXED - COOKIE.len()..FIXED) {
        Some(cookie) => cookie == COOKIE,
        None => truncated,
    };
    let message = options::dhcp(body).find(|(code, value)| (*code, value.len()) == (53, 1));
    let has_type = match message.and_then(|(_, value)| value.first().copied()) {
        // RFC 2132 §9.6: those of clients and those of servers. Later ones (RFC 4388 and others) of either.
        Some(1 | 3 | 4 | 7 | 8) => operation == 1,
        Some(2 | 5 | 6) => operation == 2,
        Some(9..=18) => true,
        Some(_) => false,
        None => truncated,
    };
    is_placed && is_station && has_cookie && has_type
}

/// RFC 8415 §7.2, §7.3 and §8: ports, message type, and options that are whole.
fn dhcpv6(packet: &Packet, body: &[u8]) -> bool {
    let truncated = is_truncated(packet, body);
    let Some((&[message, ..], after)) = body.split_first_chunk::<4>() else { return truncated };
    let is_placed = match (packet.source_port, packet.destination_port) {
        (546, 547) => matches!(message, 1 | 3..=6 | 8 | 9 | 11),
        (547, 546) => matches!(message, 2 | 7 | 10),
        // Between relays and servers, about stations elsewhere; their header is another one.
        (547, 547) => return matches!(message, 12 | 13) || message > 13,
        _ => false,
    };
    let mut identified = false;
    let mut octets = 0;
    for (code, value, length) in options::dhcpv6(after) {
        if value.len() < length && !truncated {
            return false;
        }
        // Client or server identifier.
        identified |= matches!(code, 1 | 2);
        octets += 4 + length;
    }
    // An information request may lack an identifier (RFC 8415 §18.2.6).
    is_placed && (truncated || (octets >= after.len() && (identified || message == 11)))
}
