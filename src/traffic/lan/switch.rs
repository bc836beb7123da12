//! Ports of a switch or bridge: stations that move between them, and claims to the root of the spanning tree.

use super::super::frames::Way;
use super::super::schedule::Schedule;
use super::ethernet::{Path, bpdu, rarp, who_has};
use super::segment::Lan;
use super::station::{MILLISECOND, REMOTE_HOST, SECOND, Station, guest};
use super::wire::Wire;
use crate::base::Mac;

/// The upstream switch.
const SWITCH: Mac = Mac([2, 0, 0, 0, 0, 0x5a]);

/// A datagram of `station` that enters on the interface `port` positions after that of the part.
fn send_datagram(time: u64, port: u16, station: &Station, segment: &Lan, schedule: &mut Schedule) {
    let id = schedule.rng.next_u16();
    let path = Path::new((station.mac, station.v4), (segment.gateway.mac, REMOTE_HOST), id);
    schedule.send_on_port(time, port, Way::Inward, path.udp((51_820, 51_820), &[4; 64]));
}

/// One MAC address enters on two ports in turn, `rate` changes per second, with five frames in between: a loop, or port
/// stealing.
pub(crate) fn flapping(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    let step = (1e9 / segment.rate.clamp(0.01, 1e3)) as u64;
    for (number, time) in segment.every(0, step).enumerate() {
        for frame in 0..5 {
            send_datagram(time + frame * step / 10, (number % 2) as u16, &segment.attacker, segment, schedule);
        }
    }
}

/// A guest migrates in the middle of the span: its new host announces it five times by RARP, as QEMU does, and it
/// continues there.
pub(crate) fn migration(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let station = guest(104);
    let moved = segment.middle();
    schedule.send_on_port(now, 0, Way::Inward, who_has(&station, segment.gateway.v4));
    let mut after = 0;
    for number in 0..5 {
        schedule.send_on_port(moved + after, 1, Way::Inward, rarp(station.mac));
        after += (50 + number * 100) * MILLISECOND;
    }
    for time in segment.every(10 * MILLISECOND, SECOND / 5) {
        // It is paused for the last 100 ms before it moves.
        if time < moved - 100 * MILLISECOND {
            send_datagram(time, 0, &station, segment, schedule);
        } else if time > moved {
            send_datagram(time, 1, &station, segment, schedule);
        }
    }
}

/// yersinia -attack 4: a guest claims the root of the tree with priority 0, every 2 s.
pub(crate) fn root_claim(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    for time in segment.every(0, 2 * SECOND) {
        let mac = segment.attacker.mac;
        schedule.send_from_inside(time, bpdu(mac, (0, mac), 0));
    }
}

/// The upstream switch announces every 2 s the root, a bridge beyond it.
pub(crate) fn tree_above(segment: &Lan, _now: u64, _count: u64, schedule: &mut Schedule) {
    for time in segment.every(0, 2 * SECOND) {
        schedule.send_from_outside(time, bpdu(SWITCH, (4_096, Mac([2, 0, 0, 0, 0, 0x51])), 4));
    }
}
