//! Stations that are new, and addresses that pass from one station to another.

use super::super::schedule::Schedule;
use super::ethernet::announcement;
use super::lease::obtain;
use super::life::resolve_gateway;
use super::segment::Lan;
use super::station::{MILLISECOND, SECOND, Station};
use super::wire::{Wire, exchange_with_remote};

/// `station` announces its address at `time` and uses it until `until`.
fn uses((time, until): (u64, u64), station: &Station, gateway: &Station, schedule: &mut Schedule) {
    schedule.send_from_inside(time, announcement(station.mac, station.v4));
    for time in (time + 200 * MILLISECOND..until).step_by(20 * SECOND as usize) {
        resolve_gateway(time, station, gateway, schedule);
        exchange_with_remote(time + SECOND, station, gateway, schedule);
    }
}

/// Stations with static addresses start, 50 ms apart: the attacker's and, of `count`, others from 203.0.113.100 on.
pub(crate) fn arrivals(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    uses((now, segment.end), &segment.attacker, &segment.gateway, schedule);
    for number in 1..segment.count.clamp(1, 100) {
        let station = Station::host(100 + number as u8);
        uses((now + number * 50 * MILLISECOND, segment.end), &station, &segment.gateway, schedule);
    }
}

/// The attacker's station uses the address of the victim, which is off.
pub(crate) fn replaced(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    let station = Station { mac: segment.attacker.mac, ..segment.victim };
    uses((now, segment.end), &station, &segment.gateway, schedule);
}

/// The victim uses its address again.
pub(crate) fn restored(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    uses((now, segment.end), &segment.victim, &segment.gateway, schedule);
}

/// The attacker's station uses its own address; from the middle on it has a lease for the address of the victim.
pub(crate) fn leased_again(segment: &Lan, now: u64, _count: u64, schedule: &mut Schedule) {
    uses((now, segment.middle()), &segment.attacker, &segment.gateway, schedule);
    let station = Station { mac: segment.attacker.mac, ..segment.victim };
    let leased = obtain(segment.middle(), &station, &segment.gateway, schedule);
    uses((leased + 10 * MILLISECOND, segment.end), &station, &segment.gateway, schedule);
}
