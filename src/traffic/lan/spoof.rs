//! Stations that say they are another: to the victim, to the router, to everybody, or in every packet they send.

use super::super::agenda::Agenda;
use super::super::frames::Way;
use super::cable::Cable;
use super::ethernet::{Path, announcement, gratuitous, is_at, who_has};
use super::neighbour::{
    OVERRIDE, ROUTER, SOLICITED, advertisement, duplicate_probe, solicitation, unsolicited_advertisement,
};
use super::segment::Lan;
use super::station::{Card, ELSEWHERE, MILLISECOND, PREFIX, SECOND, drawn_mac, guest};
use crate::base::Addr;

/// The attacker finds out who the two are.
fn reconnoitre(time: u64, segment: &Lan, agenda: &mut Agenda) {
    let Lan { attacker, victim, gateway, .. } = segment;
    agenda.inside_sends(time, who_has(attacker, gateway.v4));
    agenda.outside_sends(time + MILLISECOND, is_at((gateway.mac, gateway.v4), (attacker.mac, attacker.v4)));
    agenda.inside_sends(time + 2 * MILLISECOND, who_has(attacker, victim.v4));
    agenda.between(time + 3 * MILLISECOND, is_at((victim.mac, victim.v4), (attacker.mac, attacker.v4)));
}

/// arpspoof -r, ettercap, bettercap: unsolicited replies to victim and gateway, `rate` a second each; what the two say
/// to each other goes by way of the attacker, who passes it on.
pub fn both_ways(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, victim, gateway, .. } = segment;
    reconnoitre(now, segment, agenda);
    let step = (1e9 / segment.rate.clamp(0.01, 1e4)) as u64;
    for time in segment.every(50 * MILLISECOND, step) {
        agenda.between(time, is_at((attacker.mac, gateway.v4), (victim.mac, victim.v4)));
        agenda.inside_sends(time + MILLISECOND, is_at((attacker.mac, victim.v4), (gateway.mac, gateway.v4)));
    }
    for time in segment.every(500 * MILLISECOND, SECOND / 2) {
        let id = agenda.rng.next_u16();
        let ports = (51_820, 51_820);
        let path = |from: &Card, to: &Card, source, target| Path::new((from.mac, source), (to.mac, target), id);
        agenda.between(time, path(victim, attacker, victim.v4, ELSEWHERE).udp(ports, &[5; 80]));
        let passed = path(attacker, gateway, victim.v4, ELSEWHERE);
        agenda.inside_sends(time + MILLISECOND, Path { ttl: 63, ..passed }.udp(ports, &[5; 80]));
        let back = Path { ttl: 53, ..path(gateway, attacker, ELSEWHERE, victim.v4) };
        agenda.outside_sends(time + 12 * MILLISECOND, back.udp(ports, &[6; 80]));
        let passed = Path { ttl: 52, ..path(attacker, victim, ELSEWHERE, victim.v4) };
        agenda.between(time + 13 * MILLISECOND, passed.udp(ports, &[6; 80]));
    }
}

/// Cain: one forged reply to the victim, and no more.
pub fn once(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, victim, gateway, .. } = segment;
    agenda.between(now, is_at((attacker.mac, gateway.v4), (victim.mac, victim.v4)));
}

/// arpspoof without -t: every 2 s to everybody, while the gateway goes on to say who it is.
pub fn to_everybody(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, gateway, .. } = segment;
    for (number, time) in (0u64..).zip(segment.every(0, 2 * SECOND)) {
        agenda.inside_sends(time, gratuitous(attacker.mac, gateway.v4));
        let asked = Card::host(201 + (number % 20) as u8);
        agenda.outside_sends(time + 900 * MILLISECOND, who_has(gateway, asked.v4));
        agenda.inside_sends(time + 901 * MILLISECOND, is_at((asked.mac, asked.v4), (gateway.mac, gateway.v4)));
        agenda.inside_sends(time + 1_300 * MILLISECOND, who_has(&asked, gateway.v4));
        agenda.outside_sends(time + 1_301 * MILLISECOND, is_at((gateway.mac, gateway.v4), (asked.mac, asked.v4)));
    }
}

/// parasite6 answers the victim's solicitation beside the router, and fake_advertise6 says unasked, to all nodes, that
/// the router and the victim are at the attacker; `rate` a second each, with override.
pub fn advertised(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let Lan { attacker, victim, gateway, .. } = segment;
    let claim = OVERRIDE | SOLICITED;
    agenda.inside_sends(now, solicitation(victim, gateway.local));
    let real = advertisement(
        (gateway.mac, gateway.local),
        (victim.mac, victim.local),
        ROUTER | SOLICITED | OVERRIDE,
        gateway.local,
    );
    agenda.outside_sends(now + MILLISECOND, real);
    let forged = advertisement((attacker.mac, gateway.local), (victim.mac, victim.local), claim, gateway.local);
    agenda.between(now + 2 * MILLISECOND, forged);
    let step = (1e9 / segment.rate.clamp(0.01, 1e4)) as u64;
    for time in segment.every(100 * MILLISECOND, step) {
        let router = unsolicited_advertisement((attacker.mac, gateway.local), ROUTER | OVERRIDE, gateway.local);
        agenda.inside_sends(time, router);
        let host = unsolicited_advertisement((attacker.mac, victim.v6), OVERRIDE, victim.v6);
        agenda.inside_sends(time + MILLISECOND, host);
    }
}

/// dos-new-ip6: whatever address a new guest tests, the attacker says at once that it has it.
pub fn every_address_taken(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    for (number, time) in (0u64..).zip(segment.every(0, SECOND)) {
        let new = drawn_mac(number / 3);
        // Three tries with other addresses (RFC 7217), then the next guest.
        let wanted = Addr::from_v6_bits(PREFIX | u128::from(agenda.rng.next_u64()));
        agenda.inside_sends(time, duplicate_probe(new, wanted));
        let taken = unsolicited_advertisement((segment.attacker.mac, wanted), OVERRIDE, wanted);
        agenda.inside_sends(time + 2 * MILLISECOND, taken);
    }
}

/// Guest 104 with its own MAC sends, asks and answers as 203.0.113.105, another guest: `rate` times a second.
pub fn as_another_guest(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let card = guest(104);
    let stolen = Card { mac: card.mac, ..guest(105) };
    let gateway = &segment.gateway;
    match count % 4 {
        0 => {
            let path = Path::new((card.mac, stolen.v4), (gateway.mac, ELSEWHERE), agenda.rng.next_u16());
            agenda.inside_sends(now, path.udp((51_820, 51_820), &[9; 60]));
        }
        1 => agenda.inside_sends(now, who_has(&stolen, gateway.v4)),
        2 => agenda.inside_sends(now, solicitation(&Card { local: stolen.v6, ..stolen }, gateway.local)),
        _ => {
            let answer = is_at((card.mac, stolen.v4), (gateway.mac, gateway.v4));
            agenda.inside_sends(now, answer);
            agenda.inside_sends(now + MILLISECOND, announcement(card.mac, stolen.v4));
        }
    }
}

/// Guests 104 and 105 at ordinary work with their own addresses, on two ports of the bridge.
pub fn two_guests(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    for (port, number) in [(0, 104), (1, 105)] {
        let card = guest(number);
        for time in segment.every(u64::from(port) * 20 * MILLISECOND, SECOND) {
            let way = Way::Outward;
            let id = agenda.rng.next_u16();
            let out = Path::new((card.mac, card.v4), (segment.gateway.mac, ELSEWHERE), id);
            agenda.on_port(time, port, way, out.udp((51_820, 51_820), &[2; 70]));
            agenda.on_port(time + MILLISECOND, port, way, who_has(&card, segment.gateway.v4));
            let reply = is_at((segment.gateway.mac, segment.gateway.v4), (card.mac, card.v4));
            agenda.on_port(time + 2 * MILLISECOND, port, way.back(), reply);
            agenda.on_port(time + 3 * MILLISECOND, port, way, solicitation(&card, segment.gateway.local));
        }
    }
}
