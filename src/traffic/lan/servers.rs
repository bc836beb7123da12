//! Servers that nobody appointed, and clients that eat up what the appointed ones have: DHCP and router advertisements.

use super::super::agenda::Agenda;
use super::cable::Cable;
use super::lease::{
    self, ACK, ADVERTISE, DISCOVER, OFFER, REPLY6, REQUEST6, SOLICIT, accept, answer, answer6, inform, query, query6,
};
use super::life::ADVERTISED;
use super::neighbour::{Router, router_advertisement, router_solicitation};
use super::segment::Lan;
use super::station::{Card, LINK_LOCAL, MILLISECOND, SECOND, drawn_mac, inside};
use crate::base::{Addr, Mac};

/// The prefix that the attacker would like everybody to use.
const ROGUE_PREFIX: u128 = 0x2001_0db8_0bad << 80;

/// DHCPig: a DISCOVER of another client each time, of which the first ones are still offered something.
pub fn starvation(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let client = drawn_mac(agenda.rng.next_u64());
    starve(client, client, segment, (now, count), agenda);
}

/// yersinia: the same from one card, the clients made up in the message only.
pub fn starvation_one_card(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let client = drawn_mac(agenda.rng.next_u64());
    starve(segment.attacker.mac, client, segment, (now, count), agenda);
}

fn starve(from: Mac, client: Mac, segment: &Lan, (now, count): (u64, u64), agenda: &mut Agenda) {
    let transaction = agenda.rng.next_u32();
    agenda.inside_sends(now, query(from, client, DISCOVER, transaction, &[]));
    if count < 100 {
        let offered = inside(100 + count as u8);
        let offer = answer(&segment.gateway, client, OFFER, transaction, offered);
        agenda.outside_sends(now + 5 * MILLISECOND, offer);
    }
}

/// The same to the end: every lease is taken, until there is none.
pub fn starvation_leases(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let client = Card::new(drawn_mac(agenda.rng.next_u64()), inside(100 + (count % 150) as u8));
    if count < 150 {
        lease::obtain(now, &client, &segment.gateway, agenda);
    } else {
        let transaction = agenda.rng.next_u32();
        agenda.inside_sends(now, query(client.mac, client.mac, DISCOVER, transaction, &[]));
    }
}

/// A client that has gone mad: DISCOVER and INFORM in turn.
pub fn flood(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let card = &segment.attacker;
    let transaction = agenda.rng.next_u32();
    let frame = if count.is_multiple_of(2) {
        query(card.mac, card.mac, DISCOVER, transaction, &[])
    } else {
        inform(card, transaction)
    };
    agenda.inside_sends(now, frame);
}

/// New guests ask, `rate` a second; the real server offers, and before it the attacker, whom half of them take.
pub fn rogue(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let Lan { attacker, gateway, .. } = segment;
    let guest = Card::new(drawn_mac(agenda.rng.next_u64()), inside(100 + (count % 100) as u8));
    let transaction = agenda.rng.next_u32();
    agenda.inside_sends(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    agenda.between(now + 8 * MILLISECOND, answer(attacker, guest.mac, OFFER, transaction, guest.v4));
    agenda.outside_sends(now + 20 * MILLISECOND, answer(gateway, guest.mac, OFFER, transaction, guest.v4));
    if count % 2 == 1 {
        accept(now + 21 * MILLISECOND, &guest, gateway, transaction, agenda);
        return;
    }
    let mut wanted = vec![50, 4];
    wanted.extend((guest.v4.bits() as u32).to_be_bytes());
    wanted.extend([54, 4]);
    wanted.extend((attacker.v4.bits() as u32).to_be_bytes());
    agenda.inside_sends(now + 21 * MILLISECOND, query(guest.mac, guest.mac, lease::REQUEST, transaction, &wanted));
    agenda.between(now + 30 * MILLISECOND, answer(attacker, guest.mac, ACK, transaction, guest.v4));
}

/// A guest gets its address of `server` over DHCPv6.
fn obtain6(time: u64, guest: &Card, server: &Card, agenda: &mut Agenda) {
    let transaction = agenda.rng.next_u32();
    agenda.inside_sends(time, query6(guest, SOLICIT, transaction, None));
    agenda.outside_sends(time + 10 * MILLISECOND, answer6(server, guest, ADVERTISE, transaction, guest.v6));
    agenda
        .inside_sends(time + 20 * MILLISECOND, query6(guest, REQUEST6, transaction.wrapping_add(1), Some(server.mac)));
    agenda
        .outside_sends(time + 30 * MILLISECOND, answer6(server, guest, REPLY6, transaction.wrapping_add(1), guest.v6));
}

/// Guests get addresses of the one server, by DHCPv6; `rate` a second.
pub fn leases6(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let guest = Card::slaac(drawn_mac(agenda.rng.next_u64()), inside(9));
    obtain6(now, &guest, &segment.gateway, agenda);
}

/// The same, and the attacker advertises itself beside the server.
pub fn rogue6(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, gateway, .. } = segment;
    let guest = Card::slaac(drawn_mac(agenda.rng.next_u64()), inside(9));
    let transaction = agenda.rng.next_u32();
    agenda.inside_sends(now, query6(&guest, SOLICIT, transaction, None));
    let wanted = Addr::from_v6_bits(ROGUE_PREFIX | 0x66);
    agenda.between(now + 5 * MILLISECOND, answer6(attacker, &guest, ADVERTISE, transaction, wanted));
    agenda.outside_sends(now + 10 * MILLISECOND, answer6(gateway, &guest, ADVERTISE, transaction, guest.v6));
    agenda.inside_sends(
        now + 20 * MILLISECOND,
        query6(&guest, REQUEST6, transaction.wrapping_add(1), Some(attacker.mac)),
    );
    agenda.between(now + 30 * MILLISECOND, answer6(attacker, &guest, REPLY6, transaction.wrapping_add(1), wanted));
}

/// Two servers that share their work (failover): from the first DISCOVER on both offer, and guests take either.
pub fn pair(_segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let servers = [Card::new(Mac([2, 0, 0, 0, 0, 0xd1]), inside(2)), Card::new(Mac([2, 0, 0, 0, 0, 0xd2]), inside(3))];
    let guest = Card::new(drawn_mac(agenda.rng.next_u64()), inside(100 + (count % 100) as u8));
    let transaction = agenda.rng.next_u32();
    agenda.inside_sends(now, query(guest.mac, guest.mac, DISCOVER, transaction, &[]));
    let [first, second] = &servers;
    agenda.outside_sends(now + 10 * MILLISECOND, answer(first, guest.mac, OFFER, transaction, guest.v4));
    agenda.outside_sends(now + 11 * MILLISECOND, answer(second, guest.mac, OFFER, transaction, guest.v4));
    let chosen = if count.is_multiple_of(3) { second } else { first };
    accept(now + 20 * MILLISECOND, &guest, chosen, transaction, agenda);
}

/// fake_router6: another router with another prefix every 5 s and to whoever solicits, beside the real one every 10 s.
pub fn rogue_router(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, gateway, victim, .. } = segment;
    let forged = Router { lifetime: 1_800, prefix: ROGUE_PREFIX };
    for time in segment.every(0, 5 * SECOND) {
        agenda.inside_sends(time, router_advertisement((attacker.mac, attacker.local), forged));
    }
    for time in segment.every(2 * SECOND, 10 * SECOND) {
        agenda.outside_sends(time, router_advertisement((gateway.mac, gateway.local), ADVERTISED));
        agenda.inside_sends(time + SECOND, router_solicitation(victim.mac, victim.local));
        let answer = router_advertisement((attacker.mac, attacker.local), forged);
        agenda.inside_sends(time + SECOND + MILLISECOND, answer);
    }
}

/// flood_router6: advertisements of routers and prefixes that are all made up, each from another address and card.
pub fn router_flood(_segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let mac = drawn_mac(agenda.rng.next_u64());
    let source = Addr::from_v6_bits(LINK_LOCAL | u128::from(agenda.rng.next_u64()));
    let prefix = 0x2a01 << 112 | u128::from(agenda.rng.next_u64() >> 16) << 64;
    agenda.inside_sends(now, router_advertisement((mac, source), Router { lifetime: 65_535, prefix }));
}
