//! What goes on on every segment: hosts and their router look each other up, talk to the world, and tell of themselves.

use super::super::agenda::Agenda;
use super::super::frames::station;
use super::cable::{Cable, talk};
use super::ethernet::{Path, REPLY, REQUEST, arp, is_at, who_has};
use super::neighbour::{ROUTER, Router, SOLICITED, advertisement, router_advertisement, solicitation};
use super::segment::Lan;
use super::station::{Card, EVERYBODY, LINK_LOCAL, MILLISECOND, PREFIX, SECOND, inside};
use crate::base::{Addr, Mac};

/// Routers advertise for three times their interval (RFC 4861 §6.2.1).
pub const ADVERTISED: Router = Router { lifetime: 30, prefix: PREFIX };

const MDNS: Addr = Addr::from_v4_bits(0xe000_00fb);
const MDNS6: Addr = Addr::from_v6_bits(0xff02 << 112 | 0xfb);
const SSDP: Addr = Addr::from_v4_bits(0xefff_fffa);
const LLMNR: Addr = Addr::from_v4_bits(0xe000_00fc);

/// `card` asks for the gateway and is answered.
pub fn look_up_gateway(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    agenda.inside_sends(time, who_has(card, gateway.v4));
    agenda.outside_sends(time + MILLISECOND / 2, is_at((gateway.mac, gateway.v4), (card.mac, card.v4)));
}

/// The same over IPv6.
pub fn look_up_router(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    agenda.inside_sends(time, solicitation(card, gateway.local));
    let to = (card.mac, card.local);
    let answer = advertisement((gateway.mac, gateway.local), to, ROUTER | SOLICITED, gateway.local);
    agenda.outside_sends(time + MILLISECOND / 2, answer);
}

/// The gateway asks for `card` and is answered.
fn look_up_host(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    agenda.outside_sends(time, who_has(gateway, card.v4));
    agenda.inside_sends(time + MILLISECOND / 2, is_at((card.mac, card.v4), (gateway.mac, gateway.v4)));
    agenda.outside_sends(time + MILLISECOND, solicitation(gateway, card.v6));
    let answer = advertisement((card.mac, card.v6), (gateway.mac, gateway.local), SOLICITED, card.v6);
    agenda.inside_sends(time + 2 * MILLISECOND, answer);
}

/// `count` hosts with `rate` datagrams a second each, and a gateway at `source_mac`: lookups as caches expire, by
/// broadcast at first, then with a unicast poll (RFC 1122 §2.3.2.1), and the router's advertisements every 10 s.
pub fn ordinary(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    let gateway = Card { mac: segment.named.unwrap_or(segment.gateway.mac), ..segment.gateway };
    for time in segment.every(100 * MILLISECOND, 10 * SECOND) {
        agenda.outside_sends(time, router_advertisement((gateway.mac, gateway.local), ADVERTISED));
    }
    for (number, host) in (0u64..).zip(segment.hosts()) {
        let offset = number * 37 * MILLISECOND;
        for (turn, time) in segment.every(offset, 20 * SECOND).enumerate() {
            if turn == 0 {
                look_up_gateway(time, &host, &gateway, agenda);
            } else {
                let (own, other) = ((host.mac, host.v4), (gateway.mac, gateway.v4));
                agenda.inside_sends(time, arp((own.0, other.0), REQUEST, own, (Mac::ZERO, other.1)));
                agenda.outside_sends(time + MILLISECOND, arp((other.0, own.0), REPLY, other, own));
            }
            look_up_router(time + 5 * MILLISECOND, &host, &gateway, agenda);
        }
        for time in segment.every(offset + 700 * MILLISECOND, 25 * SECOND) {
            look_up_host(time, &host, &gateway, agenda);
        }
        let step = (1e9 / segment.rate.clamp(0.01, 1e4)) as u64;
        for time in segment.every(offset + 50 * MILLISECOND, step) {
            talk(time, &host, &gateway, agenda);
        }
    }
}

/// What a host says of itself over mDNS, to both groups (RFC 6762 §8.3); the octets depend on `number` alone.
pub fn mdns(time: u64, card: &Card, number: u64, agenda: &mut Agenda) {
    let mut text = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x06host".to_vec();
    text.extend(format!("{:02}", number % 100).bytes());
    text.extend(b"\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04");
    text.extend((card.v4.bits() as u32).to_be_bytes());
    let ports = (5353, 5353);
    // avahi sets "don't fragment" and leaves the identification 0.
    let four = Path { ttl: 255, ..Path::group((card.mac, card.v4), MDNS, 0) };
    let six = Path { ttl: 255, ..Path::group((card.mac, card.local), MDNS6, 0) };
    agenda.inside_sends(time, four.udp(ports, &text));
    agenda.inside_sends(time + MILLISECOND, six.udp(ports, &text));
}

/// Hosts in turn tell of themselves: each twice, a second apart, with the same octets.
pub fn mdns_chatter(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let number = count % segment.count.clamp(1, 200);
    let host = Card::host(20 + number as u8);
    mdns(now, &host, number, agenda);
    mdns(now + SECOND, &host, number, agenda);
}

/// Windows hosts look for each other: NetBIOS names by broadcast, thrice (RFC 1002 §4.2.1), LLMNR twice, SSDP thrice,
/// mDNS as avahi repeats it, identical to the last octet; half of them ask by ARP as well. `rate` counts these occasions.
pub fn windows(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let number = agenda.rng.below(segment.count.clamp(1, 900));
    // A wider network than one /24: 10.20.0.0/22.
    let address = Addr::from_v4_bits(0x0a14_0000 | (number as u32 + 10));
    let card = Card::slaac(station(address), address);
    let sender = (card.mac, card.v4);
    let id = agenda.rng.next_u16();
    match count % 5 {
        0 => {
            let name = b"\x80\x01\x01\x10\0\x01\0\0\0\0\0\0\x20FHEPFCELEHFCEPFFFACACACACACACABL\0\0\x20\0\x01";
            for again in 0..3 {
                let path = Path {
                    ttl: 128,
                    ..Path::new(sender, (Mac::BROADCAST, everybody_of(card.v4)), id.wrapping_add(again))
                };
                agenda.inside_sends(now + u64::from(again) * 750 * MILLISECOND, path.udp((137, 137), name));
            }
        }
        1 => {
            let port = agenda.rng.port();
            let name = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x04wpad\0\0\x01\0\x01";
            for again in 0..2 {
                let path = Path { ttl: 1, ..Path::group(sender, LLMNR, id.wrapping_add(again)) };
                agenda.inside_sends(now + u64::from(again) * 400 * MILLISECOND, path.udp((port, 5355), name));
            }
        }
        2 => {
            let port = agenda.rng.port();
            let text = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n";
            for again in 0..3 {
                let path = Path { ttl: 1, ..Path::group(sender, SSDP, id.wrapping_add(again)) };
                agenda.inside_sends(now + u64::from(again) * SECOND, path.udp((port, 1900), text));
            }
        }
        3 => {
            for after in [0, 1, 3] {
                mdns(now + after * SECOND, &card, number, agenda);
            }
        }
        _ => {
            let other = Addr::from_v4_bits(0x0a14_0000 | (agenda.rng.below(300) as u32 + 10));
            agenda.inside_sends(now, who_has(&card, other));
        }
    }
}

/// The directed broadcast of 10.20.0.0/22, or the general one.
const fn everybody_of(address: Addr) -> Addr {
    if address.bits() as u32 >> 24 == 10 { Addr::from_v4_bits(0x0a14_03ff) } else { EVERYBODY }
}

/// Nobody needs the gateway: lookups in the first seconds, then neighbours talk with each other only.
pub fn quiet_night(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let hosts: Vec<Card> = segment.hosts().collect();
    let router = Router { lifetime: 1_800, prefix: PREFIX };
    agenda.outside_sends(now, router_advertisement((segment.gateway.mac, segment.gateway.local), router));
    for (number, host) in (1u64..).zip(&hosts) {
        look_up_gateway(now + number * 300 * MILLISECOND, host, &segment.gateway, agenda);
        look_up_router(now + number * 310 * MILLISECOND, host, &segment.gateway, agenda);
    }
    for (a, b) in hosts.iter().zip(hosts.iter().skip(1)) {
        for time in segment.every(3 * SECOND, 2 * SECOND) {
            let id = agenda.rng.next_u16();
            agenda.between(time, Path::new((a.mac, a.v4), (b.mac, b.v4), id).udp((51_820, 51_820), &[7; 64]));
            agenda.between(
                time + MILLISECOND,
                Path::new((b.mac, b.v4), (a.mac, a.v4), id).udp((51_820, 51_820), &[8; 64]),
            );
        }
    }
}

/// One host with a mistake in its configuration asks every second for a gateway that never was.
pub fn wrong_gateway(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    let absent = Addr::from_v6_bits(LINK_LOCAL | 0xfe);
    for time in segment.every(0, SECOND) {
        agenda.inside_sends(time, who_has(&segment.victim, inside(254)));
        agenda.inside_sends(time + 300 * MILLISECOND, solicitation(&segment.victim, absent));
    }
}
