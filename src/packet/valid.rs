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
    // Multicast listener discovery is not read here.
    if !matches!(kind, 133..=137) {
        return true;
    }
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
    // Clients and servers look at the destination port only. A relay uses the server's port on both sides (RFC 1542 §4).
    let is_placed = match (packet.source_port, packet.destination_port) {
        (67, 67) => matches!(operation, 1 | 2),
        (_, 67) => operation == 1,
        (_, 68) => operation == 2,
        _ => false,
    };
    // Ethernet and IEEE 802; clients whose hardware address does not fit have none (RFC 4390 §2.1).
    let is_station = matches!((hardware, length), (1 | 6, 6)) || (hardware, length, operation) == (32, 0, 1);
    let has_cookie = match body.get(FIXED - COOKIE.len()..FIXED) {
        Some(cookie) => cookie == COOKIE,
        None => truncated,
    };
    let overloaded = options::dhcp(body).any(|(code, _)| code == 52);
    let message = options::dhcp(body).find(|(code, value)| (*code, value.len()) == (53, 1));
    let has_type = match message.and_then(|(_, value)| value.first().copied()) {
        // RFC 2132 §9.6: those of clients and those of servers. Later ones (RFC 4388 and others) of either.
        Some(1 | 3 | 4 | 7 | 8) => operation == 1,
        Some(2 | 5 | 6) => operation == 2,
        Some(9..=18) => true,
        Some(_) => false,
        // In the fields of names (option 52), or behind more options than are read.
        None => truncated || overloaded || options::dhcp(body).count() >= options::MOST,
    };
    is_placed && is_station && has_cookie && has_type
}

/// RFC 8415 §7.2, §7.3 and §8: ports, message type, and options that are whole.
fn dhcpv6(packet: &Packet, body: &[u8]) -> bool {
    let truncated = is_truncated(packet, body);
    let Some((&[message, ..], after)) = body.split_first_chunk::<4>() else { return truncated };
    let is_placed = match (packet.source_port, packet.destination_port) {
        (_, 546) => matches!(message, 2 | 7 | 10),
        // Between relays and servers, about stations elsewhere; their header is another one.
        (547, 547) if message > 11 => return true,
        (_, 547) => matches!(message, 1 | 3..=6 | 8 | 9 | 11),
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
    is_placed
        && (truncated
            || options::dhcpv6(after).count() >= options::MOST
            || (octets >= after.len() && (identified || message == 11)))
}

#[cfg(test)]
mod tests {
    use super::super::control::{Disbelieved, read};
    use super::super::{Control, ControlKind};
    use super::*;

    const SERVER: Addr = Addr::from_v4_bits(0xcb00_7101);

    fn reading(packet: Packet, body: &[u8]) -> Result<Option<Control>, Disbelieved> {
        read(&Packet { payload_at: 0, payload_len: body.len() as u16, ..packet }, body)
    }

    fn message(operation: u8, kind: u8) -> Vec<u8> {
        let mut out = vec![operation, 1, 6, 0];
        out.resize(FIXED - COOKIE.len(), 7);
        out[24..28].fill(0);
        out.extend(COOKIE);
        out.extend([53, 1, kind, 3, 4, 203, 0, 113, 1, 6, 4, 203, 0, 113, 2, 255]);
        out
    }

    fn udp((source_port, destination_port): (u16, u16)) -> Packet {
        Packet { class: Class::Udp, source: SERVER, source_port, destination_port, ttl: 64, ..Packet::default() }
    }

    #[test]
    fn dhcp_is_believed_from_its_ports_and_with_its_fields() {
        let offer = reading(udp((67, 68)), &message(2, 2)).unwrap().unwrap();
        assert_eq!((offer.kind, offer.ttl), (ControlKind::DhcpOffer, 64));
        assert_eq!((offer.router, offer.dns), (SERVER, Addr::from_v4_bits(0xcb00_7102)));
        assert!(matches!(reading(udp((68, 67)), &message(1, 1)), Ok(Some(_))));
        assert!(matches!(reading(udp((67, 67)), &message(2, 5)), Ok(Some(_))));
        for (ports, operation, kind) in [((68, 67), 2, 2), ((67, 68), 1, 1), ((67, 68), 2, 1), ((68, 67), 1, 5)] {
            assert_eq!(
                reading(udp(ports), &message(operation, kind)),
                Err(Disbelieved),
                "{ports:?} {operation} {kind}"
            );
        }
        for at in [0, 1, 2, 236, 240] {
            let mut broken = message(2, 2);
            broken[at] = 9;
            assert_eq!(reading(udp((67, 68)), &broken), Err(Disbelieved), "octet {at}");
        }
        assert_eq!(reading(udp((67, 68)), &message(2, 2)[..100]), Err(Disbelieved));
    }

    #[test]
    fn what_is_cut_off_is_not_missed() {
        let whole = message(2, 2);
        for length in [44, 238, 241] {
            let packet = Packet { payload_len: whole.len() as u16, ..udp((67, 68)) };
            let reply = read(&packet, &whole[..length]).unwrap().unwrap();
            assert_eq!((reply.kind, reply.value), (ControlKind::DhcpAck, 0), "{length} octets");
        }
    }

    #[test]
    fn a_relay_has_an_address() {
        let mut relayed = message(1, 1);
        relayed[24..28].copy_from_slice(&[203, 0, 113, 9]);
        assert_eq!(reading(udp((67, 67)), &relayed), Ok(None));
        let forged = Packet { source: Addr::from_v4_bits(0), ..udp((68, 67)) };
        assert!(matches!(reading(forged, &relayed), Ok(Some(_))));
    }

    #[test]
    fn dhcpv6_has_whole_options() {
        let reply = [2, 0, 0, 7, 0, 2, 0, 1, 9, 0, 23, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        let packet = Packet { source: Addr::from_v6_bits(0xfe80 << 112 | 1), ..udp((547, 546)) };
        let read = reading(packet, &reply).unwrap().unwrap();
        assert_eq!((read.kind, read.dns), (ControlKind::DhcpOffer, Addr::from_v6_bits(0x2001_0db8 << 96 | 5)));
        assert_eq!(reading(packet, &reply[..20]), Err(Disbelieved));
        assert_eq!(reading(Packet { source_port: 546, destination_port: 547, ..packet }, &reply), Err(Disbelieved));
        assert_eq!(reading(packet, &[2, 0, 0, 7]), Err(Disbelieved));
    }

    #[test]
    fn neighbour_discovery_is_believed_from_this_link_only() {
        let router = Addr::from_v6_bits(0xfe80 << 112 | 1);
        let mut frame = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        frame.extend([3, 4, 64, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0x10, 0, 0]);
        frame.resize(48, 0);
        let packet = Packet {
            class: Class::Icmpv6Nd,
            source: router,
            ttl: 255,
            payload_at: 8,
            payload_len: 40,
            ..Packet::default()
        };
        let advertisement = read(&packet, &frame).unwrap().unwrap();
        assert_eq!((advertisement.address, advertisement.value), (router, 1_800));
        assert_eq!(advertisement.target, Addr::from_v6_bits(0x2001_0db8_0010 << 80));
        for wrong in [
            Packet { ttl: 64, ..packet },
            Packet { source: Addr::from_v6_bits(0x2001_0db8 << 96 | 1), ..packet },
            Packet { payload_len: 4, ..packet },
            Packet { first_fragment: true, ..packet },
        ] {
            assert_eq!(read(&wrong, &frame), Err(Disbelieved), "{wrong:?}");
        }
        for (at, octet) in [(1, 1), (17, 0)] {
            let mut wrong = frame.clone();
            wrong[at] = octet;
            assert_eq!(read(&packet, &wrong), Err(Disbelieved), "octet {at}");
        }
    }

    #[test]
    fn elections_go_to_a_group_of_this_link() {
        let group = Addr::from_v4_bits(0xe000_0012);
        let vrrp = Packet { class: Class::IpOther, protocol: 112, destination: group, ttl: 255, ..Packet::default() };
        assert!(matches!(reading(vrrp, &[0x21, 51, 100, 1]), Ok(Some(_))));
        assert_eq!(reading(Packet { ttl: 254, ..vrrp }, &[0x21, 51, 100, 1]), Err(Disbelieved));
        assert_eq!(reading(Packet { destination: SERVER, ..vrrp }, &[0x21, 51, 100, 1]), Err(Disbelieved));
        let hsrp = Packet { destination: group, ttl: 1, ..udp((1985, 1985)) };
        assert!(matches!(reading(hsrp, &[0, 0, 16, 3, 10, 100, 7, 0]), Ok(Some(_))));
        assert_eq!(reading(Packet { source_port: 40_000, ..hsrp }, &[0; 20]), Err(Disbelieved));
    }
}
