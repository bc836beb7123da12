//! One address and two MACs: by mistake, by a kernel's generosity, and on purpose.

use super::super::agenda::Agenda;
use super::cable::{Cable, talk};
use super::ethernet::{announcement, is_at, probe, who_has};
use super::segment::Lan;
use super::station::{Card, MILLISECOND, SECOND, inside};
use crate::base::Mac;

/// Second card of the host that the part is about.
const SECOND_CARD: Mac = Mac([2, 0, 0xcb, 0, 0x71, 0xf7]);

/// Two hosts were given the same address: both announce it when they boot, the first defends it once (RFC 5227 §2.4 b),
/// and both answer whoever asks, every 2 s.
pub fn two_hosts(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, victim, gateway, .. } = segment;
    agenda.inside_sends(now, announcement(victim.mac, victim.v4));
    let booted = now + 300 * MILLISECOND;
    agenda.inside_sends(booted, announcement(attacker.mac, victim.v4));
    agenda.inside_sends(booted + 2 * MILLISECOND, announcement(victim.mac, victim.v4));
    for time in segment.every(500 * MILLISECOND, 2 * SECOND) {
        agenda.outside_sends(time, who_has(gateway, victim.v4));
        agenda.inside_sends(time + MILLISECOND, is_at((victim.mac, victim.v4), (gateway.mac, gateway.v4)));
        agenda.inside_sends(time + 3 * MILLISECOND, is_at((attacker.mac, victim.v4), (gateway.mac, gateway.v4)));
        talk(time + 500 * MILLISECOND, victim, gateway, agenda);
        talk(time + 800 * MILLISECOND, &Card { mac: attacker.mac, ..*victim }, gateway, agenda);
    }
}

/// A Linux host with two cards in one network (arp_ignore = 0): each card answers for the addresses of both, within
/// microseconds.
pub fn flux(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { victim, gateway, .. } = segment;
    let other = Card { v4: inside(247), ..*victim };
    for (mac, address) in [(victim.mac, victim.v4), (SECOND_CARD, other.v4)] {
        agenda.inside_sends(now, probe(mac, address));
        agenda.inside_sends(now + SECOND, announcement(mac, address));
    }
    for (number, time) in (0u64..).zip(segment.every(2 * SECOND, 3 * SECOND)) {
        let wanted = if number % 2 == 0 { victim.v4 } else { other.v4 };
        agenda.outside_sends(time, who_has(gateway, wanted));
        for (after, mac) in [(40_000, victim.mac), (55_000, SECOND_CARD)] {
            agenda.inside_sends(time + after, is_at((mac, wanted), (gateway.mac, gateway.v4)));
        }
        talk(time + SECOND, victim, gateway, agenda);
        // Answers leave by the card that the route names, whatever their address.
        talk(time + 2 * SECOND, &other, gateway, agenda);
    }
}

/// Linux bonding in mode balance-alb: each of `count` clients is told one of two MACs, and keeps to it; when the bond
/// balances anew in the middle, it tells half of them another one.
pub fn balance(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let server = segment.victim;
    let mac_of = |number: u64| if number.is_multiple_of(2) { server.mac } else { SECOND_CARD };
    for number in 0..segment.count.clamp(1, 50) {
        let client = Card::host(200 + number as u8);
        for time in segment.every(number * 71 * MILLISECOND, 10 * SECOND) {
            let moved = u64::from(time >= segment.middle() && number % 4 == 0);
            let mac = mac_of(number + moved);
            agenda.inside_sends(time, who_has(&client, server.v4));
            agenda.inside_sends(time + MILLISECOND, is_at((mac, server.v4), (client.mac, client.v4)));
        }
        if number % 4 == 0 {
            let mac = mac_of(number + 1);
            agenda.inside_sends(
                segment.middle() + number * MILLISECOND,
                is_at((mac, server.v4), (client.mac, client.v4)),
            );
        }
    }
    agenda.inside_sends(now, announcement(server.mac, server.v4));
}
