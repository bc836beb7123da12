//! What is usual for a host: packets kept from before anything was wrong with it, so that a suggested filter can be tried on
//! what it must spare.
//!
//! Once a tick, from the samples that the meter has anyway. Each host and direction has two lots of packets: of this minute
//! and of the one before. What came at the very end is part of the attack that it led to; the caller leaves it out by time.

use crate::base::{Addr, Direction};
use crate::detect::Target;
use crate::meter::{Sample, Window};
use crate::packet::Class;
use std::collections::BTreeMap;

/// Hosts, each direction for itself.
const HOSTS: usize = 256;
/// Packets of one lot of all hosts together, 32 octets each, and of one host at most: few hosts may keep more of each. Two
/// lots are 512 KiB; up to three times that for a while, where ever other hosts were the only ones.
const KEPT: usize = 8_000;
const KEPT_EACH: usize = 255;
/// Ticks that a lot covers.
const LOT: u64 = 600;
/// Ticks without traffic after which a host may give way.
const QUIET: u64 = 10;
/// Hosts that may give way in one tick: each means a look at all.
const MOST_EVICTIONS: usize = 4;

/// Samples of which each `stride`-th is kept; at most so many.
#[derive(Clone, Debug, Default)]
pub struct Decimated<T> {
    items: Vec<T>,
    stride: u32,
    passed: u32,
}

impl<T> Decimated<T> {
    /// Keeps each n-th item, so that the kept ones are spread over all that were offered and no more than `most` (at least
    /// two).
    pub fn offer(&mut self, item: T, most: usize) {
        self.passed += 1;
        if self.passed < self.stride {
            return;
        }
        self.passed = 0;
        if self.items.len() == self.items.capacity() {
            // What doubling would leave unused is a third of it all.
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

    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many of those offered one that is kept stands for.
    pub fn stride(&self) -> u32 {
        self.stride.max(1)
    }
}

/// A sample and when it was taken, in no more room than a sample alone.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    peer: Addr,
    weight: u32,
    source_port: u16,
    destination_port: u16,
    length: u16,
    /// Ticks since the lot was begun.
    age: u16,
    class: u8,
    protocol: u8,
    flags: u8,
    ttl: u8,
}

const _: () = assert!(size_of::<Kept>() == 32 && LOT < u16::MAX as u64);

impl Kept {
    fn new(sample: Sample, age: u64) -> Kept {
        let Sample { peer, source_port, destination_port, weight, class, protocol, flags, ttl, length } = sample;
        let age = age.min(LOT) as u16;
        Kept { peer, weight, source_port, destination_port, length, age, class, protocol, flags, ttl }
    }

    fn sample(&self, weight: u32) -> Sample {
        let Kept { peer, source_port, destination_port, length, class, protocol, flags, ttl, .. } = *self;
        Sample { peer, source_port, destination_port, weight, class, protocol, flags, ttl, length }
    }
}

#[derive(Clone, Debug, Default)]
struct Lot {
    /// When it was begun.
    from: u64,
    kept: Decimated<Kept>,
}

#[derive(Default)]
struct Host {
    before: Lot,
    now: Lot,
    /// Last tick with a packet.
    last: u64,
}

impl Host {
    fn offer(&mut self, tick: u64, sample: Sample, most: usize) {
        if tick.saturating_sub(self.now.from) >= LOT {
            self.before = std::mem::take(&mut self.now);
            self.now.from = tick;
        }
        self.last = tick;
        self.now.kept.offer(Kept::new(sample, tick.saturating_sub(self.now.from)), most);
    }
}

/// Packets of one target from before an attack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackgroundSample {
    pub samples: Vec<Sample>,
    /// Packets a second, about.
    pub packets_per_second: f64,
}

/// The packets of all hosts, bounded. Who has been quiet longest gives way; where nobody was quiet for a second, newcomers
/// are left out.
#[derive(Default)]
pub struct BackgroundTraffic {
    hosts: BTreeMap<(Addr, bool), Host>,
    tick: u64,
    evictions: u64,
}

impl BackgroundTraffic {
    /// Keeps some of what the tick brought to hosts that are not `troubled`.
    pub fn observe(&mut self, window: &Window<'_>, inside_known: bool, troubled: impl Fn(Addr, bool) -> bool) {
        self.tick = window.tick;
        let mut evictions = 0;
        for received in window.received() {
            if !troubled(received.target, false) {
                self.offer((received.target, false), received.sample, &mut evictions);
            }
        }
        if !inside_known {
            return;
        }
        for host in window.hosts() {
            let address = host.address();
            let flow = host.in_direction(Direction::Outbound);
            let tick = host.tick_back(0);
            // One packet of each host stands for all that it sent in the tick.
            let samples = tick.sent_samples.samples();
            let at = (self.tick as usize).checked_rem(samples.len());
            let Some(sample) = at.and_then(|at| samples.get(at)) else { continue };
            if !troubled(address, true) {
                let weight = flow.in_tick(tick, Class::ALL).packets.min(u64::from(u32::MAX)) as u32;
                self.offer((address, true), Sample { weight, ..*sample }, &mut evictions);
            }
        }
    }

    fn offer(&mut self, key: (Addr, bool), sample: Sample, evictions: &mut usize) {
        let tick = self.tick;
        let most = (KEPT / self.hosts.len().max(1)).min(KEPT_EACH);
        if let Some(host) = self.hosts.get_mut(&key) {
            return host.offer(tick, sample, most);
        }
        if self.hosts.len() >= HOSTS {
            if *evictions >= MOST_EVICTIONS {
                return;
            }
            *evictions += 1;
            let oldest = self.hosts.iter().min_by_key(|(_, host)| host.last).map(|(key, host)| (*key, host.last));
            match oldest {
                Some((oldest, last)) if tick.saturating_sub(last) > QUIET => {
                    self.hosts.remove(&oldest);
                    self.evictions += 1;
                }
                _ => return,
            }
        }
        let begun = Lot { from: tick, ..Lot::default() };
        let host = self.hosts.entry(key).or_insert_with(|| Host { now: begun, ..Host::default() });
        host.offer(tick, sample, most);
    }

    /// What was usual for a target before tick `until`, by at most so many packets.
    pub fn of(&self, target: &Target, outbound: bool, until: u64, most: usize) -> BackgroundSample {
        let is_of = |address: Addr| match target {
            Target::Host(host) => *host == address,
            Target::Prefix(network) => network.contains(&address.ip()),
            _ => false,
        };
        let mut usual = BackgroundSample::default();
        for (_, host) in self.hosts.iter().filter(|((address, sent), _)| *sent == outbound && is_of(*address)) {
            let (mut packets, mut from, mut to) = (0.0, u64::MAX, 0);
            for lot in [&host.before, &host.now] {
                for kept in lot.kept.items() {
                    let tick = lot.from + u64::from(kept.age);
                    if tick >= until {
                        continue;
                    }
                    let weight = kept.weight.saturating_mul(lot.kept.stride());
                    packets += f64::from(weight);
                    (from, to) = (from.min(tick), to.max(tick));
                    usual.samples.push(kept.sample(weight));
                }
            }
            usual.packets_per_second += packets * 10.0 / (to.saturating_sub(from) + 1) as f64;
        }
        // More than are wanted: each n-th stands for all.
        let each = usual.samples.len().div_ceil(most.max(1)).max(1);
        let mut at = 0;
        usual.samples.retain(|_| {
            at += 1;
            at % each == 0
        });
        usual.samples.shrink_to_fit();
        usual
    }

    /// Hosts by direction, how many fit, and those that gave way to others.
    pub fn filling(&self) -> (usize, usize, u64) {
        (self.hosts.len(), HOSTS, self.evictions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_spread_over_everything() {
        let mut thinned = Decimated::default();
        for n in 0..10_000 {
            thinned.offer(n, 40);
        }
        let kept = thinned.items();
        assert!((20..=40).contains(&kept.len()), "{}", kept.len());
        assert!(kept.first().is_some_and(|first| *first < 300) && kept.last().is_some_and(|last| *last > 9_000));
    }

    #[test]
    fn the_table_is_bounded_and_a_host_that_is_quiet_gives_way() {
        let mut usual = BackgroundTraffic::default();
        let host = |n: u32| (Addr::from_v4_bits(n), false);
        for n in 0..1000 {
            usual.offer(host(n), Sample::default(), &mut 0);
        }
        assert_eq!(usual.filling(), (HOSTS, HOSTS, 0), "none was quiet");
        usual.tick = 100;
        for n in 2000..2010 {
            usual.offer(host(n), Sample { weight: 3, ..Sample::default() }, &mut 0);
        }
        assert_eq!(usual.filling(), (HOSTS, HOSTS, 10));
        let of = usual.of(&Target::Host(host(2001).0), false, 101, 9);
        assert_eq!((of.samples.len(), of.packets_per_second), (1, 30.0));
        assert!(usual.of(&Target::Host(host(2001).0), false, 100, 9).samples.is_empty(), "that is part of the attack");
    }
}
