//! Stations that impersonate another: to the victim, to the router, to all stations, or in every packet they send.

use super::super::frames::Way;
use super::super::schedule::Schedule;
use super::ethernet::{Path, announcement, gratuitous, is_at, who_has};
use super::neighbour::{
    OVERRIDE, ROUTER, SOLICITED, advertisement, duplicate_probe, solicitation, unsolicited_advertisement,
};
use super::segment::Lan;
use super::station::{MILLISECOND, PREFIX, REMOTE_HOST, SECOND, Station, drawn_mac, guest};
use super::wire::Wire;
use crate::base::Addr;

/// The attacker resolves gateway and victim.
fn resolve_victims(time: u64, segment: &Lan, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = segment;
    schedule.send_from_inside(time, who_has(attacker, gateway.v4));
    schedule.send_from_outside(time + MILLISECOND, is_at((gateway.mac, gateway.v4), (attacker.mac, attacker.v4)));
    schedule.send_from_inside(time + 2 * MILLISECOND, who_has(attacker, victim.v4));
    schedule.send_between_guests(time + 3 * MILLISECOND, is_at((victim.mac, victim.v4), (attacker.mac, attacker.v4)));
}

/// arpspoof -r, ettercap, bettercap: unsolicited replies to victim and gateway, `rate` per second each; the attacker
/// forwards the traffic between the two.
pub(crate) fn both_ways(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = segment;
    resolve_victims(now, segment, schedule);
    let step = (1e9 / segment.rate.clamp(0.01, 1e4)) as u64;
    for time in segment.every(50 * MILLISECOND, step) {
        schedule.send_between_guests(time, is_at((attacker.mac, gateway.v4), (victim.mac, victim.v4)));
        schedule.send_from_inside(time + MILLISECOND, is_at((attacker.mac, victim.v4), (gateway.mac, gateway.v4)));
    }
    for time in segment.every(500 * MILLISECOND, SECOND / 2) {
        let id = schedule.rng.next_u16();
        let ports = (51_820, 51_820);
        let path = |from: &Station, to: &Station, source, target| Path::new((from.mac, source), (to.mac, target), id);
        schedule.send_between_guests(time, path(victim, attacker, victim.v4, REMOTE_HOST).udp(ports, &[5; 80]));
        let passed = path(attacker, gateway, victim.v4, REMOTE_HOST);
        schedule.send_from_inside(time + MILLISECOND, Path { ttl: 63, ..passed }.udp(ports, &[5; 80]));
        let back = Path { ttl: 53, ..path(gateway, attacker, REMOTE_HOST, victim.v4) };
        schedule.send_from_outside(time + 12 * MILLISECOND, back.udp(ports, &[6; 80]));
        let passed = Path { ttl: 52, ..path(attacker, victim, REMOTE_HOST, victim.v4) };
        schedule.send_between_guests(time + 13 * MILLISECOND, passed.udp(ports, &[6; 80]));
    }
}

/// Cain: a single forged reply to the victim.
pub(crate) fn once(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = segment;
    schedule.send_between_guests(now, is_at((attacker.mac, gateway.v4), (victim.mac, victim.v4)));
}

/// arpspoof without -t: broadcast replies every 2 s, while the gateway still answers.
pub(crate) fn to_all(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, .. } = segment;
    for (number, time) in (0u64..).zip(segment.every(0, 2 * SECOND)) {
        schedule.send_from_inside(time, gratuitous(attacker.mac, gateway.v4));
        let host = Station::host(201 + (number % 20) as u8);
        schedule.send_from_outside(time + 900 * MILLISECOND, who_has(gateway, host.v4));
        schedule.send_from_inside(time + 901 * MILLISECOND, is_at((host.mac, host.v4), (gateway.mac, gateway.v4)));
        schedule.send_from_inside(time + 1_300 * MILLISECOND, who_has(&host, gateway.v4));
        schedule.send_from_outside(time + 1_301 * MILLISECOND, is_at((gateway.mac, gateway.v4), (host.mac, host.v4)));
    }
}

/// parasite6 answers the victim's solicitation in addition to the router, and fake_advertise6 sends unsolicited
/// advertisements of router and victim at the attacker's MAC address to all nodes; `rate` per second each, with
/// override.
pub(crate) fn advertised(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = segment;
    let claim = OVERRIDE | SOLICITED;
    schedule.send_from_inside(now, solicitation(victim, gateway.local));
    let real = advertisement(
        (gateway.mac, gateway.local),
        (victim.mac, victim.local),
        ROUTER | SOLICITED | OVERRIDE,
        gateway.local,
    );
    schedule.send_from_outside(now + MILLISECOND, real);
    let forged = advertisement((attacker.mac, gateway.local), (victim.mac, victim.local), claim, gateway.local);
    schedule.send_between_guests(now + 2 * MILLISECOND, forged);
    let step = (1e9 / segment.rate.clamp(0.01, 1e4)) as u64;
    for time in segment.every(100 * MILLISECOND, step) {
        let router = unsolicited_advertisement((attacker.mac, gateway.local), ROUTER | OVERRIDE, gateway.local);
        schedule.send_from_inside(time, router);
        let host = unsolicited_advertisement((attacker.mac, victim.v6), OVERRIDE, victim.v6);
        schedule.send_from_inside(time + MILLISECOND, host);
    }
}

/// dos-new-ip6: the attacker claims every address that a new guest tests.
pub(crate) fn all_addresses_taken(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    for (number, time) in (0u64..).zip(segment.every(0, SECOND)) {
        let new = drawn_mac(number / 3);
        // Three attempts with different addresses (RFC 7217), then the next guest.
        let wanted = Addr::from_v6_bits(PREFIX | u128::from(schedule.rng.next_u64()));
        schedule.send_from_inside(time, duplicate_probe(new, wanted));
        let taken = unsolicited_advertisement((segment.attacker.mac, wanted), OVERRIDE, wanted);
        schedule.send_from_inside(time + 2 * MILLISECOND, taken);
    }
}

/// Guest 104 sends datagrams, requests and replies with its own MAC address and the address of guest 105, `rate` times
/// per second.
pub(crate) fn as_another_guest(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let station = guest(104);
    let stolen = Station { mac: station.mac, ..guest(105) };
    let gateway = &segment.gateway;
    match count % 4 {
        0 => {
            let path = Path::new((station.mac, stolen.v4), (gateway.mac, REMOTE_HOST), schedule.rng.next_u16());
            schedule.send_from_inside(now, path.udp((51_820, 51_820), &[9; 60]));
        }
        1 => schedule.send_from_inside(now, who_has(&stolen, gateway.v4)),
        2 => schedule.send_from_inside(now, solicitation(&Station { local: stolen.v6, ..stolen }, gateway.local)),
        _ => {
            let answer = is_at((station.mac, stolen.v4), (gateway.mac, gateway.v4));
            schedule.send_from_inside(now, answer);
            schedule.send_from_inside(now + MILLISECOND, announcement(station.mac, stolen.v4));
        }
    }
}

/// Normal traffic of guests 104 and 105 with their own addresses, on two ports of the bridge.
pub(crate) fn two_guests(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    for (port, number) in [(0, 104), (1, 105)] {
        let station = guest(number);
        for time in segment.every(u64::from(port) * 20 * MILLISECOND, SECOND) {
            let way = Way::Outward;
            let id = schedule.rng.next_u16();
            let out = Path::new((station.mac, station.v4), (segment.gateway.mac, REMOTE_HOST), id);
            schedule.send_on_port(time, port, way, out.udp((51_820, 51_820), &[2; 70]));
            schedule.send_on_port(time + MILLISECOND, port, way, who_has(&station, segment.gateway.v4));
            let reply = is_at((segment.gateway.mac, segment.gateway.v4), (station.mac, station.v4));
            schedule.send_on_port(time + 2 * MILLISECOND, port, way.reverse(), reply);
            schedule.send_on_port(time + 3 * MILLISECOND, port, way, solicitation(&station, segment.gateway.local));
        }
    }
}
