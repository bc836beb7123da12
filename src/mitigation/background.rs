//! Background traffic: packets of a host sampled before an attack on it, to test suggested filters for collateral.
//!
//! Taken once a tick from the samples of the meter. Each host has packets of two periods in each direction: the current
//! minute and the previous one. Packets just before detection may already belong to the attack; the caller excludes
//! them by time.

use crate::base::{Addr, Direction};
use crate::detect::Target;
use crate::meter::{Sample, Window};
use crate::packet::Class;
use std::collections::BTreeMap;

/// Entries of the table: a host in one direction each.
const MAX_ENTRIES: usize = 256;
/// Samples of one period of all entries together, 32 bytes each, and of each entry: the fewer hosts, the more of each.
/// Two periods are 512 KiB; temporarily up to three times that, while the busy hosts keep changing.
const MAX_SAMPLES: usize = 8_000;
const MAX_SAMPLES_EACH: usize = 255;
/// Ticks of a period.
const PERIOD: u64 = 600;
/// Ticks without traffic after which an entry may be evicted.
const MIN_IDLE: u64 = 10;
/// Most evictions per tick: each is a search of the whole table.
const MAX_EVICTIONS: usize = 4;

/// A bounded list that keeps every `stride`-th of the items offered.
#[derive(Clone, Debug, Default)]
pub struct Decimated<T> {
    items: Vec<T>,
    stride: u32,
    passed: u32,
}

impl<T> Decimated<T> {
    /// Keeps every n-th item, so that at most `most` (but at least two) are kept, spread evenly over all that were
    /// offered.
    pub fn offer(&mut self, item: T, most: usize) {
        self.passed += 1;
        if self.passed < self.stride {
            return;
        }
        self.passed = 0;
        if self.items.len() == self.items.capacity() {
            // Doubling the capacity would leave a third of it unused.
            self.items.reserve_exact(16);
        }
        self.items.push(item);
        while self.items.len() > most.max(2) {
            let mut keep = false;
            self.items.retain(|_| {
                keep = !keep;
                keep
            });
            self.items.shrink_to_fit();
            self.stride = self.stride.max(1).saturating_mul(2).min(1 << 24);
        }
    }

    /// The kept items.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many offered items each kept one represents.
    fn stride(&self) -> u32 {
        self.stride.max(1)
    }
}

/// A sample and its time, in the size of a sample. Whether it was solicited does not matter: this is no attack.
#[derive(Clone, Copy, Debug, Default)]
struct TimedSample {
    peer: Addr,
    weight: u32,
    source_port: u16,
    destination_port: u16,
    length: u16,
    /// Ticks since the start of the period.
    age: u16,
    class: u8,
    protocol: u8,
    flags: u8,
    ttl: u8,
}

const _: () = assert!(size_of::<TimedSample>() == 32 && PERIOD < u16::MAX as u64);

impl TimedSample {
    fn new(sample: Sample, age: u64) -> TimedSample {
        let Sample { peer, source_port, destination_port, weight, class, protocol, flags, ttl, length, .. } = sample;
        let age = age.min(PERIOD) as u16;
        TimedSample { peer, weight, source_port, destination_port, length, age, class, protocol, flags, ttl }
    }

    fn sample(&self, weight: u32) -> Sample {
        let TimedSample { peer, source_port, destination_port, length, class, protocol, flags, ttl, .. } = *self;
        Sample { peer, source_port, destination_port, weight, class, protocol, flags, ttl, length, ..Sample::default() }
    }
}

#[derive(Clone, Debug, Default)]
struct Period {
    /// Its first tick.
    from: u64,
    samples: Decimated<TimedSample>,
}

#[derive(Default)]
struct Host {
    previous: Period,
    current: Period,
    /// Last tick with a packet.
    last: u64,
}

impl Host {
    fn offer(&mut self, tick: u64, sample: Sample, most: usize) {
        if tick.saturating_sub(self.current.from) >= PERIOD {
            self.previous = std::mem::take(&mut self.current);
            self.current.from = tick;
        }
        self.last = tick;
        self.current.samples.offer(TimedSample::new(sample, tick.saturating_sub(self.current.from)), most);
    }
}

/// Sampled packets of one target from before an attack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackgroundSample {
    /// Each with the number of packets that it represents as its weight.
    pub samples: Vec<Sample>,
    /// Approximate packets per second.
    pub packets_per_second: f64,
}

/// Background traffic of all hosts, bounded. A new host replaces the one that has been idle longest; if none has been
/// idle for a second, the new one is ignored.
#[derive(Default)]
pub struct BackgroundTraffic {
    hosts: BTreeMap<(Addr, bool), Host>,
    tick: u64,
    evictions: u64,
}

impl BackgroundTraffic {
    /// Samples the tick's traffic. `is_attacked` returns whether to skip a host, by whether it is the sender;
    /// `inside_known`: whether the configured networks identify our own senders.
    pub fn observe(&mut self, window: &Window<'_>, inside_known: bool, is_attacked: impl Fn(Addr, bool) -> bool) {
        self.tick = window.tick;
        let mut evictions = 0;
        for received in window.received() {
            if !is_attacked(received.target, false) {
                self.offer((received.target, false), received.sample, &mut evictions);
            }
        }
        if !inside_known {
            return;
        }
        for host in window.hosts() {
            let address = host.address();
            let outbound = host.in_direction(Direction::Outbound);
            let tick = host.tick_back(0);
            // One packet of each host represents all that it sent in the tick.
            let samples = tick.sent_samples.samples();
            let at = (self.tick as usize).checked_rem(samples.len());
            let Some(sample) = at.and_then(|at| samples.get(at)) else { continue };
            if !is_attacked(address, true) {
                let weight = outbound.in_tick(tick, Class::ALL).packets.min(u64::from(u32::MAX)) as u32;
                self.offer((address, true), Sample { weight, ..*sample }, &mut evictions);
            }
        }
    }

    fn offer(&mut self, key: (Addr, bool), sample: Sample, evictions: &mut usize) {
        let tick = self.tick;
        let most = (MAX_SAMPLES / self.hosts.len().max(1)).min(MAX_SAMPLES_EACH);
        if let Some(host) = self.hosts.get_mut(&key) {
            return host.offer(tick, sample, most);
        }
        if self.hosts.len() >= MAX_ENTRIES {
            if *evictions >= MAX_EVICTIONS {
                return;
            }
            *evictions += 1;
            let oldest = self.hosts.iter().min_by_key(|(_, host)| host.last).map(|(key, host)| (*key, host.last));
            match oldest {
                Some((oldest, last)) if tick.saturating_sub(last) > MIN_IDLE => {
                    self.hosts.remove(&oldest);
                    self.evictions += 1;
                }
                _ => return,
            }
        }
        let current = Period { from: tick, ..Period::default() };
        let host = self.hosts.entry(key).or_insert_with(|| Host { current, ..Host::default() });
        host.offer(tick, sample, most);
    }

    /// At most `most` samples of a target's traffic before tick `until`.
    pub fn before(&self, target: &Target, outbound: bool, until: u64, most: usize) -> BackgroundSample {
        let is_included = |address: Addr| match target {
            Target::Host(host) => *host == address,
            Target::Prefix(network) => network.contains(&address.ip()),
            _ => false,
        };
        let mut background = BackgroundSample::default();
        for (_, host) in self.hosts.iter().filter(|((address, sent), _)| *sent == outbound && is_included(*address)) {
            let (mut packets, mut from, mut to) = (0.0, u64::MAX, 0);
            for period in [&host.previous, &host.current] {
                for sample in period.samples.items() {
                    let tick = period.from + u64::from(sample.age);
                    if tick >= until {
                        continue;
                    }
                    let weight = sample.weight.saturating_mul(period.samples.stride());
                    packets += f64::from(weight);
                    (from, to) = (from.min(tick), to.max(tick));
                    background.samples.push(sample.sample(weight));
                }
            }
            background.packets_per_second += packets * 10.0 / (to.saturating_sub(from) + 1) as f64;
        }
        // If there are more, every n-th.
        let each = background.samples.len().div_ceil(most.max(1)).max(1);
        let mut at = 0;
        background.samples.retain(|_| {
            at += 1;
            at % each == 0
        });
        background.samples.shrink_to_fit();
        background
    }

    /// Entries (a host in one direction each), capacity, and evictions so far.
    pub fn usage(&self) -> (usize, usize, u64) {
        (self.hosts.len(), MAX_ENTRIES, self.evictions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_items_are_spread_over_all() {
        let mut decimated = Decimated::default();
        for n in 0..10_000 {
            decimated.offer(n, 40);
        }
        let kept = decimated.items();
        assert!((20..=40).contains(&kept.len()), "{}", kept.len());
        assert!(kept.first().is_some_and(|first| *first < 300) && kept.last().is_some_and(|last| *last > 9_000));
    }

    #[test]
    fn the_table_is_bounded_and_idle_hosts_are_evicted() {
        let mut background = BackgroundTraffic::default();
        let host = |n: u32| (Addr::from_v4_bits(n), false);
        for n in 0..1000 {
            background.offer(host(n), Sample::default(), &mut 0);
        }
        assert_eq!(background.usage(), (MAX_ENTRIES, MAX_ENTRIES, 0), "none was idle");
        background.tick = 100;
        for n in 2000..2010 {
            background.offer(host(n), Sample { weight: 3, ..Sample::default() }, &mut 0);
        }
        assert_eq!(background.usage(), (MAX_ENTRIES, MAX_ENTRIES, 10));
        let sample = background.before(&Target::Host(host(2001).0), false, 101, 9);
        assert_eq!((sample.samples.len(), sample.packets_per_second), (1, 30.0));
        assert!(background.before(&Target::Host(host(2001).0), false, 100, 9).samples.is_empty(), "excluded by time");
    }
}
