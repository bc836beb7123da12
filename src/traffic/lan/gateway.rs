//! Gateways that move to another MAC address, announced or not, and gateways that become silent.

use super::super::frames::Way;
use super::super::schedule::Schedule;
use super::ethernet::{Path, announcement, gratuitous, is_at, who_has};
use super::life;
use super::neighbour::{
    OVERRIDE, ROUTER, Router, router_advertisement, router_solicitation, solicitation, unsolicited_advertisement,
};
use super::segment::Lan;
use super::station::{MILLISECOND, PREFIX, REMOTE_HOST, SECOND, Station, inside};
use super::wire::{Wire, exchange_with_remote};
use crate::base::{Addr, Mac};

const NEW: Mac = Mac([2, 0, 0, 0, 0, 2]);
/// MAC address of virtual router 51 (RFC 9568 §7.3).
const VIRTUAL: Mac = Mac([0, 0, 0x5e, 0, 1, 51]);
/// 224.0.0.18.
const VRRP_ROUTERS: Addr = Addr::from_v4_bits(0xe000_0012);

/// The segment with its gateway at `source_mac`, or at [`NEW`].
fn replaced(segment: &Lan) -> Lan {
    Lan { source_mac: Some(segment.source_mac.unwrap_or(NEW)), ..segment.clone() }
}

/// `source_mac` answers for the gateway's addresses and forwards, without an announcement.
pub(crate) fn moved(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    life::ordinary(&replaced(segment), now, count, schedule);
}

/// The same with a new router that announces itself in both address families when it starts.
pub(crate) fn replaced_router(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let segment = replaced(segment);
    let mac = segment.source_mac.unwrap_or(NEW);
    for number in 0..3 {
        schedule.send_from_outside(now + number * SECOND, announcement(mac, segment.gateway.v4));
        let sender = (mac, segment.gateway.local);
        let here = unsolicited_advertisement(sender, ROUTER | OVERRIDE, segment.gateway.local);
        schedule.send_from_outside(now + number * SECOND + MILLISECOND, here);
    }
    life::ordinary(&segment, now, count, schedule);
}

/// keepalived without virtual MAC addresses: the second router takes over the address and broadcasts five gratuitous
/// ARP replies; the first remains as 203.0.113.2.
pub(crate) fn failover(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let segment = replaced(segment);
    let mac = segment.source_mac.unwrap_or(NEW);
    for number in 0..5 {
        // vrrp_garp_interval 0: back to back.
        schedule.send_from_outside(now + number * MILLISECOND / 10, gratuitous(mac, segment.gateway.v4));
    }
    let first = Station::new(segment.gateway.mac, inside(2));
    for time in segment.every(SECOND, 3 * SECOND) {
        schedule.send_from_outside(time, who_has(&first, segment.victim.v4));
        let victim = (segment.victim.mac, segment.victim.v4);
        schedule.send_from_inside(time + MILLISECOND, is_at(victim, (first.mac, first.v4)));
        exchange_with_remote(time + 100 * MILLISECOND, &segment.victim, &first, schedule);
    }
    life::ordinary(&segment, now, count, schedule);
}

/// Two routers share a virtual MAC address. The first advertises every second on one port; in the middle of the span it
/// fails, and 3.6 s later the second advertises, announces and answers on the next port.
pub(crate) fn vrrp(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let gateway = Station { mac: VIRTUAL, ..segment.gateway };
    let takeover = segment.middle() + 3_600 * MILLISECOND;
    let routers = [(0, inside(2), 150), (1, inside(3), 100)];
    let master = |time: u64| {
        let [first, second] = routers;
        if time < segment.middle() { Some(first) } else { (time >= takeover).then_some(second) }
    };
    for (port, start) in [(0, now), (1, takeover)] {
        for number in 0..5 {
            schedule.send_on_port(start + number * MILLISECOND, port, Way::Inward, gratuitous(VIRTUAL, gateway.v4));
        }
    }
    let beats = segment.every(0, SECOND).take_while(|time| *time < segment.middle());
    for time in beats.chain((takeover..segment.end).step_by(SECOND as usize)) {
        if let Some((port, address, priority)) = master(time) {
            let path = Path::group((VIRTUAL, address), VRRP_ROUTERS, schedule.rng.next_u16());
            schedule.send_on_port(time, port, Way::Inward, path.vrrp(51, priority, gateway.v4));
        }
    }
    for (number, host) in (0u64..).zip(segment.hosts()) {
        for time in segment.every(200 * MILLISECOND + number * 90 * MILLISECOND, 2 * SECOND) {
            schedule.send_from_inside(time, who_has(&host, gateway.v4));
            let Some((port, ..)) = master(time + MILLISECOND) else { continue };
            let answer = is_at((VIRTUAL, gateway.v4), (host.mac, host.v4));
            schedule.send_on_port(time + MILLISECOND, port, Way::Inward, answer);
            let id = schedule.rng.next_u16();
            let back = Path::new((VIRTUAL, REMOTE_HOST), (host.mac, host.v4), id);
            schedule.send_on_port(time + 20 * MILLISECOND, port, Way::Inward, back.udp((51_820, 51_820), &[1; 80]));
        }
    }
}

/// The gateway is down: `count` hosts request it once a second each, as Linux does while it has packets to send,
/// without a reply.
pub(crate) fn silent(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    for (number, host) in (0u64..).zip(segment.hosts()) {
        for time in segment.every(number * 130 * MILLISECOND, SECOND) {
            schedule.send_from_inside(time, who_has(&host, segment.gateway.v4));
        }
    }
}

/// The last router advertisement has a lifetime of 3 s; then neighbour and router solicitations of the hosts stay
/// unanswered.
pub(crate) fn silent_v6(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let last = Router { lifetime: 3, prefix: PREFIX };
    schedule.send_from_outside(now, router_advertisement((segment.gateway.mac, segment.gateway.local), last));
    for (number, host) in (0u64..).zip(segment.hosts()) {
        for time in segment.every(200 * MILLISECOND + number * 130 * MILLISECOND, SECOND) {
            schedule.send_from_inside(time, solicitation(&host, segment.gateway.local));
        }
        for time in segment.every(3 * SECOND + number * 130 * MILLISECOND, 4 * SECOND) {
            schedule.send_from_inside(time, router_solicitation(host.mac, host.local));
        }
    }
}
