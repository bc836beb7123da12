//! Streams to multicast groups that hosts have joined.

use super::super::schedule::Schedule;
use super::ethernet::Path;
use super::neighbour::listener_report;
use super::segment::Lan;
use super::station::{MILLISECOND, SECOND, Station};
use super::wire::Wire;
use crate::base::Addr;

/// 239.1.2.`number`.
const fn group_v4(number: u64) -> Addr {
    Addr::from_v4_bits(0xef01_0200 | (number & 0xff) as u32)
}

/// ff15::1:`number`.
const fn group_v6(number: u64) -> Addr {
    Addr::from_v6_bits(0xff15 << 112 | 0x1_0000 | (number & 0xff) as u128)
}

fn groups(segment: &Lan) -> u64 {
    segment.count.clamp(1, 200)
}

/// The router queries every ten seconds, and a host joins each group by `report`.
fn join(segment: &Lan, report: impl Fn(&Station, u64, u16) -> Vec<u8>, schedule: &mut Schedule) {
    for time in segment.every(0, 10 * SECOND) {
        let router = (segment.gateway.mac, segment.gateway.v4);
        let id = schedule.rng.next_u16();
        let query = Path::group(router, Addr::from_v4_bits(0xe000_0001), id).igmp_query();
        schedule.send_from_outside(time, query);
        for number in 0..groups(segment) {
            let host = Station::host(201 + (number % 20) as u8);
            let id = schedule.rng.next_u16();
            schedule.send_from_inside(time + (1 + number) * 2 * MILLISECOND, report(&host, number, id));
        }
    }
}

fn join_igmp2(segment: &Lan, schedule: &mut Schedule) {
    let report = |host: &Station, number, id| Path::group((host.mac, host.v4), group_v4(number), id).igmp_report();
    join(segment, report, schedule);
}

/// Sends packet `count`, to each group in turn, by the station `from`. It begins half a second after the first reports.
fn stream(segment: &Lan, (from, now): (&Station, u64), count: u64, v6: bool, schedule: &mut Schedule) {
    if now < segment.start + SECOND / 2 {
        return;
    }
    let number = count % groups(segment);
    // RTP with packets of a transport stream (RFC 2250).
    let mut payload = vec![0x80, 33];
    payload.extend((count as u16).to_be_bytes());
    schedule.rng.fill(&mut payload, segment.payload);
    let sender = |address| (from.mac, address);
    let path = match v6 {
        true => Path::group(sender(from.v6), group_v6(number), 0),
        false => Path::group(sender(from.v4), group_v4(number), count as u16),
    };
    schedule.send_from_outside(now, Path { ttl: 8, ..path }.udp((5_004, 5_004), &payload));
}

/// The router sends to `count` groups, each joined by a host by IGMPv2.
pub(crate) fn igmp2(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    if count == 0 {
        join_igmp2(segment, schedule);
    }
    stream(segment, (&segment.gateway, now), count, false, schedule);
}

/// The same with IGMPv3 (RFC 3376).
pub(crate) fn igmp3(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    if count == 0 {
        let report = |host: &Station, number: u64, id| {
            let all_routers = Addr::from_v4_bits(0xe000_0016);
            Path::group((host.mac, host.v4), all_routers, id).igmp3_report(group_v4(number))
        };
        join(segment, report, schedule);
    }
    stream(segment, (&segment.gateway, now), count, false, schedule);
}

/// The same over IPv6 with MLDv2 (RFC 3810).
pub(crate) fn mld2(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    if count == 0 {
        let report = |host: &Station, number: u64, _| listener_report(host.mac, host.local, group_v6(number));
        join(segment, report, schedule);
    }
    stream(segment, (&segment.gateway, now), count, true, schedule);
}

/// The attacker sends to `count` groups that hosts have joined, far more than a stream needs.
pub(crate) fn flooded(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule) {
    if count == 0 {
        join_igmp2(segment, schedule);
    }
    stream(segment, (&segment.attacker, now), count, false, schedule);
}
