//! Rogue servers, and clients that exhaust the leases of the real ones: DHCP and router advertisements.

use super::super::schedule::Schedule;
use super::lease::{
    self, ACK, ADVERTISE, DISCOVER, OFFER, REPLY6, REQUEST6, SOLICIT, accept, answer, answer6, inform, query, query6,
};
use super::life::ADVERTISED;
use super::neighbour::{Router, router_advertisement, router_solicitation};
use super::segment::Lan;
use super::station::{LINK_LOCAL, MILLISECOND, SECOND, Station, drawn_mac, inside};
use super::wire::Wire;
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
        accept(now + 21 * MILLISECOND, &guest, gateway, transaction, schedule);
        return;
    }
    let mut wanted = vec![50, 4];
    wanted.extend((guest.v4.bits() as u32).to_be_bytes());
    wanted.extend([54, 4]);
    wanted.extend((attacker.v4.bits() as u32).to_be_bytes());
    schedule
        .send_from_inside(now + 21 * MILLISECOND, query(guest.mac, guest.mac, lease::REQUEST, transaction, &wanted));
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

/// Two servers in a failover pair: both send offers, and guests accept either.
pub(crate) fn pair(_segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let servers =
        [Station::new(Mac([2, 0, 0, 0, 0, 0xd1]), inside(2)), Station::new(Mac([2, 0, 0, 0, 0, 0xd2]), inside(3))];
    let guest = Station::new(drawn_mac(schedule.rng.next_u64()), inside(100 + (count % 100) as u8));
    let transaction = schedule.rng.next_u32();
    schedule.send_from_inside(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    let [first, second] = &servers;
    schedule.send_from_outside(now + 10 * MILLISECOND, answer(first, guest.mac, OFFER, transaction, guest.v4));
    schedule.send_from_outside(now + 11 * MILLISECOND, answer(second, guest.mac, OFFER, transaction, guest.v4));
    let chosen = if count.is_multiple_of(3) { second } else { first };
    accept(now + 20 * MILLISECOND, &guest, chosen, transaction, schedule);
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
