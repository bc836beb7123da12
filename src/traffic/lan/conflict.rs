//! One IP address at two MAC addresses: by mistake, by ARP flux of the kernel, and on purpose.

use super::super::schedule::Schedule;
use super::ethernet::{announcement, is_at, probe, who_has};
use super::segment::Lan;
use super::station::{MILLISECOND, SECOND, Station, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::Mac;

/// Second NIC of the target host.
const SECOND_NIC: Mac = Mac([2, 0, 0xcb, 0, 0x71, 0xf7]);

/// Two hosts have the same address: both announce it when they boot, the first defends it once (RFC 5227 §2.4 b), and
/// both answer requests every 2 s.
pub(crate) fn two_hosts(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = segment;
    schedule.send_from_inside(now, announcement(victim.mac, victim.v4));
    let booted = now + 300 * MILLISECOND;
    schedule.send_from_inside(booted, announcement(attacker.mac, victim.v4));
    schedule.send_from_inside(booted + 2 * MILLISECOND, announcement(victim.mac, victim.v4));
    for time in segment.every(500 * MILLISECOND, 2 * SECOND) {
        schedule.send_from_outside(time, who_has(gateway, victim.v4));
        schedule.send_from_inside(time + MILLISECOND, is_at((victim.mac, victim.v4), (gateway.mac, gateway.v4)));
        schedule.send_from_inside(time + 3 * MILLISECOND, is_at((attacker.mac, victim.v4), (gateway.mac, gateway.v4)));
        exchange_with_remote(time + 500 * MILLISECOND, victim, gateway, schedule);
        exchange_with_remote(time + 800 * MILLISECOND, &Station { mac: attacker.mac, ..*victim }, gateway, schedule);
    }
}

/// A Linux host with two NICs in one network (arp_ignore = 0): each NIC answers for the addresses of both, within
/// microseconds.
pub(crate) fn flux(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { victim, gateway, .. } = segment;
    let other = Station { v4: inside(247), ..*victim };
    for (mac, address) in [(victim.mac, victim.v4), (SECOND_NIC, other.v4)] {
        schedule.send_from_inside(now, probe(mac, address));
        schedule.send_from_inside(now + SECOND, announcement(mac, address));
    }
    for (number, time) in (0u64..).zip(segment.every(2 * SECOND, 3 * SECOND)) {
        let wanted = if number % 2 == 0 { victim.v4 } else { other.v4 };
        schedule.send_from_outside(time, who_has(gateway, wanted));
        for (after, mac) in [(40_000, victim.mac), (55_000, SECOND_NIC)] {
            schedule.send_from_inside(time + after, is_at((mac, wanted), (gateway.mac, gateway.v4)));
        }
        exchange_with_remote(time + SECOND, victim, gateway, schedule);
        // Responses leave by the NIC of the route, regardless of their source address.
        exchange_with_remote(time + 2 * SECOND, &other, gateway, schedule);
    }
}

/// Linux bonding in mode balance-alb: each of `count` clients gets one of two MAC addresses in replies; when the bond
/// rebalances in the middle of the span, a quarter of them get the other one.
pub(crate) fn balance(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let server = segment.victim;
    let mac_of = |number: u64| if number.is_multiple_of(2) { server.mac } else { SECOND_NIC };
    for number in 0..segment.count.clamp(1, 50) {
        let client = Station::host(200 + number as u8);
        for time in segment.every(number * 71 * MILLISECOND, 10 * SECOND) {
            let moved = u64::from(time >= segment.middle() && number % 4 == 0);
            let mac = mac_of(number + moved);
            schedule.send_from_inside(time, who_has(&client, server.v4));
            schedule.send_from_inside(time + MILLISECOND, is_at((mac, server.v4), (client.mac, client.v4)));
        }
        if number % 4 == 0 {
            let mac = mac_of(number + 1);
            schedule.send_from_inside(
                segment.middle() + number * MILLISECOND,
                is_at((mac, server.v4), (client.mac, client.v4)),
            );
        }
    }
    schedule.send_from_inside(now, announcement(server.mac, server.v4));
}
