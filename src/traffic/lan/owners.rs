//! Who has an address: owners that refresh caches, hosts with two NICs, clusters, and stations that ask or answer with the
//! address of another.

use super::super::schedule::Schedule;
use super::ethernet::{Path, REPLY, REQUEST, announcement, arp, gratuitous, is_at, probe, who_has};
use super::neighbour::{
    OVERRIDE, ROUTER, SOLICITED, advertisement, duplicate_probe, solicitation, unsolicited_advertisement,
};
use super::segment::Lan;
use super::station::{MILLISECOND, SECOND, Station, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::{Addr, Mac};

/// Second NIC of the target host.
const SECOND_NIC: Mac = Mac([2, 0, 0xcb, 0, 0x71, 0xf7]);
/// Nodes of the cluster, and the address of their service.
const NODES: [u8; 2] = [21, 22];
const SERVICE: Addr = inside(60);

/// The interval of the part's `rate`, in nanoseconds.
fn step(segment: &Lan) -> u64 {
    (1e9 / segment.rate.clamp(0.01, 1e4)) as u64
}

/// A neighbour of the target.
const fn peer() -> Station {
    Station::host(201)
}

fn refresh(segment: &Lan, frame: fn(&Station, &Station) -> Vec<u8>, uses: bool, schedule: &mut Schedule) {
    let (owner, peer) = (segment.victim, peer());
    // The peer is known for longer than queries may be missed for.
    for time in segment.every(0, SECOND) {
        exchange_with_remote(time, &peer, &segment.gateway, schedule);
    }
    for time in segment.every(3 * SECOND, step(segment)) {
        schedule.send_between_guests(time, frame(&owner, &peer));
    }
    let exchanges = segment.every(6 * SECOND, SECOND / 4).filter(|_| uses);
    for time in exchanges {
        exchange_with_remote(time, &owner, &segment.gateway, schedule);
    }
}

/// The owner (target) refreshes one peer's cache by unsolicited replies, before it sends anything else; after three
/// seconds it uses the address.
pub(crate) fn refreshed(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    refresh(segment, |owner, peer| is_at((owner.mac, owner.v4), (peer.mac, peer.v4)), true, schedule);
}

/// The same by gratuitous replies, whose sender and target are the owner.
pub(crate) fn refreshed_gratuitously(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    refresh(segment, gratuitous_to, true, schedule);
}

/// The same, and it never sends an IP packet.
pub(crate) fn refreshed_only(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    refresh(segment, gratuitous_to, false, schedule);
}

/// The owner also has IPv6 addresses, which it uses more than that of IPv4.
pub(crate) fn refreshed_by_dual_stack(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let owner = segment.victim;
    refreshed(segment, now, count, schedule);
    for time in segment.every(4 * SECOND, SECOND / 5) {
        for source in [owner.v6, owner.local] {
            let to = if source == owner.local { segment.gateway.local } else { segment.gateway.v6 };
            let path = Path::new((owner.mac, source), (segment.gateway.mac, to), 0);
            let after = if source == owner.local { 100 * MILLISECOND } else { 0 };
            schedule.send_from_inside(time + after, path.udp((51_820, 51_820), &[4; 64]));
        }
    }
}

fn gratuitous_to(owner: &Station, peer: &Station) -> Vec<u8> {
    arp((owner.mac, peer.mac), REPLY, (owner.mac, owner.v4), (owner.mac, owner.v4))
}

/// A station's ordinary traffic: it announces and uses its address.
fn lives(station: &Station, segment: &Lan, schedule: &mut Schedule) {
    schedule.send_from_inside(segment.start, announcement(station.mac, station.v4));
    for time in segment.every(200 * MILLISECOND, SECOND) {
        exchange_with_remote(time, station, &segment.gateway, schedule);
    }
    for time in segment.every(700 * MILLISECOND, 5 * SECOND) {
        schedule.send_from_inside(time, who_has(station, segment.gateway.v4));
        let reply = is_at((segment.gateway.mac, segment.gateway.v4), (station.mac, station.v4));
        schedule.send_from_outside(time + MILLISECOND, reply);
    }
}

/// NetCut: the attacker, which has an address, sends requests with the address of the victim (target) to the router and
/// with the router's to the victim, each to one station, `rate` times per second.
pub(crate) fn asked_in_name(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = *segment;
    lives(&attacker, segment, schedule);
    for time in segment.every(SECOND, step(segment)) {
        let request = |name: Station, to: Station| {
            arp((attacker.mac, to.mac), REQUEST, (attacker.mac, name.v4), (Mac::ZERO, to.v4))
        };
        schedule.send_from_inside(time, request(victim, gateway));
        schedule.send_between_guests(time + MILLISECOND, request(gateway, victim));
    }
}

/// The same with the address of one neighbour (target), to another.
pub(crate) fn asked_in_name_of_host(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, .. } = *segment;
    let to = peer();
    lives(&attacker, segment, schedule);
    for time in segment.every(SECOND, step(segment)) {
        let request = arp((attacker.mac, to.mac), REQUEST, (attacker.mac, victim.v4), (Mac::ZERO, to.v4));
        schedule.send_between_guests(time, request);
    }
}

/// A Linux host with two NICs in one network (arp_announce = 0): each NIC asks with the address that the packet has,
/// which may be that of the other NIC. Each answers for its own address only (arp_ignore = 1).
pub(crate) fn asked_from_both(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { victim, gateway, .. } = *segment;
    let second = Station { mac: SECOND_NIC, ..Station::new(SECOND_NIC, inside(247)) };
    lives(&victim, segment, schedule);
    lives(&second, segment, schedule);
    for (number, time) in (0u64..).zip(segment.every(2 * SECOND, 3 * SECOND)) {
        let wanted = Station::host(201 + (number % 5) as u8);
        for (after, nic, source) in [(0, second.mac, victim.v4), (SECOND, victim.mac, second.v4)] {
            schedule.send_from_inside(time + after, who_has(&Station { mac: nic, v4: source, ..victim }, wanted.v4));
            let reply = is_at((wanted.mac, wanted.v4), (nic, source));
            schedule.send_between_guests(time + after + MILLISECOND, reply);
        }
        for (after, station) in [(500, &victim), (1_500, &second)] {
            schedule.send_from_outside(time + after * MILLISECOND, who_has(&gateway, station.v4));
            let reply = is_at((station.mac, station.v4), (gateway.mac, gateway.v4));
            schedule.send_from_inside(time + after * MILLISECOND + MILLISECOND, reply);
        }
    }
}

/// The same host, of which only the first address is in use: the second NIC asks with it. Where `count` is above 1, the
/// second NIC has announced an address of its own.
pub(crate) fn asked_from_second(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let victim = segment.victim;
    let second = Station { mac: SECOND_NIC, ..Station::new(SECOND_NIC, inside(247)) };
    lives(&victim, segment, schedule);
    if segment.count > 1 {
        schedule.send_from_inside(segment.start + SECOND, announcement(second.mac, second.v4));
    }
    for (number, time) in (0u64..).zip(segment.every(2 * SECOND, 3 * SECOND)) {
        let wanted = Station::host(201 + (number % 5) as u8);
        schedule.send_from_inside(time, who_has(&Station { mac: second.mac, ..victim }, wanted.v4));
        let reply = is_at((wanted.mac, wanted.v4), (second.mac, victim.v4));
        schedule.send_between_guests(time + MILLISECOND, reply);
    }
}

/// The target uses its address until the middle. A station with another address then has it as well, without an
/// announcement, and asks with it.
pub(crate) fn asked_after_takeover(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, victim, gateway, .. } = *segment;
    lives(&attacker, segment, schedule);
    let old = Lan { end: segment.middle(), ..segment.clone() };
    lives(&victim, &old, schedule);
    let new = Station { mac: attacker.mac, ..victim };
    for time in (segment.middle() + SECOND..segment.end).step_by(SECOND as usize) {
        schedule.send_from_inside(time, who_has(&new, gateway.v4));
        schedule.send_from_outside(time + MILLISECOND, is_at((gateway.mac, gateway.v4), (new.mac, new.v4)));
        exchange_with_remote(time + 300 * MILLISECOND, &new, &gateway, schedule);
    }
}

/// Two nodes of a cluster, each with an address, that no longer hear each other: both announce the service's address,
/// answer for it and use it.
pub(crate) fn split_cluster(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let gateway = segment.gateway;
    let nodes = NODES.map(Station::host);
    nodes.iter().for_each(|node| lives(node, segment, schedule));
    for (number, node) in (0u64..).zip(&nodes) {
        for repeat in 0..5 {
            let time = segment.start + SECOND + number * 400 * MILLISECOND + repeat * MILLISECOND;
            schedule.send_from_inside(time, gratuitous(node.mac, SERVICE));
        }
    }
    for time in segment.every(2 * SECOND, 2 * SECOND) {
        schedule.send_from_outside(time, who_has(&gateway, SERVICE));
        for (number, node) in (1u64..).zip(&nodes) {
            let reply = is_at((node.mac, SERVICE), (gateway.mac, gateway.v4));
            schedule.send_from_inside(time + number * MILLISECOND, reply);
            let station = Station { v4: SERVICE, ..*node };
            exchange_with_remote(time + number * 300 * MILLISECOND, &station, &gateway, schedule);
        }
    }
}

/// The cluster fails over in the middle, by five announcements; the first node keeps its other address.
pub(crate) fn cluster_moves(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let gateway = segment.gateway;
    let [first, second] = NODES.map(Station::host);
    [first, second].iter().for_each(|node| lives(node, segment, schedule));
    for (start, end, node) in [(segment.start, segment.middle(), first), (segment.middle(), segment.end, second)] {
        for repeat in 0..5 {
            schedule.send_from_inside(start + repeat * MILLISECOND, gratuitous(node.mac, SERVICE));
        }
        for time in (start + SECOND..end).step_by(2 * SECOND as usize) {
            schedule.send_from_outside(time, who_has(&gateway, SERVICE));
            schedule.send_from_inside(time + MILLISECOND, is_at((node.mac, SERVICE), (gateway.mac, gateway.v4)));
            exchange_with_remote(time + 300 * MILLISECOND, &Station { v4: SERVICE, ..node }, &gateway, schedule);
        }
    }
}

/// The router reboots, tests its IPv4 address three times (RFC 5227 §2.1.1), and the attacker answers.
pub(crate) fn router_denied(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, .. } = *segment;
    for time in segment.every(0, 4 * SECOND) {
        for number in 0..3 {
            let asked = time + number * SECOND;
            schedule.send_from_outside(asked, probe(gateway.mac, gateway.v4));
            let reply = is_at((attacker.mac, gateway.v4), (gateway.mac, Addr::from_v4_bits(0)));
            schedule.send_from_inside(asked + MILLISECOND, reply);
        }
    }
}

/// The same for IPv6 (RFC 4862 §5.4): a single test.
pub(crate) fn router_denied_v6(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, .. } = *segment;
    for time in segment.every(0, 4 * SECOND) {
        schedule.send_from_outside(time, duplicate_probe(gateway.mac, gateway.local));
        let taken = unsolicited_advertisement((attacker.mac, gateway.local), OVERRIDE, gateway.local);
        schedule.send_from_inside(time + MILLISECOND, taken);
    }
}

/// The router reboots and tests its addresses, which are free; the hosts resolve it again.
pub(crate) fn router_reboots(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let gateway = segment.gateway;
    for number in 0..3 {
        schedule.send_from_outside(segment.start + number * SECOND, probe(gateway.mac, gateway.v4));
    }
    schedule.send_from_outside(segment.start, duplicate_probe(gateway.mac, gateway.local));
    schedule.send_from_outside(segment.start + 5 * SECOND, announcement(gateway.mac, gateway.v4));
    for host in segment.hosts() {
        let reply =
            advertisement((gateway.mac, gateway.local), (host.mac, host.local), ROUTER | SOLICITED, gateway.local);
        schedule.send_from_inside(segment.start + 6 * SECOND, solicitation(&host, gateway.local));
        schedule.send_from_outside(segment.start + 6 * SECOND + MILLISECOND, reply);
    }
}

/// New guests test the target's address; the target, which uses it, defends it in both families.
pub(crate) fn owner_defends(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let owner = segment.victim;
    lives(&owner, segment, schedule);
    for (number, time) in (0u8..2).zip(segment.every(3 * SECOND, 5 * SECOND)) {
        let new = Station::host(150 + number);
        schedule.send_from_inside(time, probe(new.mac, owner.v4));
        let reply = is_at((owner.mac, owner.v4), (new.mac, Addr::from_v4_bits(0)));
        schedule.send_between_guests(time + MILLISECOND, reply);
        schedule.send_from_inside(time + SECOND, duplicate_probe(new.mac, owner.v6));
        let defended = unsolicited_advertisement((owner.mac, owner.v6), OVERRIDE, owner.v6);
        schedule.send_from_inside(time + SECOND + MILLISECOND, defended);
        // It takes another one.
        schedule.send_from_inside(time + 2 * SECOND, announcement(new.mac, new.v4));
    }
}
