//! Gateways that move to another MAC, with and without a word, and gateways that fall silent.

use super::super::agenda::Agenda;
use super::super::frames::Way;
use super::cable::{Cable, talk};
use super::ethernet::{Path, announcement, gratuitous, is_at, who_has};
use super::life;
use super::neighbour::{
    OVERRIDE, ROUTER, Router, router_advertisement, router_solicitation, solicitation, unsolicited_advertisement,
};
use super::segment::Lan;
use super::station::{Card, ELSEWHERE, MILLISECOND, PREFIX, SECOND, inside};
use crate::base::{Addr, Mac};

const NEW: Mac = Mac([2, 0, 0, 0, 0, 2]);
/// RFC 9568 §7.3, of virtual router 51.
const VIRTUAL: Mac = Mac([0, 0, 0x5e, 0, 1, 51]);
/// 224.0.0.18.
const VRRP_ROUTERS: Addr = Addr::from_v4_bits(0xe000_0012);

/// The segment with its gateway at the MAC that follows.
fn replaced(segment: &Lan) -> Lan {
    Lan { named: Some(segment.named.unwrap_or(NEW)), ..segment.clone() }
}

/// From now on `source_mac` answers for the gateway's addresses and does its work, and never said so.
pub fn moved(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    life::ordinary(&replaced(segment), now, count, agenda);
}

/// The same with a new router that announces itself as it starts, to both families.
pub fn replaced_router(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let segment = replaced(segment);
    let mac = segment.named.unwrap_or(NEW);
    for number in 0..3 {
        agenda.outside_sends(now + number * SECOND, announcement(mac, segment.gateway.v4));
        let sender = (mac, segment.gateway.local);
        let here = unsolicited_advertisement(sender, ROUTER | OVERRIDE, segment.gateway.local);
        agenda.outside_sends(now + number * SECOND + MILLISECOND, here);
    }
    life::ordinary(&segment, now, count, agenda);
}

/// keepalived without virtual MACs: the second router takes the address and says so five times to everybody; the first
/// lives on under 203.0.113.2.
pub fn failover(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda) {
    let segment = replaced(segment);
    let mac = segment.named.unwrap_or(NEW);
    for number in 0..5 {
        // vrrp_garp_interval 0: back to back.
        agenda.outside_sends(now + number * MILLISECOND / 10, gratuitous(mac, segment.gateway.v4));
    }
    let first = Card::new(segment.gateway.mac, inside(2));
    for time in segment.every(SECOND, 3 * SECOND) {
        agenda.outside_sends(time, who_has(&first, segment.victim.v4));
        let victim = (segment.victim.mac, segment.victim.v4);
        agenda.inside_sends(time + MILLISECOND, is_at(victim, (first.mac, first.v4)));
        talk(time + 100 * MILLISECOND, &segment.victim, &first, agenda);
    }
    life::ordinary(&segment, now, count, agenda);
}

/// Two routers share a virtual MAC: advertisements each second from the first on one port; in the middle it dies, and
/// 3.6 s later the second advertises, announces and answers on the next port. Hosts notice nothing.
pub fn vrrp(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let gateway = Card { mac: VIRTUAL, ..segment.gateway };
    let takeover = segment.middle() + 3_600 * MILLISECOND;
    let routers = [(0, inside(2), 150), (1, inside(3), 100)];
    let master = |time: u64| {
        let [first, second] = routers;
        if time < segment.middle() { Some(first) } else { (time >= takeover).then_some(second) }
    };
    for (port, start) in [(0, now), (1, takeover)] {
        for number in 0..5 {
            agenda.on_port(start + number * MILLISECOND, port, Way::Inward, gratuitous(VIRTUAL, gateway.v4));
        }
    }
    let beats = segment.every(0, SECOND).take_while(|time| *time < segment.middle());
    for time in beats.chain((takeover..segment.end).step_by(SECOND as usize)) {
        if let Some((port, address, priority)) = master(time) {
            let path = Path::group((VIRTUAL, address), VRRP_ROUTERS, agenda.rng.next_u16());
            agenda.on_port(time, port, Way::Inward, path.vrrp(51, priority, gateway.v4));
        }
    }
    for (number, host) in (0u64..).zip(segment.hosts()) {
        for time in segment.every(200 * MILLISECOND + number * 90 * MILLISECOND, 2 * SECOND) {
            agenda.inside_sends(time, who_has(&host, gateway.v4));
            let Some((port, ..)) = master(time + MILLISECOND) else { continue };
            let answer = is_at((VIRTUAL, gateway.v4), (host.mac, host.v4));
            agenda.on_port(time + MILLISECOND, port, Way::Inward, answer);
            let id = agenda.rng.next_u16();
            let back = Path::new((VIRTUAL, ELSEWHERE), (host.mac, host.v4), id);
            agenda.on_port(time + 20 * MILLISECOND, port, Way::Inward, back.udp((51_820, 51_820), &[1; 80]));
        }
    }
}

/// The gateway is gone: `count` hosts ask for it once a second each, as Linux does while it has something to send, and
/// nobody answers.
pub fn silent(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    for (number, host) in (0u64..).zip(segment.hosts()) {
        for time in segment.every(number * 130 * MILLISECOND, SECOND) {
            agenda.inside_sends(time, who_has(&host, segment.gateway.v4));
        }
    }
}

/// The router says for the last time that it may be used for 3 s; then hosts solicit it in vain, by neighbour
/// discovery and as a router.
pub fn silent_v6(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let last = Router { lifetime: 3, prefix: PREFIX };
    agenda.outside_sends(now, router_advertisement((segment.gateway.mac, segment.gateway.local), last));
    for (number, host) in (0u64..).zip(segment.hosts()) {
        for time in segment.every(200 * MILLISECOND + number * 130 * MILLISECOND, SECOND) {
            agenda.inside_sends(time, solicitation(&host, segment.gateway.local));
        }
        for time in segment.every(3 * SECOND + number * 130 * MILLISECOND, 4 * SECOND) {
            agenda.inside_sends(time, router_solicitation(host.mac, host.local));
        }
    }
}
