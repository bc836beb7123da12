//! Rogue servers, and clients that exhaust the leases of the real ones: DHCP and router advertisements.

use super::super::schedule::Schedule;
use super::lease::{
    self, ACK, ADVERTISE, DISCOVER, OFFER, REPLY6, REQUEST, REQUEST6, SOLICIT, answer, answer_naming, answer6, choice,
    inform, query, query6,
};
use super::life::ADVERTISED;
use super::neighbour::{
    ROUTER, Router, SOLICITED, advertisement, global_solicitation, router_advertisement, router_solicitation,
};
use super::segment::Lan;
use super::station::{LINK_LOCAL, MILLISECOND, PREFIX, SECOND, Station, drawn_mac, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::{Addr, Mac};

/// The prefix that the attacker advertises.
const ROGUE_PREFIX: u128 = 0x2001_0db8_0bad << 80;

/// DHCPig: a DISCOVER with a different client each time; the first ones receive an offer.
pub(crate) fn starvation(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let client = drawn_mac(schedule.rng.next_u64());
    starve(client, client, segment, (now, count), schedule);
}

/// yersinia: the same with one source MAC address; only the client in the message differs.
pub(crate) fn starvation_one_mac(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let client = drawn_mac(schedule.rng.next_u64());
    starve(segment.attacker.mac, client, segment, (now, count), schedule);
}

fn starve(from: Mac, client: Mac, segment: &Lan, (now, count): (u64, u64), schedule: &mut Schedule) {
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query(from, client, DISCOVER, transaction, &[]));
    if count < 100 {
        let offered = inside(100 + count as u8);
        let offer = answer(&segment.gateway, client, OFFER, transaction, offered);
        schedule.send_from_outside(now + 5 * MILLISECOND, offer);
    }
}

/// The same with complete exchanges, until all leases are taken.
pub(crate) fn starvation_leases(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let client = Station::new(drawn_mac(schedule.rng.next_u64()), inside(100 + (count % 150) as u8));
    if count < 150 {
        lease::obtain(now, &client, &segment.gateway, schedule);
    } else {
        let transaction = schedule.rng.next_u32();
        schedule.send_from_inside(now, query(client.mac, client.mac, DISCOVER, transaction, &[]));
    }
}

/// A faulty client: DISCOVER and INFORM in turn.
pub(crate) fn flood(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let station = &segment.attacker;
    let transaction = schedule.rng.next_u32();
    let frame = if count.is_multiple_of(2) {
        query(station.mac, station.mac, DISCOVER, transaction, &[])
    } else {
        inform(station, transaction)
    };
    schedule.send_from_inside(now, frame);
}

/// `rate` new guests per second; the attacker sends an offer before the real server does, and half of the guests accept
/// it.
pub(crate) fn rogue(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, .. } = segment;
    let guest = Station::new(drawn_mac(schedule.rng.next_u64()), inside(100 + (count % 100) as u8));
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    schedule.send_between_guests(now + 8 * MILLISECOND, answer(attacker, guest.mac, OFFER, transaction, guest.v4));
    schedule.send_from_outside(now + 20 * MILLISECOND, answer(gateway, guest.mac, OFFER, transaction, guest.v4));
    if count % 2 == 1 {
        lease::accept(now + 21 * MILLISECOND, &guest, gateway, transaction, schedule);
        return;
    }
    let mut wanted = vec![50, 4];
    wanted.extend((guest.v4.bits() as u32).to_be_bytes());
    wanted.extend([54, 4]);
    wanted.extend((attacker.v4.bits() as u32).to_be_bytes());
    schedule.send_from_inside(now + 21 * MILLISECOND, query(guest.mac, guest.mac, REQUEST, transaction, &wanted));
    schedule.send_between_guests(now + 30 * MILLISECOND, answer(attacker, guest.mac, ACK, transaction, guest.v4));
}

/// A guest obtains its address from `server` over DHCPv6.
fn obtain6(time: u64, guest: &Station, server: &Station, schedule: &mut Schedule) {
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(time, query6(guest, SOLICIT, transaction, None));
    schedule.send_from_outside(time + 10 * MILLISECOND, answer6(server, guest, ADVERTISE, transaction, guest.v6));
    schedule.send_from_inside(
        time + 20 * MILLISECOND,
        query6(guest, REQUEST6, transaction.wrapping_add(1), Some(server.mac)),
    );
    schedule.send_from_outside(
        time + 30 * MILLISECOND,
        answer6(server, guest, REPLY6, transaction.wrapping_add(1), guest.v6),
    );
}

/// `rate` guests per second obtain addresses over DHCPv6 from the one server.
pub(crate) fn leases6(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let guest = Station::slaac(drawn_mac(schedule.rng.next_u64()), inside(9));
    obtain6(now, &guest, &segment.gateway, schedule);
}

/// The same; the attacker advertises itself in addition to the server.
pub(crate) fn rogue6(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, .. } = segment;
    let guest = Station::slaac(drawn_mac(schedule.rng.next_u64()), inside(9));
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query6(&guest, SOLICIT, transaction, None));
    let wanted = Addr::from_v6_bits(ROGUE_PREFIX | 0x66);
    schedule.send_between_guests(now + 5 * MILLISECOND, answer6(attacker, &guest, ADVERTISE, transaction, wanted));
    schedule.send_from_outside(now + 10 * MILLISECOND, answer6(gateway, &guest, ADVERTISE, transaction, guest.v6));
    schedule.send_from_inside(
        now + 20 * MILLISECOND,
        query6(&guest, REQUEST6, transaction.wrapping_add(1), Some(attacker.mac)),
    );
    schedule.send_between_guests(
        now + 30 * MILLISECOND,
        answer6(attacker, &guest, REPLY6, transaction.wrapping_add(1), wanted),
    );
}

/// The servers of a failover pair.
fn servers() -> [Station; 2] {
    [Station::new(Mac([2, 0, 0, 0, 0, 0xd1]), inside(2)), Station::new(Mac([2, 0, 0, 0, 0, 0xd2]), inside(3))]
}

/// A new guest, which announces its address once it has it.
fn new_guest(count: u64, schedule: &mut Schedule) -> Station {
    Station::new(drawn_mac(schedule.rng.next_u64()), inside(100 + (count % 100) as u8))
}

/// A guest chooses an offer of `server`, which names the gateway, and communicates.
fn choose(time: u64, guest: &Station, server: &Station, transaction: u32, segment: &Lan, schedule: &mut Schedule) {
    let options = choice(server, guest.v4);
    schedule.send_from_inside(time, query(guest.mac, guest.mac, REQUEST, transaction, &options));
    let ack = answer_naming(segment.gateway.v4, server, guest.mac, (ACK, transaction), guest.v4);
    schedule.send_from_outside(time + 15 * MILLISECOND, ack);
    exchange_with_remote(time + SECOND, guest, &segment.gateway, schedule);
}

/// Two servers in a failover pair, which name the same router: both send offers, and guests accept either.
pub(crate) fn pair(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let [first, second] = servers();
    let guest = new_guest(count, schedule);
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    for (server, after) in [(&first, 10), (&second, 11)] {
        let offer = answer_naming(segment.gateway.v4, server, guest.mac, (OFFER, transaction), guest.v4);
        schedule.send_from_outside(now + after * MILLISECOND, offer);
    }
    let chosen = if count.is_multiple_of(3) { &second } else { &first };
    choose(now + 20 * MILLISECOND, &guest, chosen, transaction, segment, schedule);
}

/// The same pair, each server for its half of the guests: the second has none before the middle of the span.
pub(crate) fn late_pair(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let [first, second] = servers();
    let server = if now > segment.middle() && !count.is_multiple_of(2) { &second } else { &first };
    let guest = new_guest(count, schedule);
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    let offer = answer_naming(segment.gateway.v4, server, guest.mac, (OFFER, transaction), guest.v4);
    schedule.send_from_outside(now + 10 * MILLISECOND, offer);
    choose(now + 20 * MILLISECOND, &guest, server, transaction, segment, schedule);
}

/// `rate` new guests per second, which the attacker alone answers; it names itself.
pub(crate) fn rogue_alone(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let guest = new_guest(count, schedule);
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    let offer = answer(&segment.attacker, guest.mac, OFFER, transaction, guest.v4);
    schedule.send_between_guests(now + 8 * MILLISECOND, offer);
}

/// What arrives from other networks and resembles DHCP: random octets, an offer, and DISCOVERs of made-up clients.
pub(crate) fn from_elsewhere(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let Lan { gateway, victim, .. } = segment;
    let source = Addr::from_v4_bits(0xc633_6400 | (count % 250) as u32);
    let transaction = schedule.rng.next_u32();
    let mut octets = Vec::new();
    schedule.rng.fill(&mut octets, 300);
    let frame = match count % 4 {
        0 => lease::noise_from_elsewhere(gateway, victim, (source, (40_000, 67)), &octets),
        1 => lease::noise_from_elsewhere(gateway, victim, (source, (67, 68)), &octets),
        2 => lease::answer_from_elsewhere(gateway, victim, source, transaction),
        _ => {
            let client = drawn_mac(schedule.rng.next_u64());
            lease::query_from_elsewhere(gateway, victim, (client, source), transaction)
        }
    };
    schedule.send_from_outside(now, frame);
}

/// A wireless bridge sends for `count` stations behind it under its own MAC address; each takes a lease within 10 s and
/// uses it.
pub(crate) fn repeater(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker: bridge, gateway, .. } = segment;
    for number in 0..segment.count.min(100) {
        let client = drawn_mac(schedule.rng.next_u64());
        let behind = Station::new(bridge.mac, inside(100 + number as u8));
        let time = now + schedule.rng.below(10 * SECOND);
        let transaction = schedule.rng.next_u32();
        let wanted = choice(gateway, behind.v4);
        for (after, kind, reply, options) in [(0, DISCOVER, OFFER, &[][..]), (30, REQUEST, ACK, &wanted[..])] {
            let time = time + after * MILLISECOND;
            schedule.send_from_inside(time, query(bridge.mac, client, kind, transaction, options));
            schedule.send_from_outside(time + 5 * MILLISECOND, answer(gateway, client, reply, transaction, behind.v4));
        }
        for time in (time + SECOND..segment.end).step_by(2 * SECOND as usize) {
            exchange_with_remote(time, &behind, gateway, schedule);
        }
    }
}

/// fake_router6: advertisements of a rogue prefix every 5 s and after solicitations, in addition to those of the real
/// router every 10 s.
pub(crate) fn rogue_router(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, victim, .. } = segment;
    let forged = Router { lifetime: 1_800, prefix: ROGUE_PREFIX };
    for time in segment.every(0, 5 * SECOND) {
        schedule.send_from_inside(time, router_advertisement((attacker.mac, attacker.local), forged));
    }
    for time in segment.every(2 * SECOND, 10 * SECOND) {
        schedule.send_from_outside(time, router_advertisement((gateway.mac, gateway.local), ADVERTISED));
        schedule.send_from_inside(time + SECOND, router_solicitation(victim.mac, victim.local));
        let answer = router_advertisement((attacker.mac, attacker.local), forged);
        schedule.send_from_inside(time + SECOND + MILLISECOND, answer);
    }
}

/// flood_router6: advertisements of random routers and prefixes, each from a different address and MAC address.
pub(crate) fn router_flood(_segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let mac = drawn_mac(schedule.rng.next_u64());
    let source = Addr::from_v6_bits(LINK_LOCAL | u128::from(schedule.rng.next_u64()));
    let prefix = 0x2a01 << 112 | u128::from(schedule.rng.next_u64() >> 16) << 64;
    schedule.send_from_inside(now, router_advertisement((mac, source), Router { lifetime: 65_535, prefix }));
}

/// The attacker is a client of the router until the middle of the span: it looks the router up from an address of the
/// router's prefix. Then it advertises a prefix of its own every 8 s.
pub(crate) fn client_turns_router(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let Lan { attacker, gateway, .. } = segment;
    for time in segment.every(300 * MILLISECOND, 3 * SECOND) {
        schedule.send_from_inside(time, global_solicitation(attacker, gateway.local));
        let to = (attacker.mac, attacker.v6);
        let found = advertisement((gateway.mac, gateway.local), to, ROUTER | SOLICITED, gateway.local);
        schedule.send_from_outside(time + MILLISECOND / 2, found);
    }
    for time in (segment.middle()..segment.end).step_by(8 * SECOND as usize) {
        let forged = Router { lifetime: 1_800, prefix: ROGUE_PREFIX };
        schedule.send_from_inside(time, router_advertisement((attacker.mac, attacker.local), forged));
    }
}

/// Two more routers of the segment. One advertises the same prefix from the beginning on; the other, of another provider,
/// has a prefix of its own, and advertises it only every 20 s, for the first time after 15 s.
pub(crate) fn more_routers(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let second = Station::slaac(Mac([2, 0, 0, 0, 0, 0xe1]), inside(4));
    let third = Station::slaac(Mac([2, 0, 0, 0, 0, 0xe2]), inside(5));
    let another = 0x2001_0db8_0020 << 80;
    for (router, first, interval, prefix) in [(second, 0, 12, PREFIX), (third, 15, 20, another)] {
        for time in segment.every(first * SECOND, interval * SECOND) {
            let contents = Router { lifetime: 1_800, prefix };
            schedule.send_from_outside(time, router_advertisement((router.mac, router.local), contents));
        }
    }
}

/// kill_router6: the attacker withdraws the router in its name every 3 s.
pub(crate) fn kill_router(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let withdrawn = Router { lifetime: 0, ..ADVERTISED };
    for time in segment.every(0, 3 * SECOND) {
        let sender = (segment.attacker.mac, segment.gateway.local);
        schedule.send_from_inside(time, router_advertisement(sender, withdrawn));
    }
}

/// The router withdraws itself three times, and is back after 5 s (RFC 4861 §6.2.5).
pub(crate) fn router_restarts(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let withdrawn = Router { lifetime: 0, ..ADVERTISED };
    for (after, contents) in [(0, withdrawn), (1, withdrawn), (2, withdrawn), (7, ADVERTISED)] {
        let sender = (segment.gateway.mac, segment.gateway.local);
        schedule.send_from_outside(now + after * SECOND, router_advertisement(sender, contents));
    }
}
