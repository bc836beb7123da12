//! Floods of frames that a switch forwards to every port, sent by one station, by many, or by a loop.

use super::super::frames::{ACK, PSH, SYN, Way};
use super::super::rng::mix;
use super::super::schedule::Schedule;
use super::ethernet::{Path, frame, gratuitous, who_has};
use super::lease::{DISCOVER, query};
use super::segment::Lan;
use super::station::{BROADCAST_V4, MILLISECOND, SECOND, Station, drawn_mac, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::{Addr, Mac};

/// Local experimental EtherType 1 (IEEE 802).
const EXPERIMENTAL: u16 = 0x88b5;

/// A fully random MAC address as in macof: half of them are group addresses.
const fn any_mac(draw: u64) -> Mac {
    let [a, b, c, d, e, f, ..] = draw.to_le_bytes();
    Mac([a, b, c, d, e, f])
}

/// macof (dsniff): SYN with window 512 between random MAC and IP addresses.
pub(crate) fn macof(_segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let rng = &mut schedule.rng;
    let (from, to) = (any_mac(rng.next_u64()), any_mac(rng.next_u64()));
    let (source, target) = (Addr::from_v4_bits(rng.next_u32()), Addr::from_v4_bits(rng.next_u32()));
    let ports = (rng.next_u16(), rng.next_u16());
    let sequence = rng.next_u32();
    let path = Path::new((from, source), (to, target), rng.next_u16());
    schedule.send_from_outside(now, path.tcp(ports, (SYN, sequence), &[]));
}

/// The same with source addresses of single stations, as in later versions of the tool.
pub(crate) fn macof_stations(_segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let rng = &mut schedule.rng;
    let (from, to) = (drawn_mac(rng.next_u64()), drawn_mac(rng.next_u64()));
    let (source, target) = (Addr::from_v4_bits(rng.next_u32()), Addr::from_v4_bits(rng.next_u32()));
    let ports = (rng.next_u16(), rng.next_u16());
    let sequence = rng.next_u32();
    let path = Path::new((from, source), (to, target), rng.next_u16());
    schedule.send_from_outside(now, path.tcp(ports, (SYN, sequence), &[]));
}

/// One station requests the same four addresses repeatedly.
pub(crate) fn arp(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    schedule.send_from_inside(now, who_has(&segment.attacker, inside(1 + (count % 4) as u8)));
}

/// One station announces its own address repeatedly.
pub(crate) fn gratuitous_arp(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    schedule.send_from_inside(now, gratuitous(segment.attacker.mac, segment.attacker.v4));
}

/// A load balancer takes over: `count` addresses, each announced five times within a second, once.
pub(crate) fn takeover(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let mac = segment.source_mac.unwrap_or(Mac([2, 0, 0, 0, 0, 0xb1]));
    let addresses = segment.count.min(240);
    for round in 0..5 {
        for number in 0..addresses {
            let time = now + round * 200 * MILLISECOND + number * 300_000;
            schedule.send_from_inside(time, gratuitous(mac, inside(10 + number as u8)));
        }
    }
}

/// A pair of routers (VRRP without virtual MAC addresses, as keepalived by default) with `count` addresses: the second
/// takes them over after a third of the span, the first takes them back after two thirds. Each announces every address
/// five times, and again five seconds later.
pub(crate) fn pair_takes_over(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let address = |number: u64| Addr::from_v4_bits(0x0a14_000a + number as u32);
    let addresses = segment.count.min(1_000);
    let routers = [Station::host(2), Station::host(3)];
    let third = (segment.end - now) / 3;
    for (turn, router) in (0u64..).zip([routers[0], routers[1], routers[0]]) {
        let (start, end) = (now + turn * third, now + (turn + 1) * third);
        for (delay, round) in [0, 5 * SECOND].into_iter().flat_map(|delay| (0..5).map(move |round| (delay, round))) {
            for number in 0..addresses {
                let place = round * addresses + number;
                schedule.send_from_inside(start + delay + place * 50_000, gratuitous(router.mac, address(number)));
            }
        }
        for time in (start..end).step_by(SECOND as usize) {
            let routers = Addr::from_v4_bits(0xe000_0012);
            let path = Path::group((router.mac, router.v4), routers, schedule.rng.next_u16());
            schedule.send_from_inside(time + 700 * MILLISECOND, path.vrrp(51, 150, address(0)));
        }
    }
    for router in routers {
        for time in segment.every(300 * MILLISECOND, 4 * SECOND) {
            schedule.send_from_inside(time, who_has(&router, segment.gateway.v4));
            exchange_with_remote(time + SECOND, &router, &segment.gateway, schedule);
        }
    }
}

/// Positive NetBIOS name answers (RFC 1002 §4.2.13) of one station to the broadcast address of its network.
pub(crate) fn netbios_answers(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let to = (Mac::BROADCAST, inside(255));
    let path = Path::new((segment.attacker.mac, segment.attacker.v4), to, count as u16);
    let mut answer = (count as u16).to_be_bytes().to_vec();
    answer.extend(b"\x85\x80\0\0\0\x01\0\0\0\0\x20FHEPFCELEHFCEPFFFACACACACACACABL\0\0\x20\0\x01\0\0\0\x0a\0\x06\0\0");
    answer.extend((segment.attacker.v4.bits() as u32).to_be_bytes());
    schedule.send_from_inside(now, Path { ttl: 128, ..path }.udp((137, 137), &answer));
}

/// UDP broadcasts of one station.
pub(crate) fn broadcast(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    send_broadcast(&segment.attacker, now, segment.payload, schedule);
}

/// The same from `count` stations in turn.
pub(crate) fn broadcast_of_many(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let station = Station::host(20 + (count % segment.count.clamp(1, 200)) as u8);
    send_broadcast(&station, now, segment.payload, schedule);
}

fn send_broadcast(station: &Station, now: u64, octets: usize, schedule: &mut Schedule) {
    let path = Path::group((station.mac, station.v4), BROADCAST_V4, schedule.rng.next_u16());
    let mut payload = Vec::new();
    schedule.rng.fill(&mut payload, octets);
    schedule.send_from_inside(now, path.udp((40_000, 9), &payload));
}

/// One station to `count` groups of 239/8 without members.
pub(crate) fn multicast(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let group = Addr::from_v4_bits(0xef01_0200 | (count % segment.count.clamp(1, 200)) as u32);
    let path = Path::group((segment.attacker.mac, segment.attacker.v4), group, schedule.rng.next_u16());
    let mut payload = Vec::new();
    schedule.rng.fill(&mut payload, segment.payload);
    schedule.send_from_inside(now, path.udp((40_000, 5_004), &payload));
}

/// Television: RTP of one source to one group, for which the router queries and which three hosts have joined.
pub(crate) fn television(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let group = Addr::from_v4_bits(0xef01_0101);
    if count == 0 {
        for time in segment.every(0, 10 * SECOND) {
            let router = (segment.gateway.mac, segment.gateway.v4);
            let id = schedule.rng.next_u16();
            let all_systems = Addr::from_v4_bits(0xe000_0001);
            schedule.send_from_outside(time, Path::group(router, all_systems, id).igmp_query());
            for number in 0..3u8 {
                let host = Station::host(201 + number);
                let after = u64::from(number + 1) * 700 * MILLISECOND;
                schedule.send_from_inside(time + after, Path::group((host.mac, host.v4), group, id).igmp_report());
            }
        }
    }
    let head_end = Station::host(40);
    // RTP with seven packets of a transport stream (RFC 2250).
    let mut payload = vec![0x80, 33];
    payload.extend((count as u16).to_be_bytes());
    schedule.rng.fill(&mut payload, segment.payload);
    let path = Path { ttl: 8, ..Path::group((head_end.mac, head_end.v4), group, count as u16) };
    schedule.send_from_outside(now, path.udp((5_004, 5_004), &payload));
}

/// Frames of one station to unknown MAC addresses, which a switch floods.
pub(crate) fn unknown_unicast(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let draw = schedule.rng.next_u64();
    let Mac([a, rest @ ..]) = any_mac(draw);
    let [b, c, d, e, f] = rest;
    // Universally administered, unicast.
    let to = Mac([a & 0xfc, b, c, d, e, f]);
    schedule.send_from_inside(now, frame(segment.attacker.mac, to, EXPERIMENTAL, &[0x5a; 64]));
}

/// A backup between two hosts of which only one direction is captured: full TCP segments to one MAC address.
pub(crate) fn backup(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let (from, to) = (Station::host(21), segment.victim);
    let path = Path::new((from.mac, from.v4), (to.mac, to.v4), count as u16);
    let sequence = (count as u32).wrapping_mul(1_448);
    let mut payload = Vec::new();
    schedule.rng.fill(&mut payload, segment.payload);
    schedule.send_from_inside(now, path.tcp((50_022, 22), (ACK | PSH, sequence), &payload));
}

/// Frame `number` in a loop: a broadcast or multicast of one of five stations, identical each time.
fn looping_frame(number: u64) -> Vec<u8> {
    let station = Station::host(31 + (number % 5) as u8);
    let draw = mix(number);
    let sender = (station.mac, station.v4);
    let id = draw as u16;
    match number % 4 {
        0 => who_has(&station, inside(draw as u8)),
        1 => {
            let group = Addr::from_v4_bits(0xe000_00fb);
            Path { ttl: 255, ..Path::group(sender, group, id) }.udp((5353, 5353), &[0; 40])
        }
        2 => query(station.mac, station.mac, DISCOVER, draw as u32, &[]),
        _ => {
            let port = 50_000 | id;
            Path::group(sender, BROADCAST_V4, id).udp((port, 6_771), &draw.to_be_bytes())
        }
    }
}

/// Interval at which the five stations send a new frame, in nanoseconds.
const NEW_FRAME_INTERVAL: u64 = 100 * MILLISECOND;

/// A random frame of the last two seconds.
fn next_looping_frame(segment: &Lan, now: u64, schedule: &mut Schedule) -> Vec<u8> {
    let latest = (now - segment.start) / NEW_FRAME_INTERVAL;
    looping_frame(latest - schedule.rng.below(20.min(latest + 1)))
}

/// A switching loop outside: `rate` ingress frames per second that repeat the same frames.
pub(crate) fn switching_loop(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let data = next_looping_frame(segment, now, schedule);
    schedule.send_from_outside(now, data);
}

/// A loop through this host: frames of five inside guests leave once and enter repeatedly.
pub(crate) fn own_frames_return(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    if count == 0 {
        for (number, time) in (0u64..).zip(segment.every(0, NEW_FRAME_INTERVAL)) {
            schedule.send_on_port(time, 0, Way::Outward, looping_frame(number));
        }
    }
    let data = next_looping_frame(segment, now, schedule);
    schedule.send_from_outside(now + MILLISECOND / 10, data);
}
