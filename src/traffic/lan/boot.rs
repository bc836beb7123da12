//! Guests that boot, alone and by the hundred, and containers that start: new stations with their first messages.

use super::super::schedule::Schedule;
use super::ethernet::{Path, announcement, probe, who_has};
use super::lease::{self, REQUEST, obtain};
use super::life::{ADVERTISED, mdns, resolve_gateway, resolve_router};
use super::neighbour::{duplicate_probe, listener_report, router_advertisement, router_solicitation, solicited_node};
use super::segment::Lan;
use super::station::{MILLISECOND, REMOTE_HOST, SECOND, Station, drawn_mac, guest, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::{Addr, Mac};

/// An IPv6 stack starts (RFC 4862, RFC 3810): it joins groups, tests its addresses, and solicits a router, which
/// answers.
fn configure_v6(time: u64, station: &Station, gateway: &Station, schedule: &mut Schedule) {
    let unspecified = Addr::UNSPECIFIED;
    schedule.send_from_inside(time, listener_report(station.mac, unspecified, solicited_node(station.local)));
    schedule.send_from_inside(time + 50 * MILLISECOND, duplicate_probe(station.mac, station.local));
    let up = time + 1_050 * MILLISECOND;
    schedule.send_from_inside(up, listener_report(station.mac, station.local, solicited_node(station.local)));
    schedule.send_from_inside(up + 10 * MILLISECOND, router_solicitation(station.mac, station.local));
    schedule.send_from_outside(up + 60 * MILLISECOND, router_advertisement((gateway.mac, gateway.local), ADVERTISED));
    schedule.send_from_inside(
        up + 70 * MILLISECOND,
        listener_report(station.mac, station.local, solicited_node(station.v6)),
    );
    schedule.send_from_inside(up + 90 * MILLISECOND, duplicate_probe(station.mac, station.v6));
    resolve_router(up + 1_200 * MILLISECOND, station, gateway, schedule);
}

/// An IPv4 stack with a new address: it tests and announces the address (RFC 5227), then uses it.
fn configure_v4(time: u64, station: &Station, gateway: &Station, schedule: &mut Schedule) {
    for number in 0..3 {
        schedule.send_from_inside(time + number * 150 * MILLISECOND, probe(station.mac, station.v4));
    }
    let free = time + 600 * MILLISECOND;
    for number in 0..2 {
        schedule.send_from_inside(free + number * 200 * MILLISECOND, announcement(station.mac, station.v4));
    }
    resolve_gateway(free + 250 * MILLISECOND, station, gateway, schedule);
}

/// A guest boots at `time`: lease, addresses, router, name, and then traffic until `until`.
fn boot((time, until): (u64, u64), station: &Station, gateway: &Station, schedule: &mut Schedule) {
    configure_v6(time, station, gateway, schedule);
    let leased = obtain(time + 100 * MILLISECOND, station, gateway, schedule);
    configure_v4(leased + 10 * MILLISECOND, station, gateway, schedule);
    for second in 2..4 {
        mdns(time + second * SECOND, station, station.v4.bits() as u64, schedule);
    }
    for time in (time + 1_500 * MILLISECOND..until).step_by(SECOND as usize) {
        exchange_with_remote(time, station, gateway, schedule);
    }
}

/// `count` guests with random MAC addresses boot within 3 s, as after a power cut.
pub(crate) fn power_cut(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    for number in 0..segment.count.min(220) {
        let mac = drawn_mac(schedule.rng.next_u64());
        let station = Station::slaac(mac, inside(20 + number as u8));
        let time = now + schedule.rng.below(3 * SECOND);
        boot((time, segment.end), &station, &segment.gateway, schedule);
    }
}

/// `count` stations come up one after the other within the first two thirds of the span, without DHCP, and communicate.
pub(crate) fn one_by_one(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let stations = segment.count.clamp(1, 1_000);
    let step = (segment.end - now) / 3 * 2 / stations;
    for number in 0..stations {
        let address = Addr::from_v4_bits(0x0a14_000a + number as u32);
        let station = Station::slaac(drawn_mac(schedule.rng.next_u64()), address);
        let time = now + number * step;
        configure_v6(time, &station, &segment.gateway, schedule);
        configure_v4(time + 10 * MILLISECOND, &station, &segment.gateway, schedule);
        for time in (time + SECOND..segment.end).step_by(2 * SECOND as usize) {
            exchange_with_remote(time, &station, &segment.gateway, schedule);
        }
    }
}

/// One guest boots and obtains the address `target`.
pub(crate) fn one(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    boot((now, segment.end), &segment.victim, &segment.gateway, schedule);
}

/// `count` times in the span.
pub(crate) fn again_and_again(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let times = segment.count.max(1);
    let step = (segment.end - now) / times;
    for number in 0..times {
        let time = now + number * step;
        // A guest is down for the last tenth of each interval. Every other time it releases its address before.
        let down = time + step / 10 * 9;
        boot((time, down), &segment.victim, &segment.gateway, schedule);
        if number % 2 == 0 {
            let transaction = schedule.rng.next_u32();
            let release = lease::to_server(&segment.victim, &segment.gateway, lease::RELEASE, transaction);
            schedule.send_from_inside(down, release);
        }
    }
}

/// `count` guests configure themselves one after another, without DHCP.
pub(crate) fn slaac(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    for number in 0..segment.count.min(200) {
        let station = Station::slaac(drawn_mac(schedule.rng.next_u64()), inside(20 + number as u8));
        configure_v6(now + number * SECOND, &station, &segment.gateway, schedule);
    }
}

/// Guest 104 uses all addresses that it may use: its listed ones, its link-local one, the unspecified one in probes,
/// and 203.0.113.180, which the server has leased to it.
pub(crate) fn renewals(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let station = guest(104);
    let gateway = &segment.gateway;
    configure_v6(now, &station, gateway, schedule);
    configure_v4(now + 200 * MILLISECOND, &station, gateway, schedule);
    let leased = Station { v4: inside(180), ..station };
    let done = obtain(now + 2 * SECOND, &leased, gateway, schedule);
    // Clients that test no address use it at once (RFC 2131 §3.1: SHOULD test).
    exchange_with_remote(done + 2 * MILLISECOND, &leased, gateway, schedule);
    configure_v4(done + 10 * MILLISECOND, &leased, gateway, schedule);
    for time in segment.every(4 * SECOND, SECOND) {
        exchange_with_remote(time, &station, gateway, schedule);
        exchange_with_remote(time + 300 * MILLISECOND, &leased, gateway, schedule);
        resolve_router(time + 500 * MILLISECOND, &station, gateway, schedule);
        let path =
            Path::new((station.mac, station.v6), (gateway.mac, Addr::from_v6_bits(0x2001_0db8_8000 << 80 | 7)), 0);
        schedule.send_from_inside(time + 600 * MILLISECOND, path.udp((51_820, 51_820), &[1; 90]));
    }
    for time in segment.every(10 * SECOND, 10 * SECOND) {
        let transaction = schedule.rng.next_u32();
        schedule.send_from_inside(time, lease::to_server(&leased, gateway, REQUEST, transaction));
        let renewed = lease::answer(gateway, station.mac, lease::ACK, transaction, leased.v4);
        schedule.send_from_outside(time + 5 * MILLISECOND, renewed);
    }
}

/// The bridge of a container engine: `count` veths with random MAC addresses start within 5 s, resolve the bridge, and
/// communicate with remote hosts through NAT of the host. Captured on the bridge.
pub(crate) fn pods(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let address = |number: u64| Addr::from_v4_bits(0xac11_0001 + number as u32);
    let bridge = Station::new(Mac([2, 0x42, 0xac, 0x11, 0, 1]), address(0));
    for number in 1..=segment.count.min(5_000) {
        let station = Station::slaac(drawn_mac(schedule.rng.next_u64()), address(number));
        let time = now + schedule.rng.below(5 * SECOND);
        schedule.send_from_inside(time, listener_report(station.mac, Addr::UNSPECIFIED, solicited_node(station.local)));
        schedule.send_from_inside(time + 20 * MILLISECOND, duplicate_probe(station.mac, station.local));
        schedule.send_from_inside(time + 1_100 * MILLISECOND, router_solicitation(station.mac, station.local));
        resolve_gateway(time + 200 * MILLISECOND, &station, &bridge, schedule);
        schedule.send_from_outside(time + 5 * SECOND, who_has(&bridge, station.v4));
        for time in (time + 300 * MILLISECOND..segment.end).step_by(SECOND as usize) {
            let port = schedule.rng.port();
            let id = schedule.rng.next_u16();
            let out = Path::new((station.mac, station.v4), (bridge.mac, REMOTE_HOST), id);
            let back = Path::new((bridge.mac, REMOTE_HOST), (station.mac, station.v4), id);
            schedule.send_from_inside(time, out.udp((port, 51_820), &[3; 120]));
            schedule.send_from_outside(time + 9 * MILLISECOND, back.udp((51_820, port), &[4; 400]));
        }
    }
}
