//! Guests that flood a neighbour.

use super::super::frames::SYN;
use super::super::schedule::Schedule;
use super::ethernet::Path;
use super::segment::Lan;
use super::station::guest;
use super::wire::Wire;

/// SYN of `count` guests in turn with their own addresses, from random ports to port 80 of the victim.
pub(crate) fn syn(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    let from = guest(101 + (count % segment.count.clamp(1, 50)) as u8);
    let path = Path::new((from.mac, from.v4), (segment.victim.mac, segment.victim.v4), schedule.rng.next_u16());
    let ports = (schedule.rng.port(), 80);
    let sequence = schedule.rng.next_u32();
    schedule.send_between_guests(now, path.tcp(ports, (SYN, sequence), &[]));
}
