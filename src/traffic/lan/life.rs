//! Normal traffic of a segment: hosts and their router resolve each other, communicate with remote hosts, and announce
//! themselves.

use super::super::frames::mac_for;
use super::super::schedule::Schedule;
use super::ethernet::{Path, REPLY, REQUEST, arp, is_at, who_has};
use super::neighbour::{ROUTER, Router, SOLICITED, advertisement, router_advertisement, solicitation};
use super::segment::Lan;
use super::station::{BROADCAST_V4, LINK_LOCAL, MILLISECOND, PREFIX, SECOND, Station, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::{Addr, Mac};

/// Routers advertise for three times their interval (RFC 4861 §6.2.1).
pub(crate) const ADVERTISED: Router = Router { lifetime: 30, prefix: PREFIX };

const MDNS: Addr = Addr::from_v4_bits(0xe000_00fb);
const MDNS6: Addr = Addr::from_v6_bits(0xff02 << 112 | 0xfb);
const SSDP: Addr = Addr::from_v4_bits(0xefff_fffa);
const LLMNR: Addr = Addr::from_v4_bits(0xe000_00fc);

/// `station` resolves the gateway.
pub(crate) fn resolve_gateway(time: u64, station: &Station, gateway: &Station, schedule: &mut Schedule) {
    schedule.send_from_inside(time, who_has(station, gateway.v4));
    schedule.send_from_outside(time + MILLISECOND / 2, is_at((gateway.mac, gateway.v4), (station.mac, station.v4)));
}

/// The same over IPv6.
pub(crate) fn resolve_router(time: u64, station: &Station, gateway: &Station, schedule: &mut Schedule) {
    schedule.send_from_inside(time, solicitation(station, gateway.local));
    let to = (station.mac, station.local);
    let answer = advertisement((gateway.mac, gateway.local), to, ROUTER | SOLICITED, gateway.local);
    schedule.send_from_outside(time + MILLISECOND / 2, answer);
}

/// The gateway resolves `station`.
fn resolve_host(time: u64, station: &Station, gateway: &Station, schedule: &mut Schedule) {
    schedule.send_from_outside(time, who_has(gateway, station.v4));
    schedule.send_from_inside(time + MILLISECOND / 2, is_at((station.mac, station.v4), (gateway.mac, gateway.v4)));
    schedule.send_from_outside(time + MILLISECOND, solicitation(gateway, station.v6));
    let answer = advertisement((station.mac, station.v6), (gateway.mac, gateway.local), SOLICITED, station.v6);
    schedule.send_from_inside(time + 2 * MILLISECOND, answer);
}

/// `count` hosts with `rate` datagrams per second each, and a gateway at `source_mac`: lookups as caches expire, first
/// by broadcast, then with a unicast poll (RFC 1122 §2.3.2.1), and router advertisements every 10 s.
pub(crate) fn ordinary(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let gateway = Station { mac: segment.source_mac.unwrap_or(segment.gateway.mac), ..segment.gateway };
    for time in segment.every(100 * MILLISECOND, 10 * SECOND) {
        schedule.send_from_outside(time, router_advertisement((gateway.mac, gateway.local), ADVERTISED));
    }
    for (number, host) in (0u64..).zip(segment.hosts()) {
        let offset = number * 37 * MILLISECOND;
        for (turn, time) in segment.every(offset, 20 * SECOND).enumerate() {
            if turn == 0 {
                resolve_gateway(time, &host, &gateway, schedule);
            } else {
                let (own, other) = ((host.mac, host.v4), (gateway.mac, gateway.v4));
                schedule.send_from_inside(time, arp((own.0, other.0), REQUEST, own, (Mac::ZERO, other.1)));
                schedule.send_from_outside(time + MILLISECOND, arp((other.0, own.0), REPLY, other, own));
            }
            resolve_router(time + 5 * MILLISECOND, &host, &gateway, schedule);
        }
        for time in segment.every(offset + 700 * MILLISECOND, 25 * SECOND) {
            resolve_host(time, &host, &gateway, schedule);
        }
        let step = (1e9 / segment.rate.clamp(0.01, 1e4)) as u64;
        for time in segment.every(offset + 50 * MILLISECOND, step) {
            exchange_with_remote(time, &host, &gateway, schedule);
        }
    }
}

/// mDNS announcement of a host to both groups (RFC 6762 §8.3); the octets depend only on `number`.
pub(crate) fn mdns(time: u64, station: &Station, number: u64, schedule: &mut Schedule) {
    let mut text = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x06host".to_vec();
    text.extend(format!("{:02}", number % 100).bytes());
    text.extend(b"\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04");
    text.extend((station.v4.bits() as u32).to_be_bytes());
    let ports = (5353, 5353);
    // avahi sets "don't fragment" and leaves the identification 0.
    let four = Path { ttl: 255, ..Path::group((station.mac, station.v4), MDNS, 0) };
    let six = Path { ttl: 255, ..Path::group((station.mac, station.local), MDNS6, 0) };
    schedule.send_from_inside(time, four.udp(ports, &text));
    schedule.send_from_inside(time + MILLISECOND, six.udp(ports, &text));
}

/// Hosts in turn announce themselves over mDNS, each twice, a second apart, with the same octets.
pub(crate) fn mdns_chatter(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let number = count % segment.count.clamp(1, 200);
    let host = Station::host(20 + number as u8);
    mdns(now, &host, number, schedule);
    mdns(now + SECOND, &host, number, schedule);
}

/// Discovery by Windows and Linux hosts: NetBIOS names by broadcast, three times (RFC 1002 §4.2.1), LLMNR twice, SSDP
/// three times, mDNS with identical repetitions as avahi sends it, and ARP. `rate` counts these events.
pub(crate) fn windows(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let number = schedule.rng.below(segment.count.clamp(1, 900));
    // A larger network than a /24: 10.20.0.0/22.
    let address = Addr::from_v4_bits(0x0a14_0000 | (number as u32 + 10));
    let station = Station::slaac(mac_for(address), address);
    let sender = (station.mac, station.v4);
    let id = schedule.rng.next_u16();
    match count % 5 {
        0 => {
            let name = b"\x80\x01\x01\x10\0\x01\0\0\0\0\0\0\x20FHEPFCELEHFCEPFFFACACACACACACABL\0\0\x20\0\x01";
            for again in 0..3 {
                let path = Path {
                    ttl: 128,
                    ..Path::new(sender, (Mac::BROADCAST, directed_broadcast(station.v4)), id.wrapping_add(again))
                };
                schedule.send_from_inside(now + u64::from(again) * 750 * MILLISECOND, path.udp((137, 137), name));
            }
        }
        1 => {
            let port = schedule.rng.port();
            let name = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x04wpad\0\0\x01\0\x01";
            for again in 0..2 {
                let path = Path { ttl: 1, ..Path::group(sender, LLMNR, id.wrapping_add(again)) };
                schedule.send_from_inside(now + u64::from(again) * 400 * MILLISECOND, path.udp((port, 5355), name));
            }
        }
        2 => {
            let port = schedule.rng.port();
            let text = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n";
            for again in 0..3 {
                let path = Path { ttl: 1, ..Path::group(sender, SSDP, id.wrapping_add(again)) };
                schedule.send_from_inside(now + u64::from(again) * SECOND, path.udp((port, 1900), text));
            }
        }
        3 => {
            for after in [0, 1, 3] {
                mdns(now + after * SECOND, &station, number, schedule);
            }
        }
        _ => {
            let other = Addr::from_v4_bits(0x0a14_0000 | (schedule.rng.below(300) as u32 + 10));
            schedule.send_from_inside(now, who_has(&station, other));
        }
    }
}

/// The directed broadcast address of 10.20.0.0/22, or the limited one.
const fn directed_broadcast(address: Addr) -> Addr {
    if address.bits() as u32 >> 24 == 10 { Addr::from_v4_bits(0x0a14_03ff) } else { BROADCAST_V4 }
}

/// Lookups of the gateway in the first seconds, then traffic between neighbours only.
pub(crate) fn quiet_night(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let hosts: Vec<Station> = segment.hosts().collect();
    let router = Router { lifetime: 1_800, prefix: PREFIX };
    schedule.send_from_outside(now, router_advertisement((segment.gateway.mac, segment.gateway.local), router));
    for (number, host) in (1u64..).zip(&hosts) {
        resolve_gateway(now + number * 300 * MILLISECOND, host, &segment.gateway, schedule);
        resolve_router(now + number * 310 * MILLISECOND, host, &segment.gateway, schedule);
    }
    for (a, b) in hosts.iter().zip(hosts.iter().skip(1)) {
        for time in segment.every(3 * SECOND, 2 * SECOND) {
            let id = schedule.rng.next_u16();
            schedule
                .send_between_guests(time, Path::new((a.mac, a.v4), (b.mac, b.v4), id).udp((51_820, 51_820), &[7; 64]));
            schedule.send_between_guests(
                time + MILLISECOND,
                Path::new((b.mac, b.v4), (a.mac, a.v4), id).udp((51_820, 51_820), &[8; 64]),
            );
        }
    }
}

/// A misconfigured host requests every second a gateway that does not exist.
pub(crate) fn wrong_gateway(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let absent = Addr::from_v6_bits(LINK_LOCAL | 0xfe);
    for time in segment.every(0, SECOND) {
        schedule.send_from_inside(time, who_has(&segment.victim, inside(254)));
        schedule.send_from_inside(time + 300 * MILLISECOND, solicitation(&segment.victim, absent));
    }
}
