//! Guests that wake up, alone and by the hundred, and containers that start: new stations with all that they say first.

use super::super::agenda::Agenda;
use super::cable::{Cable, talk};
use super::ethernet::{Path, announcement, probe, who_has};
use super::lease::{self, REQUEST, obtain};
use super::life::{ADVERTISED, look_up_gateway, look_up_router, mdns};
use super::neighbour::{duplicate_probe, listener_report, router_advertisement, router_solicitation, solicited_node};
use super::segment::Lan;
use super::station::{Card, ELSEWHERE, MILLISECOND, SECOND, drawn_mac, guest, inside};
use crate::base::{Addr, Mac};

/// An IPv6 stack comes up (RFC 4862, RFC 3810): groups are joined, addresses tested, a router is looked for and answers.
fn wake_v6(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    let nobody = Addr::UNSPECIFIED;
    agenda.inside_sends(time, listener_report(card.mac, nobody, solicited_node(card.local)));
    agenda.inside_sends(time + 50 * MILLISECOND, duplicate_probe(card.mac, card.local));
    let up = time + 1_050 * MILLISECOND;
    agenda.inside_sends(up, listener_report(card.mac, card.local, solicited_node(card.local)));
    agenda.inside_sends(up + 10 * MILLISECOND, router_solicitation(card.mac, card.local));
    agenda.outside_sends(up + 60 * MILLISECOND, router_advertisement((gateway.mac, gateway.local), ADVERTISED));
    agenda.inside_sends(up + 70 * MILLISECOND, listener_report(card.mac, card.local, solicited_node(card.v6)));
    agenda.inside_sends(up + 90 * MILLISECOND, duplicate_probe(card.mac, card.v6));
    look_up_router(up + 1_200 * MILLISECOND, card, gateway, agenda);
}

/// An IPv4 stack with an address that it has just got: tested and announced (RFC 5227), then used.
fn wake_v4(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    for number in 0..3 {
        agenda.inside_sends(time + number * 150 * MILLISECOND, probe(card.mac, card.v4));
    }
    let free = time + 600 * MILLISECOND;
    for number in 0..2 {
        agenda.inside_sends(free + number * 200 * MILLISECOND, announcement(card.mac, card.v4));
    }
    look_up_gateway(free + 250 * MILLISECOND, card, gateway, agenda);
}

/// A guest boots at `time`: lease, addresses, router, name, and then traffic until `until`.
fn boot((time, until): (u64, u64), card: &Card, gateway: &Card, agenda: &mut Agenda) {
    wake_v6(time, card, gateway, agenda);
    let leased = obtain(time + 100 * MILLISECOND, card, gateway, agenda);
    wake_v4(leased + 10 * MILLISECOND, card, gateway, agenda);
    for second in 2..4 {
        mdns(time + second * SECOND, card, card.v4.bits() as u64, agenda);
    }
    for moment in (time + 1_500 * MILLISECOND..until).step_by(SECOND as usize) {
        talk(moment, card, gateway, agenda);
    }
}

/// `count` guests with drawn MACs wake within 3 s, as after a power cut.
pub fn power_cut(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    for number in 0..segment.count.min(220) {
        let mac = drawn_mac(agenda.rng.next_u64());
        let card = Card::slaac(mac, inside(20 + number as u8));
        let time = now + agenda.rng.below(3 * SECOND);
        boot((time, segment.end), &card, &segment.gateway, agenda);
    }
}

/// One guest boots; `target` is what it gets.
pub fn one(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    boot((now, segment.end), &segment.victim, &segment.gateway, agenda);
}

/// `count` times in the span.
pub fn again_and_again(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let times = segment.count.max(1);
    let step = (segment.end - now) / times;
    for number in 0..times {
        let time = now + number * step;
        // The last tenth of its time a guest is down. Every other time it had the leisure to give its address back.
        let down = time + step / 10 * 9;
        boot((time, down), &segment.victim, &segment.gateway, agenda);
        if number % 2 == 0 {
            let transaction = agenda.rng.next_u32();
            let release = lease::to_server(&segment.victim, &segment.gateway, lease::RELEASE, transaction);
            agenda.inside_sends(down, release);
        }
    }
}

/// `count` guests configure themselves one after the other, without DHCP.
pub fn slaac(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    for number in 0..segment.count.min(200) {
        let card = Card::slaac(drawn_mac(agenda.rng.next_u64()), inside(20 + number as u8));
        wake_v6(now + number * SECOND, &card, &segment.gateway, agenda);
    }
}

/// Guest 104 uses everything that it may: its listed addresses, its link-local one, none at all while it tests and asks,
/// and 203.0.113.180, which the server has just leased to it.
pub fn renewals(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let card = guest(104);
    let gateway = &segment.gateway;
    wake_v6(now, &card, gateway, agenda);
    wake_v4(now + 200 * MILLISECOND, &card, gateway, agenda);
    let leased = Card { v4: inside(180), ..card };
    let done = obtain(now + 2 * SECOND, &leased, gateway, agenda);
    wake_v4(done + 10 * MILLISECOND, &leased, gateway, agenda);
    for time in segment.every(4 * SECOND, SECOND) {
        talk(time, &card, gateway, agenda);
        talk(time + 300 * MILLISECOND, &leased, gateway, agenda);
        look_up_router(time + 500 * MILLISECOND, &card, gateway, agenda);
        let path = Path::new((card.mac, card.v6), (gateway.mac, Addr::from_v6_bits(0x2001_0db8_8000 << 80 | 7)), 0);
        agenda.inside_sends(time + 600 * MILLISECOND, path.udp((51_820, 51_820), &[1; 90]));
    }
    for time in segment.every(10 * SECOND, 10 * SECOND) {
        let transaction = agenda.rng.next_u32();
        agenda.inside_sends(time, lease::to_server(&leased, gateway, REQUEST, transaction));
        let renewed = lease::answer(gateway, card.mac, lease::ACK, transaction, leased.v4);
        agenda.outside_sends(time + 5 * MILLISECOND, renewed);
    }
}

/// The bridge of a container engine: `count` veths with drawn MACs start within 5 s, ask for the bridge, and talk to the
/// world, which the host translates. Seen on the bridge, where everything between containers and host enters or leaves.
pub fn pods(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let address = |number: u64| Addr::from_v4_bits(0xac11_0001 + number as u32);
    let bridge = Card::new(Mac([2, 0x42, 0xac, 0x11, 0, 1]), address(0));
    for number in 1..=segment.count.min(5_000) {
        let card = Card::slaac(drawn_mac(agenda.rng.next_u64()), address(number));
        let time = now + agenda.rng.below(5 * SECOND);
        agenda.inside_sends(time, listener_report(card.mac, Addr::UNSPECIFIED, solicited_node(card.local)));
        agenda.inside_sends(time + 20 * MILLISECOND, duplicate_probe(card.mac, card.local));
        agenda.inside_sends(time + 1_100 * MILLISECOND, router_solicitation(card.mac, card.local));
        look_up_gateway(time + 200 * MILLISECOND, &card, &bridge, agenda);
        agenda.outside_sends(time + 5 * SECOND, who_has(&bridge, card.v4));
        for moment in (time + 300 * MILLISECOND..segment.end).step_by(SECOND as usize) {
            let port = agenda.rng.port();
            let id = agenda.rng.next_u16();
            let out = Path::new((card.mac, card.v4), (bridge.mac, ELSEWHERE), id);
            let back = Path::new((bridge.mac, ELSEWHERE), (card.mac, card.v4), id);
            agenda.inside_sends(moment, out.udp((port, 51_820), &[3; 120]));
            agenda.outside_sends(moment + 9 * MILLISECOND, back.udp((51_820, port), &[4; 400]));
        }
    }
}
