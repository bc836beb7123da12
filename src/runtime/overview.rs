//! What people look at, from what the engine knows: once per second, live and in a replay.

use super::engine::Engine;
use crate::base::{Addr, Direction, Mac, TICKS_PER_SECOND, Timestamp};
use crate::inventory::Guest;
use crate::meter::{Count, Span, Totals};
use crate::packet::Class;
use crate::view::{
    ClassRates, HostRates, KEPT_SECONDS, Overview, Rate, SensorView, SourceNetwork, SourceNetworks, StationRates,
    TrafficSecond,
};
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Hosts, stations and networks that are shown.
const SHOWN: usize = 50;
/// Network lengths of senders in bits, IPv4 and IPv6: what routing tables of the Internet carry at most.
const LENGTHS: (u8, u8) = (24, 48);
/// Standard errors that the error of a share is: right in 19 of 20 cases.
const STANDARD_ERRORS: f64 = 2.0;

/// The traffic of the last seconds.
#[derive(Default)]
pub(super) struct SecondsOfTraffic {
    /// The second under way, and what it had so far.
    second: u64,
    sums: Totals,
    kept: VecDeque<TrafficSecond>,
    is_capture: bool,
    /// Whether the second under way was counted from its beginning.
    is_whole: bool,
}

impl SecondsOfTraffic {
    /// Adds what was counted in a tick. A second is complete with the first tick of the next.
    pub(super) fn tick(&mut self, tick: u64, totals: &Totals) {
        let second = tick / TICKS_PER_SECOND as u64;
        if second != self.second {
            let sums = std::mem::take(&mut self.sums);
            // The first second of a live run is not a whole one.
            if self.second > 0 && (self.is_capture || self.is_whole) {
                self.keep(traffic(self.second, &sums));
            }
            self.is_whole = self.second > 0;
            // A clock that was set back starts again. In a capture, seconds without a tick had no packets; live, they were missed.
            if second < self.second {
                self.kept.clear();
            } else if self.second > 0 && self.is_capture {
                let missing = (self.second + 1)..second;
                let shown = missing.end.saturating_sub(KEPT_SECONDS as u64).max(missing.start);
                (shown..second).for_each(|second| self.keep(traffic(second, &Totals::default())));
            }
            self.second = second;
        }
        self.sums.merge(totals);
    }

    /// Of a capture: it has everything that there was.
    pub(super) fn of_capture() -> SecondsOfTraffic {
        SecondsOfTraffic { is_capture: true, ..SecondsOfTraffic::default() }
    }

    /// The capture is over: its last second is as complete as it will be.
    pub(super) fn finish(&mut self) {
        if self.second > 0 {
            let sums = std::mem::take(&mut self.sums);
            self.keep(traffic(self.second, &sums));
        }
    }

    fn keep(&mut self, second: TrafficSecond) {
        if self.kept.len() >= KEPT_SECONDS {
            self.kept.pop_front();
        }
        self.kept.push_back(second);
    }
}

fn traffic(second: u64, sums: &Totals) -> TrafficSecond {
    let classes = Class::ALL.iter().zip(sums.received.iter().zip(&sums.transmitted));
    TrafficSecond {
        at: Timestamp::from_parts(second.saturating_add(1), 0),
        receive: Count::sum(sums.received.iter().copied()).into(),
        transmit: Count::sum(sums.transmitted.iter().copied()).into(),
        transit: sums.transit.into(),
        classes: classes
            .filter(|(_, (received, sent))| !received.is_zero() || !sent.is_zero())
            .map(|(class, (received, sent))| ClassRates {
                class: class.name(),
                receive: (*received).into(),
                transmit: (*sent).into(),
            })
            .collect(),
    }
}

/// Everything but the guests and the incidents.
pub(super) fn overview(engine: &Engine, seconds: &SecondsOfTraffic, sensor: SensorView, end: Timestamp) -> Overview {
    let (hosts, stations) = engine.meter().tables();
    Overview {
        at: Some(end),
        sensor,
        traffic: seconds.kept.iter().cloned().collect(),
        hosts: busiest_hosts(engine, end),
        hosts_known: hosts.len(),
        networks: source_networks(engine, end),
        stations: busiest_stations(engine, end),
        stations_known: stations.len(),
        ..Overview::default()
    }
}

fn guest_label(guest: Option<&Guest>) -> Option<String> {
    guest.map(Guest::to_string)
}

fn busiest_hosts(engine: &Engine, end: Timestamp) -> Vec<HostRates> {
    let window = engine.meter().window(end, &engine.interfaces);
    let mut hosts: Vec<_> = window
        .hosts()
        .map(|host| {
            let inbound = host.in_direction(Direction::Inbound);
            (inbound.forward_packets().saturating_add(inbound.opposite().forward_packets()), inbound)
        })
        .filter(|(packets, _)| *packets > 0)
        .collect();
    hosts.sort_by_key(|(packets, host)| (Reverse(*packets), host.window().address()));
    hosts.truncate(SHOWN);
    let classes = Class::ALL.get(..Class::PER_HOST).unwrap_or_default();
    let rates = hosts.into_iter().map(|(_, host)| {
        let address = host.window().address();
        HostRates {
            address,
            guest: guest_label(engine.site().guest_of_address(address)),
            receive: host.forward(Span::Second).of_all(classes).into(),
            transmit: host.reverse(Span::Second).of_all(classes).into(),
        }
    });
    rates.collect()
}

fn source_networks(engine: &Engine, end: Timestamp) -> SourceNetworks {
    let window = engine.meter().window(end, &engine.interfaces);
    let mut weights: BTreeMap<IpNet, u64> = BTreeMap::new();
    let (mut sampled, mut all, mut squares) = (0_usize, 0_u64, 0.0);
    for received in window.received_lately() {
        let weight = u64::from(received.sample.weight);
        (sampled, all, squares) = (sampled + 1, all + weight, squares + (weight as f64).powi(2));
        if let Some(network) = network_of(received.sample.peer) {
            *weights.entry(network).or_default() += weight;
        }
    }
    let mut networks: Vec<SourceNetwork> = weights
        .into_iter()
        .map(|(network, weight)| {
            let share = weight as f64 / all.max(1) as f64;
            // Of a sample that has every packet, nothing is unknown.
            let is_exact = sampled as u64 == all;
            // Packets of a tick with many stand for more than those of another: such a sample is worth a smaller one
            // (the effective sample size of Kish, Survey Sampling, 1965).
            let worth = (all as f64).powi(2) / squares;
            let error = (share * (1.0 - share) / worth.max(1.0)).sqrt() * STANDARD_ERRORS;
            SourceNetwork { network: network.to_string(), share, error: if is_exact { 0.0 } else { error } }
        })
        .filter(|network| network.share > network.error)
        .collect();
    networks.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.network.cmp(&b.network)));
    networks.truncate(SHOWN);
    SourceNetworks { sampled, networks }
}

fn network_of(address: Addr) -> Option<IpNet> {
    let ip = address.ip();
    IpNet::new(ip, if ip.is_ipv4() { LENGTHS.0 } else { LENGTHS.1 }).ok().map(|network| network.trunc())
}

fn busiest_stations(engine: &Engine, end: Timestamp) -> Vec<StationRates> {
    let (_, stations) = engine.meter().tables();
    let now = end.tick().saturating_sub(1);
    let rate = |rate: f32| f64::from(rate).round() as u64;
    let busiest = stations.top_of(SHOWN, |_: &(u16, Mac), entry| {
        let rates = entry.rates_at(now);
        let packets = rate(rates.sent.packets) + rate(rates.received.packets);
        (packets > 0).then_some(packets)
    });
    let view = |((interface, mac), entry): ((u16, Mac), crate::meter::StationEntry)| {
        let rates = entry.rates_at(now);
        let count = |count: crate::meter::FadingCount| Rate {
            packets_per_second: rate(count.packets),
            bits_per_second: (f64::from(count.bytes) * 8.0).round() as u64,
        };
        StationRates {
            mac,
            interface: engine.interfaces.get(usize::from(interface)).cloned(),
            guest: guest_label(engine.site().guest_of_mac(mac).map(|(guest, _)| guest)),
            address: (entry.totals.address != Addr::UNSPECIFIED).then_some(entry.totals.address),
            receive: count(rates.received),
            transmit: count(rates.sent),
            broadcast_per_second: rate(rates.broadcast),
        }
    };
    busiest.into_iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(packets: u64) -> Totals {
        let mut totals = Totals::default();
        totals.received[Class::TcpSyn.index()] = Count { packets, bytes: packets * 60 };
        totals
    }

    #[test]
    fn a_second_has_the_packets_of_its_ten_ticks() {
        let mut seconds = SecondsOfTraffic::of_capture();
        (100..120).for_each(|tick| seconds.tick(tick, &totals(tick)));
        assert_eq!(seconds.kept.len(), 1, "the second one is under way");
        let first = &seconds.kept[0];
        assert_eq!(first.at, Timestamp::from_parts(11, 0));
        assert_eq!(first.receive, Rate { packets_per_second: 1045, bits_per_second: 1045 * 480 });
        let (classes, transmit): (Vec<_>, _) =
            (first.classes.iter().map(|rates| rates.class).collect(), first.transmit);
        assert_eq!((classes, transmit), (vec!["tcp_syn"], Rate::default()));
    }

    #[test]
    fn seconds_without_ticks_are_empty_and_a_clock_set_back_starts_again() {
        let mut live = SecondsOfTraffic::default();
        [105, 110, 140, 150].into_iter().for_each(|tick| live.tick(tick, &totals(5)));
        let ends: Vec<Timestamp> = live.kept.iter().map(|second| second.at).collect();
        assert_eq!(ends, [Timestamp::from_parts(12, 0), Timestamp::from_parts(15, 0)], "whole seconds only");
        let mut seconds = SecondsOfTraffic::of_capture();
        [100, 130, 140].into_iter().for_each(|tick| seconds.tick(tick, &totals(5)));
        let packets: Vec<u64> = seconds.kept.iter().map(|second| second.receive.packets_per_second).collect();
        assert_eq!(packets, [5, 0, 0, 5]);
        seconds.tick(1_000_000, &totals(5));
        assert_eq!(seconds.kept.len(), KEPT_SECONDS);
        assert_eq!(seconds.kept.back().map(|second| second.at), Some(Timestamp::from_parts(100_000, 0)));
        seconds.tick(50, &totals(5));
        assert!(seconds.kept.is_empty());
    }
}
