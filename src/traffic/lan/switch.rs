//! Ports of a switch or bridge: stations that move between them, and who wants to lead the spanning tree.

use super::super::agenda::Agenda;
use super::super::frames::Way;
use super::cable::Cable;
use super::ethernet::{Path, bpdu, rarp, who_has};
use super::segment::Lan;
use super::station::{Card, ELSEWHERE, MILLISECOND, SECOND, guest};
use crate::base::Mac;

/// The switch above us.
const SWITCH: Mac = Mac([2, 0, 0, 0, 0, 0x5a]);

/// What `card` sends, entering on number `port` of the part's interfaces.
fn say(time: u64, port: u16, card: &Card, segment: &Lan, agenda: &mut Agenda) {
    let id = agenda.rng.next_u16();
    let path = Path::new((card.mac, card.v4), (segment.gateway.mac, ELSEWHERE), id);
    agenda.on_port(time, port, Way::Inward, path.udp((51_820, 51_820), &[4; 64]));
}

/// One MAC enters on two ports in turn, `rate` changes a second, with five frames in between: a loop, or somebody who
/// steals the port.
pub fn flapping(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    let step = (1e9 / segment.rate.clamp(0.01, 1e3)) as u64;
    for (number, time) in segment.every(0, step).enumerate() {
        for frame in 0..5 {
            say(time + frame * step / 10, (number % 2) as u16, &segment.attacker, segment, agenda);
        }
    }
}

/// A guest migrates in the middle: its new host announces it five times by RARP, as QEMU does, and it goes on from there.
pub fn migration(segment: &Lan, now: u64, _count: u64, agenda: &mut Agenda) {
    let card = guest(104);
    let moved = segment.middle();
    agenda.on_port(now, 0, Way::Inward, who_has(&card, segment.gateway.v4));
    let mut after = 0;
    for number in 0..5 {
        agenda.on_port(moved + after, 1, Way::Inward, rarp(card.mac));
        after += (50 + number * 100) * MILLISECOND;
    }
    for time in segment.every(10 * MILLISECOND, SECOND / 5) {
        // It stands still for the last 100 ms before it moves.
        if time < moved - 100 * MILLISECOND {
            say(time, 0, &card, segment, agenda);
        } else if time > moved {
            say(time, 1, &card, segment, agenda);
        }
    }
}

/// yersinia -attack 4: a guest claims the root of the tree with priority 0, every 2 s.
pub fn root_claim(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    for time in segment.every(0, 2 * SECOND) {
        let mac = segment.attacker.mac;
        agenda.inside_sends(time, bpdu(mac, (0, mac), 0));
    }
}

/// The switch above says every 2 s who leads: a bridge beyond it.
pub fn tree_above(segment: &Lan, _now: u64, _count: u64, agenda: &mut Agenda) {
    for time in segment.every(0, 2 * SECOND) {
        agenda.outside_sends(time, bpdu(SWITCH, (4_096, Mac([2, 0, 0, 0, 0, 0x51])), 4));
    }
}
