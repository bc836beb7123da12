//! Prefixes: networks of which many hosts are busy at once, measured like one host each.
//!
//! Every prefix has a small entry that tells how many of its hosts receive, and how much. Those that receive much on
//! many hosts get windows as busy hosts do, into which all counts of their hosts go; who sends to them is told by a
//! uniform sample of all received packets.

use super::attempts::linear_count;
use super::counts::{HostTick, SAMPLES, Sample, Sampler, Weighed};
use super::hash::Hasher;
use super::host::HostWindow;
use super::report::{HostCounts, Scale};
use super::set_table::{Inserted, Keyed, NO_SLOT, Past, SetTable};
use super::windows::Windows;
use crate::base::{Addr, Timestamp};

/// Packets received in a tick by all hosts of a prefix from which on it may get windows.
const BUSY: u32 = 15;
/// Hosts of it that receive within about a second.
const HOSTS: f64 = 8.0;
/// Bits that so many hosts set, nearly always.
const LEAST_BITS: u32 = 7;
/// Prefixes with small entries.
const ENTRIES: usize = 4096;
/// Ticks after which the set of receiving hosts begins anew; the last one is kept beside.
const GENERATION: u16 = 8;

/// Packets of a tick that are sampled by target.
pub const SPREAD: usize = 128;

/// A sampled packet with the host that it was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub target: Addr,
    pub sample: Sample,
}

impl Weighed for Received {
    fn weight_mut(&mut self) -> &mut u32 {
        &mut self.sample.weight
    }
}

/// A uniform sample of all packets that our hosts received in a tick.
pub type SpreadSample = Sampler<Received, SPREAD>;

/// How long prefixes are, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLengths {
    pub v4: u8,
    pub v6: u8,
}

impl PrefixLengths {
    pub fn of(self, address: Addr) -> u8 {
        if address.is_v4() { self.v4 } else { self.v6 }
    }
}

struct Entry {
    network: Addr,
    past: Past,
    packets: u32,
    /// Receiving hosts, by hash, of this generation and of the one before.
    hosts: u64,
    hosts_before: u64,
    generation: u16,
    /// Whether it was told in this tick that the prefix is busy.
    told: bool,
    /// Place among those that gather, if it does.
    gathered: u16,
}

impl Keyed for Entry {
    type Key = Addr;

    fn empty(network: Addr) -> Self {
        Entry {
            network,
            past: Past::default(),
            packets: 0,
            hosts: 0,
            hosts_before: 0,
            generation: 0,
            told: false,
            gathered: u16::MAX,
        }
    }

    fn key(&self) -> Addr {
        self.network
    }

    fn weight(&self, age: u16) -> u32 {
        self.past.weight(self.packets, age)
    }

    fn has_counts(&self) -> bool {
        self.packets != 0
    }
}

impl Entry {
    /// Notes that a host received so many packets; true once a tick, when the prefix is busy.
    fn note(&mut self, age: u16, host: Addr, received: u32) -> bool {
        if !self.past.is_of(age) {
            self.past.remember(self.packets);
            self.past.wake(age);
            (self.packets, self.told) = (0, false);
        }
        let generation = age / GENERATION;
        if self.generation != generation {
            self.hosts_before = if generation.wrapping_sub(self.generation) == 1 { self.hosts } else { 0 };
            (self.hosts, self.generation) = (0, generation);
        }
        self.packets = self.packets.saturating_add(received);
        // Neighbours differ in their last bits; a multiplication spreads them over the set.
        self.hosts |= 1 << ((host.bits() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        if self.told || self.packets < BUSY || (self.hosts | self.hosts_before).count_ones() < LEAST_BITS {
            return false;
        }
        self.told = true;
        true
    }

    fn hosts(&self) -> f64 {
        linear_count((self.hosts | self.hosts_before).count_zeros(), u64::BITS)
    }
}

/// What is gathered in a tick for a prefix with windows.
#[derive(Default)]
struct Gathered {
    network: Addr,
    tick: Box<HostTick>,
    /// Packets of the host that received most in one worker's report.
    largest: u32,
    /// Samples of its packets, those since the last that was kept, and what these stand for.
    sampled: u32,
    passed: u32,
    weight: u32,
}

/// Of the last ten ticks: packets received, and those of the host that received most.
#[derive(Clone, Copy, Default)]
struct Largest {
    network: Addr,
    ticks: [(u32, u32); 10],
}

pub(super) struct Prefixes {
    hasher: Hasher,
    lengths: PrefixLengths,
    entries: SetTable<Entry>,
    windows: Windows,
    gathered: Vec<Gathered>,
    used: usize,
    largest: Vec<Largest>,
    tick: u64,
    entry_evictions: u64,
}

impl Prefixes {
    pub fn new(capacity: usize, lengths: PrefixLengths, hasher: Hasher) -> Self {
        let gathered = (0..capacity).map(|_| Gathered::default()).collect();
        Prefixes {
            hasher,
            lengths,
            entries: SetTable::new(ENTRIES, Addr::UNSPECIFIED),
            windows: Windows::new(capacity, hasher),
            gathered,
            used: 0,
            largest: vec![Largest::default(); capacity],
            tick: 0,
            entry_evictions: 0,
        }
    }

    pub fn lengths(&self) -> PrefixLengths {
        self.lengths
    }

    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Prefixes that gave way to busier ones, of either table.
    pub fn evictions(&self) -> u64 {
        self.windows.evictions() + self.entry_evictions
    }

    pub fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.entries.set_age(tick as u16);
        self.windows.open(tick);
        self.used = 0;
    }

    pub fn forget(&mut self) {
        self.windows.forget();
        self.used = 0;
    }

    /// Counts a host's tick for its prefix.
    #[inline]
    pub fn count(&mut self, host: Host<'_>) {
        let network = host.address.network(self.lengths.of(host.address));
        let hash = self.hasher.address(network);
        let received = host.received();
        let index = if received > 0 {
            let (index, outcome) = self.entries.insert(hash, network);
            self.entry_evictions += u64::from(matches!(outcome, Inserted::Replaced(_)));
            index
        } else {
            // Who only sends makes no entry.
            self.entries.find(hash, network).unwrap_or(NO_SLOT)
        };
        let age = self.entries.age();
        let Some(entry) = self.entries.get_mut(index) else { return };
        if let Some(gathered) = self.gathered.get_mut(usize::from(entry.gathered))
            && gathered.network == network
            && self.used > usize::from(entry.gathered)
        {
            gathered.add(&host);
        }
        if received > 0 && entry.note(age, host.address, received) {
            // Measured from the next tick on.
            let activity = entry.packets as f32;
            if self.windows.index_of(network).is_none() {
                self.windows.add(network, activity);
            }
        }
    }

    /// Makes ready for the reports of the open tick: every prefix with windows gathers.
    pub fn gather(&mut self) {
        self.used = 0;
        for (gathered, window) in self.gathered.iter_mut().zip(self.windows.in_use()) {
            let network = window.address();
            gathered.network = network;
            gathered.tick.reset(network);
            gathered.largest = 0;
            (gathered.sampled, gathered.passed, gathered.weight) = (0, 0, 0);
            let entry = self.entries.find(self.hasher.address(network), network);
            if let Some(entry) = entry.and_then(|index| self.entries.get_mut(index)) {
                entry.gathered = self.used as u16;
            }
            self.used += 1;
        }
    }

    /// Everything of the open tick was counted; `received` are the workers' samples.
    pub fn close(&mut self, received: &[Received]) {
        for received in received {
            let hash = self.hasher.address(received.sample.peer);
            if let Some(gathered) = self.gathered_for(received.target) {
                gathered.sampled += 1;
                gathered.tick.sources.add(hash);
            }
        }
        // Of more than a tick can keep, each n-th stands for n: no sample weighs more than another.
        for received in received {
            let Some(gathered) = self.gathered_for(received.target) else { continue };
            gathered.weight = gathered.weight.saturating_add(received.sample.weight);
            gathered.passed += 1;
            if gathered.passed >= gathered.sampled.div_ceil(SAMPLES as u32) {
                let weight = std::mem::take(&mut gathered.weight);
                gathered.passed = 0;
                gathered.tick.received_samples.absorb(Sample { weight, ..received.sample }, 0);
            }
        }
        for gathered in self.gathered.iter_mut().take(self.used) {
            let packets = gathered.tick.received.packets() + gathered.tick.sent.packets();
            let Some(index) = self.windows.index_of(gathered.network) else { continue };
            if let Some(largest) = self.largest.get_mut(index) {
                if largest.network != gathered.network {
                    *largest = Largest { network: gathered.network, ..Largest::default() };
                }
                let received = gathered.tick.received.packets().min(u64::from(u32::MAX)) as u32;
                if let Some(tick) = largest.ticks.get_mut((self.tick % 10) as usize) {
                    *tick = (received, gathered.largest);
                }
            }
            if packets > 0
                && let Some(slot) = self.windows.get_mut(index, gathered.network)
            {
                slot.window.absorb(&mut gathered.tick);
                slot.was_active(self.tick, packets);
            }
        }
    }

    /// What is gathered for the prefix of a host.
    fn gathered_for(&mut self, host: Addr) -> Option<&mut Gathered> {
        let network = host.network(self.lengths.of(host));
        self.gathered.iter_mut().take(self.used).find(|gathered| gathered.network == network)
    }

    /// Prefixes of which many hosts received something lately, with about how many, and none of them most of it.
    pub fn busy(&self) -> impl Iterator<Item = (&HostWindow, f64)> {
        self.windows.active().filter_map(|window| {
            let network = window.address();
            let entry = self.entries.get(self.entries.find(self.hasher.address(network), network)?)?;
            let hosts = entry.hosts();
            let largest = self.largest.get(self.windows.index_of(network)?)?;
            let (all, most) = largest.ticks.iter().fold((0u64, 0u64), |(all, most), &(packets, largest)| {
                (all + u64::from(packets), most + u64::from(largest))
            });
            (hosts >= HOSTS && most * 3 <= all && largest.network == network).then_some((window, hosts))
        })
    }
}

/// A tick of a host.
pub(super) struct Host<'a> {
    pub address: Addr,
    pub counts: HostTickOf<'a>,
    pub at: Timestamp,
    pub scale: Scale,
}

/// As a worker reports it.
pub(super) enum HostTickOf<'a> {
    Quiet(&'a HostCounts),
    Busy(&'a HostTick),
}

impl Host<'_> {
    /// Packets received.
    fn received(&self) -> u32 {
        match self.counts {
            HostTickOf::Quiet(counts) => counts.received.packets,
            HostTickOf::Busy(tick) => tick.received.packets().min(u64::from(u32::MAX)) as u32,
        }
    }
}

impl Gathered {
    fn add(&mut self, host: &Host<'_>) {
        self.largest = self.largest.max(host.received());
        match host.counts {
            HostTickOf::Busy(tick) => self.tick.merge_counts(tick),
            HostTickOf::Quiet(counts) => {
                let first = self.tick.first;
                counts.write(&mut self.tick, host.at, host.scale);
                self.tick.first = if first == Timestamp::ZERO { host.at } else { first.min(host.at) };
            }
        }
    }
}
