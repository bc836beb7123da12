//! Leaks: packets that leave slowly with a source address that is not ours, to hosts of the Internet, by station over the
//! last minute.

use super::bounded::Bounded;
use crate::base::{Mac, Timestamp};
use crate::meter::report::{SpoofedPacket, StationCounts};
use crate::packet::Class;

const STATIONS: usize = 1024;
/// A minute, in periods of ten seconds.
const PERIODS: usize = 6;
const TICKS_PER_PERIOD: u64 = 100;

/// A station that sent such packets in this tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leak {
    /// Its counters of this tick; `spoofed` are the packets.
    pub station: StationCounts,
    /// Time of the first packet within the last minute.
    pub first: Timestamp,
    /// Packets within the last minute, by periods of ten seconds.
    periods: [u32; PERIODS],
}

impl Leak {
    /// Packets within the last minute.
    pub fn packets(&self) -> u64 {
        self.periods.iter().map(|packets| u64::from(*packets)).sum()
    }

    /// In how many of the last minute's six periods there were at least `least` packets.
    pub fn periods_with(&self, least: f64) -> usize {
        self.periods.iter().filter(|packets| f64::from(**packets) >= least).count()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Period {
    number: u64,
    packets: u32,
    first: Timestamp,
}

pub(super) struct Leaks {
    stations: Bounded<(u16, Mac), [Period; PERIODS]>,
    of_tick: Vec<Leak>,
}

impl Leaks {
    pub(super) fn new() -> Leaks {
        Leaks { stations: Bounded::new(STATIONS), of_tick: Vec::new() }
    }

    pub(super) fn open(&mut self) {
        self.of_tick.clear();
    }

    pub(super) fn clear(&mut self) {
        self.stations.clear();
        self.open();
    }

    pub(super) fn evictions(&self) -> u64 {
        self.stations.evictions()
    }

    /// Stations that sent such packets in this tick.
    pub(super) fn of_tick(&self) -> &[Leak] {
        &self.of_tick
    }

    /// Counts what a station sent in tick `tick`.
    pub(super) fn record(&mut self, station: &StationCounts, tick: u64) {
        if station.spoofed == 0 || !is_leak(&station.spoofed_as) {
            return;
        }
        let number = tick / TICKS_PER_PERIOD;
        let key = (station.interface, station.mac);
        let periods = self.stations.get_or_insert(key, station.last, Default::default);
        if let Some(period) = periods.get_mut((number % PERIODS as u64) as usize) {
            if period.number != number {
                *period = Period { number, packets: 0, first: station.first };
            }
            period.packets = period.packets.saturating_add(station.spoofed);
        }
        // Others are older than a minute, or from before the clock was set back.
        let is_recent = |period: &&Period| period.number <= number && number - period.number < PERIODS as u64;
        let first = periods.iter().filter(is_recent).map(|period| period.first).min().unwrap_or(station.first);
        let periods = periods.each_ref().map(|period| if is_recent(&period) { period.packets } else { 0 });
        self.of_tick.push(Leak { station: *station, first, periods });
    }
}

/// Whether a packet goes to a host of the Internet and is no error message: routers send those from the addresses of their
/// links, which often are private (RFC 6752). What goes to private addresses may be at home there.
fn is_leak(packet: &SpoofedPacket) -> bool {
    let is_error = [Class::IcmpError, Class::Icmpv6Error].iter().any(|class| *class as u8 == packet.class);
    !is_error
        && !packet.source.is_group_or_none()
        && !packet.destination.is_group_or_none()
        && packet.destination.private_use().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(spoofed: u32, source: &str, destination: &str, class: Class) -> StationCounts {
        let spoofed_as = SpoofedPacket {
            source: source.parse().expect("an address"),
            destination: destination.parse().expect("an address"),
            port: 443,
            class: class as u8,
        };
        StationCounts { spoofed, spoofed_as, mac: Mac([2, 0, 0, 0, 0, 1]), ..StationCounts::default() }
    }

    #[test]
    fn the_last_minute_is_counted_by_periods() {
        let mut leaks = Leaks::new();
        let station = sent(1, "172.17.0.2", "198.51.100.9", Class::TcpSyn);
        for second in 0..200 {
            leaks.open();
            leaks.record(&station, 100_000 + second * 10);
        }
        let leak = leaks.of_tick()[0];
        assert_eq!((leak.packets(), leak.periods_with(10.0)), (60, 6));
        leaks.open();
        leaks.record(&station, 100_000 + 2_000 + 6_000);
        assert_eq!((leaks.of_tick()[0].packets(), leaks.of_tick()[0].periods_with(1.0)), (1, 1));
        leaks.open();
        leaks.record(&station, 50);
        assert_eq!(leaks.of_tick()[0].packets(), 1, "the clock was set back");
    }

    #[test]
    fn what_may_be_at_home_where_it_goes_is_no_leak() {
        for (source, destination, class, is_leak) in [
            ("172.17.0.2", "198.51.100.9", Class::TcpSyn, true),
            ("fd00::2", "2001:db8::9", Class::Udp, true),
            ("192.0.2.1", "198.51.100.9", Class::Udp, true),
            ("10.8.0.2", "192.168.7.9", Class::TcpSyn, false),
            ("10.0.0.1", "198.51.100.9", Class::IcmpError, false),
            ("0.0.0.0", "198.51.100.9", Class::Udp, false),
            ("10.0.0.1", "224.0.0.251", Class::Udp, false),
        ] {
            let mut leaks = Leaks::new();
            leaks.record(&sent(1, source, destination, class), 100_000);
            assert_eq!(leaks.of_tick().len(), usize::from(is_leak), "{source} to {destination}");
        }
    }
}
