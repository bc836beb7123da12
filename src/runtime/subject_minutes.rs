//! The traffic of hosts and guests by minute: the busiest hosts, those that the operator named, and every guest.

use super::engine::Engine;
use crate::base::{Addr, Direction, Mac, Timestamp};
use crate::detect::Quantity;
use crate::meter::{Count, HostDirection, Span, Window};
use crate::packet::Class;
use crate::store::{DirectionMinute, SubjectKind, SubjectMinute};
use std::collections::{BTreeMap, BTreeSet};

/// Hosts whose minute is stored: the busiest.
const STORED: usize = 256;
/// Hosts that are counted in a minute. Beyond it, hosts that become busy later in the minute are not.
const COUNTED: usize = 1024;
/// Packets of a second from which a host is counted: less is of no interest.
const LEAST_PACKETS: u64 = 10;

const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

/// One direction of a host in the present minute.
#[derive(Clone)]
struct DirectionSums {
    classes: [Count; Class::COUNT],
    peak: Count,
    peaks: [u64; Quantity::COUNT],
    peers: f64,
}

impl Default for DirectionSums {
    fn default() -> Self {
        DirectionSums {
            classes: [Count::default(); Class::COUNT],
            peak: Count::default(),
            peaks: [0; Quantity::COUNT],
            peers: 0.0,
        }
    }
}

impl DirectionSums {
    /// Adds a span that has just ended.
    fn add(&mut self, host: &HostDirection<'_>, span: Span) {
        let counts = host.forward(span);
        for (sum, &class) in self.classes.iter_mut().zip(Class::ALL) {
            sum.merge(counts.of(class));
        }
    }

    /// Compares the last second with the busiest one.
    fn compare(&mut self, host: &HostDirection<'_>) {
        if host.forward_packets() == 0 {
            return;
        }
        let all = host.forward(Span::Second).of_all(Class::ALL);
        self.peak.packets = self.peak.packets.max(all.packets);
        self.peak.bytes = self.peak.bytes.max(all.bytes);
        for (peak, quantity) in self.peaks.iter_mut().zip(Quantity::ALL) {
            *peak = (*peak).max(quantity.measure(host));
        }
        self.peers = self.peers.max(host.distinct_peers());
    }

    fn packets(&self) -> u64 {
        self.classes.iter().map(|count| count.packets).sum()
    }

    fn minute(&self) -> DirectionMinute {
        let named = Class::ALL.iter().zip(self.classes).filter(|(_, count)| !count.is_zero());
        let mut classes: Vec<(String, Count)> = named.map(|(class, count)| (class.name().to_owned(), count)).collect();
        classes.sort_by_key(|(_, count)| std::cmp::Reverse(count.packets));
        let peaks = Quantity::ALL.iter().zip(self.peaks).filter(|(_, peak)| *peak > 0);
        DirectionMinute {
            count: Count::sum(self.classes.iter().copied()),
            classes,
            peak_packets_per_second: self.peak.packets,
            peak_bits_per_second: self.peak.bytes.saturating_mul(8),
            peaks: peaks.map(|(quantity, peak)| (quantity.name().to_owned(), peak as f64)).collect(),
            peers: self.peers.round() as u64,
        }
    }
}

/// A guest in the present minute: what its NICs received and sent, and its busiest second.
#[derive(Clone, Default)]
struct GuestSums {
    /// Counters of each NIC when they were last read.
    nics: BTreeMap<Mac, [Count; 2]>,
    minute: [Count; 2],
    peak: [Count; 2],
}

impl GuestSums {
    /// Nothing of a guest without traffic.
    fn minute(&self, minute: Timestamp, label: &str) -> Option<SubjectMinute> {
        let of = |count: Count, peak: Count| DirectionMinute {
            count,
            peak_packets_per_second: peak.packets,
            peak_bits_per_second: peak.bytes.saturating_mul(8),
            ..DirectionMinute::default()
        };
        let ([received, sent], [peak_received, peak_sent]) = (self.minute, self.peak);
        let is_silent = received.packets + sent.packets == 0;
        let (received, sent) = (of(received, peak_received), of(sent, peak_sent));
        (!is_silent).then(|| SubjectMinute {
            minute,
            kind: SubjectKind::Guest,
            subject: label.to_owned(),
            received,
            sent,
        })
    }
}

/// The present minute.
#[derive(Default)]
pub(super) struct SubjectMinutes {
    minute: u64,
    hosts: BTreeMap<Addr, [DirectionSums; 2]>,
    guests: BTreeMap<String, GuestSums>,
    /// Hosts that were not counted.
    refusals: u64,
}

impl SubjectMinutes {
    /// Adds the tick that ends at `end`; with `ends_second`, a second ends with it. Returns the minute before, once it is over.
    pub(super) fn tick(
        &mut self,
        engine: &Engine,
        named: &[Addr],
        end: Timestamp,
        ends_second: bool,
    ) -> Vec<SubjectMinute> {
        let minute = end.nanos().saturating_sub(1) / 60_000_000_000;
        let ended = if minute == self.minute { Vec::new() } else { self.finish(named) };
        self.minute = minute;
        let window = engine.meter().window(end, &engine.interfaces);
        for (address, sums) in &mut self.hosts {
            let Some(host) = window.host(*address) else { continue };
            for (sums, direction) in sums.iter_mut().zip(DIRECTIONS) {
                sums.add(&host.in_direction(direction), Span::Tick);
            }
        }
        if ends_second {
            self.second(engine, named, &window);
            self.guests(engine);
        }
        ended
    }

    /// Admits hosts that have become busy, and compares the last second of all.
    fn second(&mut self, engine: &Engine, named: &[Addr], window: &Window<'_>) {
        let networks = engine.networks();
        for host in window.hosts() {
            let address = host.address();
            if address.is_group_or_none() || !(networks.is_unknown() || networks.contains(address)) {
                continue;
            }
            let directions = DIRECTIONS.map(|direction| host.in_direction(direction));
            let is_new = !self.hosts.contains_key(&address);
            if is_new {
                let packets: u64 = directions.iter().map(HostDirection::forward_packets).sum();
                let is_named = named.contains(&address);
                if packets == 0 || packets < LEAST_PACKETS && !is_named {
                    continue;
                }
                if self.hosts.len() >= COUNTED && !is_named {
                    self.refusals += 1;
                    continue;
                }
            }
            let sums = self.hosts.entry(address).or_default();
            for (sums, direction) in sums.iter_mut().zip(&directions) {
                if is_new {
                    sums.add(direction, Span::Second);
                }
                sums.compare(direction);
            }
        }
    }

    /// Adds what the counters of the guests' NICs have grown by.
    fn guests(&mut self, engine: &Engine) {
        let mut present = BTreeSet::new();
        for guest in &engine.site().inventory().guests {
            let label = guest.to_string();
            let sums = self.guests.entry(label.clone()).or_default();
            let (mut nics, mut second) = (BTreeMap::new(), [Count::default(); 2]);
            for nic in &guest.nics {
                let Some(rates) = engine.guests().nic(guest, nic) else { continue };
                let now = [rates.received, rates.sent];
                let before = sums.nics.get(&nic.mac).copied().unwrap_or_default();
                // Counters that are lower began anew.
                let is_new = now.iter().zip(before).any(|(now, before)| now.packets < before.packets);
                let before = if is_new { Default::default() } else { before };
                for ((sum, now), before) in sums.minute.iter_mut().zip(now).zip(before) {
                    sum.packets += now.packets.saturating_sub(before.packets);
                    sum.bytes += now.bytes.saturating_sub(before.bytes);
                }
                nics.insert(nic.mac, now);
                let (received, sent) = rates.last_second(engine.guests().tick());
                second.iter_mut().zip([received, sent]).for_each(|(sum, count)| sum.merge(count));
            }
            sums.nics = nics;
            for (peak, count) in sums.peak.iter_mut().zip(second) {
                peak.packets = peak.packets.max(count.packets);
                peak.bytes = peak.bytes.max(count.bytes);
            }
            present.insert(label);
        }
        self.guests.retain(|label, sums| present.contains(label) || sums.minute.iter().any(|count| !count.is_zero()));
    }

    /// The minute so far.
    pub(super) fn running(&self, named: &[Addr]) -> Vec<SubjectMinute> {
        let minute = Timestamp::from_parts(self.minute.saturating_mul(60), 0);
        let mut hosts: Vec<(&Addr, &[DirectionSums; 2])> = self.hosts.iter().collect();
        let packets = |sums: &[DirectionSums; 2]| sums.iter().map(DirectionSums::packets).sum::<u64>();
        hosts.sort_by_cached_key(|(address, sums)| std::cmp::Reverse((named.contains(address), packets(sums))));
        let hosts = hosts.into_iter().take(STORED + named.len()).map(|(address, [received, sent])| SubjectMinute {
            minute,
            kind: SubjectKind::Host,
            subject: address.to_string(),
            received: received.minute(),
            sent: sent.minute(),
        });
        hosts.chain(self.guests.iter().filter_map(|(label, sums)| sums.minute(minute, label))).collect()
    }

    /// Ends the minute.
    pub(super) fn finish(&mut self, named: &[Addr]) -> Vec<SubjectMinute> {
        let ended = self.running(named);
        self.hosts.clear();
        for sums in self.guests.values_mut() {
            (sums.minute, sums.peak) = Default::default();
        }
        ended
    }

    /// Hosts counted at present, room for them, and how often one was not counted.
    pub(super) fn usage(&self) -> (usize, usize, u64) {
        (self.hosts.len(), COUNTED, self.refusals)
    }
}
