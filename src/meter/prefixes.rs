//! Prefixes: networks with many busy hosts at the same time, each measured like one host.
//!
//! Every prefix has a small entry with the number of its receiving hosts and their packets. Prefixes that receive much
//! on many hosts get windows like busy hosts; all counts of their hosts are added to them. Their sources come from a
//! uniform sample of all received packets.

use super::fading::FADING;
use super::hash::Hasher;
use super::host::HostWindow;
use super::host_tick::HostTick;
use super::linear_counter::linear_count;
use super::report::HostCounts;
use super::samples::{Received, SAMPLES, Sample};
use super::scale::Scale;
use super::set_table::{Inserted, Keyed, LastTick, NO_SLOT, SetTable};
use super::sizes::PrefixLengths;
use super::windows::Windows;
use crate::base::{Addr, TICKS_PER_SECOND, Timestamp};

/// Packets received in a tick by all hosts of a prefix from which it may get windows.
const BUSY: u32 = 15;
/// Hosts of a prefix that receive within about a second from which it counts as busy.
const HOSTS: f64 = 8.0;
/// Packets of a host in a tick from which it matters which of them were asked for.
const FEW: u32 = 16;
/// Bits that [`HOSTS`] hosts set nearly always.
const LEAST_BITS: u32 = 7;
/// Prefixes with small entries.
const ENTRIES: usize = 4096;
/// Ticks after which the set of receiving hosts restarts; the previous set is kept.
const GENERATION: u16 = 8;

struct Entry {
    network: Addr,
    previous: LastTick,
    packets: u32,
    /// Bitmaps of receiving hosts, by hash, of this generation and of the previous one.
    hosts: u64,
    hosts_before: u64,
    generation: u16,
    /// Whether the prefix was reported as busy in this tick.
    reported: bool,
    /// Index in `Prefixes::collected`, if it has windows.
    collected: u16,
}

impl Keyed for Entry {
    type Key = Addr;

    fn empty(network: Addr) -> Self {
        Entry {
            network,
            previous: LastTick::default(),
            packets: 0,
            hosts: 0,
            hosts_before: 0,
            generation: 0,
            reported: false,
            collected: u16::MAX,
        }
    }

    fn key(&self) -> Addr {
        self.network
    }

    fn weight(&self, age: u16) -> u32 {
        self.previous.weight(self.packets, age)
    }

    fn has_counts(&self) -> bool {
        self.packets != 0
    }
}

impl Entry {
    /// Adds the packets that a host received; returns true once per tick, when the prefix is busy.
    fn note(&mut self, age: u16, host: Addr, received: u32) -> bool {
        if !self.previous.is_of(age) {
            self.previous.end_tick(self.packets);
            self.previous.start_tick(age);
            (self.packets, self.reported) = (0, false);
        }
        let generation = age / GENERATION;
        if self.generation != generation {
            self.hosts_before = if generation.wrapping_sub(self.generation) == 1 { self.hosts } else { 0 };
            (self.hosts, self.generation) = (0, generation);
        }
        self.packets = self.packets.saturating_add(received);
        // Neighbouring addresses differ in their last bits; a multiplication spreads them over the bitmap.
        self.hosts |= 1 << ((host.bits() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        if self.reported || self.packets < BUSY || (self.hosts | self.hosts_before).count_ones() < LEAST_BITS {
            return false;
        }
        self.reported = true;
        true
    }

    fn hosts(&self) -> f64 {
        linear_count((self.hosts | self.hosts_before).count_zeros(), u64::BITS)
    }
}

/// The tick collected for a prefix with windows.
#[derive(Default)]
struct PrefixTick {
    network: Addr,
    tick: Box<HostTick>,
    /// Unsolicited packets of all hosts, and of the one that received most within one worker's report.
    unsolicited: u32,
    largest: u32,
    /// Samples of its packets, those since the last one kept, and the packets that these stand for.
    sampled: u32,
    passed: u32,
    weight: u32,
}

/// Of the last ten ticks: unsolicited packets, and those of the host that received most. What a host asked for says nothing of an
/// attack on its neighbours.
#[derive(Clone, Copy, Default)]
struct LargestHost {
    network: Addr,
    ticks: [(u32, u32); TICKS_PER_SECOND],
}

pub(super) struct Prefixes {
    hasher: Hasher,
    lengths: PrefixLengths,
    entries: SetTable<Entry>,
    windows: Windows,
    collected: Vec<PrefixTick>,
    used: usize,
    largest: Vec<LargestHost>,
    /// Busy prefixes of the open tick without windows.
    candidates: Vec<Addr>,
    tick: u64,
    entry_evictions: u64,
}

impl Prefixes {
    pub(super) fn new(capacity: usize, lengths: PrefixLengths, hasher: Hasher) -> Self {
        let collected = (0..capacity).map(|_| PrefixTick::default()).collect();
        Prefixes {
            hasher,
            lengths,
            entries: SetTable::new(ENTRIES, Addr::UNSPECIFIED),
            windows: Windows::new(capacity, hasher),
            collected,
            used: 0,
            largest: vec![LargestHost::default(); capacity],
            candidates: Vec::with_capacity(ENTRIES),
            tick: 0,
            entry_evictions: 0,
        }
    }

    /// Allocates all windows now.
    pub(super) fn prepare(&mut self) {
        self.windows.prepare();
    }

    pub(super) fn lengths(&self) -> PrefixLengths {
        self.lengths
    }

    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Windows that a busy prefix did not get.
    pub(super) fn refusals(&self) -> u64 {
        self.windows.refusals()
    }

    /// Evictions in both tables.
    pub(super) fn evictions(&self) -> u64 {
        self.windows.evictions() + self.entry_evictions
    }

    pub(super) fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.entries.set_age(tick as u16);
        self.windows.open(tick);
        self.used = 0;
        self.candidates.clear();
    }

    pub(super) fn reset(&mut self) {
        self.windows.reset();
        self.used = 0;
    }

    /// Counts a host's tick for its prefix.
    #[inline]
    pub(super) fn count(&mut self, host: HostTraffic<'_>) {
        let network = host.address.network(self.lengths.of(host.address));
        let hash = self.hasher.address(network);
        let received = host.received();
        let index = if received > 0 {
            let (index, outcome) = self.entries.insert(hash, network);
            self.entry_evictions += u64::from(matches!(outcome, Inserted::Replaced(_)));
            index
        } else {
            // Hosts that only send make no entry.
            self.entries.find(hash, network).unwrap_or(NO_SLOT)
        };
        let age = self.entries.age();
        let Some(entry) = self.entries.get_mut(index) else { return };
        if let Some(collected) = self.collected.get_mut(usize::from(entry.collected))
            && collected.network == network
            && self.used > usize::from(entry.collected)
        {
            collected.add(&host);
        }
        if received > 0
            && entry.note(age, host.address, received)
            && self.windows.index_of(network).is_none()
            && self.candidates.len() < self.candidates.capacity()
        {
            self.candidates.push(network);
        }
    }

    /// Prepares for the reports of the open tick: every prefix with windows collects counts.
    pub(super) fn start_collecting(&mut self) {
        self.used = 0;
        for (collected, window) in self.collected.iter_mut().zip(self.windows.in_use()) {
            let network = window.address();
            collected.network = network;
            collected.tick.reset(network);
            (collected.unsolicited, collected.largest) = (0, 0);
            (collected.sampled, collected.passed, collected.weight) = (0, 0, 0);
            let entry = self.entries.find(self.hasher.address(network), network);
            if let Some(entry) = entry.and_then(|index| self.entries.get_mut(index)) {
                entry.collected = self.used as u16;
            }
            self.used += 1;
        }
    }

    /// Closes the open tick after all counts have been added; `received` are the workers' samples.
    pub(super) fn close(&mut self, received: &[Received]) {
        for received in received {
            let hash = self.hasher.address(received.sample.peer);
            if let Some(collected) = self.collected_for(received.target) {
                collected.sampled += 1;
                collected.tick.sources.add(hash);
            }
        }
        // Where there are more samples than a tick can keep, each n-th stands for n: all have the same weight.
        for received in received {
            let Some(collected) = self.collected_for(received.target) else { continue };
            collected.weight = collected.weight.saturating_add(received.sample.weight);
            collected.passed += 1;
            if collected.passed >= collected.sampled.div_ceil(SAMPLES as u32) {
                let weight = std::mem::take(&mut collected.weight);
                collected.passed = 0;
                collected.tick.received_samples.absorb(Sample { weight, ..received.sample }, 0);
            }
        }
        for collected in self.collected.iter_mut().take(self.used) {
            let packets = collected.tick.received.packets() + collected.tick.sent.packets();
            let Some(index) = self.windows.index_of(collected.network) else { continue };
            if let Some(largest) = self.largest.get_mut(index) {
                if largest.network != collected.network {
                    *largest = LargestHost { network: collected.network, ..LargestHost::default() };
                }
                let received = collected.unsolicited;
                if let Some(tick) = largest.ticks.get_mut((self.tick % TICKS_PER_SECOND as u64) as usize) {
                    *tick = (received, collected.largest);
                }
            }
            if packets > 0
                && let Some(slot) = self.windows.get_mut(index, collected.network)
            {
                slot.window.absorb(&mut collected.tick);
                slot.was_active(self.tick, packets);
            }
        }
        self.admit();
    }

    /// Gives windows to the busiest prefixes without them, by the packets of the whole tick; they are measured from the next
    /// one on.
    fn admit(&mut self) {
        let (entries, hasher) = (&self.entries, self.hasher);
        let packets = |network: Addr| {
            let index = entries.find(hasher.address(network), network);
            index.and_then(|index| entries.get(index)).map_or(0, |entry| entry.packets)
        };
        self.candidates.sort_unstable_by_key(|&network| (std::cmp::Reverse(packets(network)), network));
        for &network in &self.candidates {
            // As much as it gains within about a second at this rate.
            self.windows.add(network, packets(network) as f32 / (1.0 - FADING), None);
        }
    }

    /// The collected tick of the prefix that a host belongs to.
    fn collected_for(&mut self, host: Addr) -> Option<&mut PrefixTick> {
        let network = host.network(self.lengths.of(host));
        self.collected.iter_mut().take(self.used).find(|collected| collected.network == network)
    }

    /// Prefixes with many recently receiving hosts, none of which receives more than a third of what was not asked for, and the
    /// estimated number of hosts.
    pub(super) fn busy(&self) -> impl Iterator<Item = (&HostWindow, f64)> {
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

/// The traffic of a host in one tick.
pub(super) struct HostTraffic<'a> {
    pub address: Addr,
    pub counts: HostTickCounts<'a>,
    pub at: Timestamp,
    pub scale: Scale,
}

/// The counts of a host as a worker reports them.
pub(super) enum HostTickCounts<'a> {
    Quiet(&'a HostCounts),
    Busy(&'a HostTick),
}

impl HostTraffic<'_> {
    /// Packets received.
    fn received(&self) -> u32 {
        match self.counts {
            HostTickCounts::Quiet(counts) => counts.received.packets,
            HostTickCounts::Busy(tick) => tick.received.packets().min(u64::from(u32::MAX)) as u32,
        }
    }

    /// Unsolicited packets received; all of a host that receives few.
    fn unsolicited(&self) -> u32 {
        match (self.received(), &self.counts) {
            (received @ FEW.., HostTickCounts::Busy(tick)) => {
                tick.received.unsolicited_at_first().min(received.into()) as u32
            }
            (received, _) => received,
        }
    }
}

impl PrefixTick {
    fn add(&mut self, host: &HostTraffic<'_>) {
        let unsolicited = host.unsolicited();
        self.unsolicited = self.unsolicited.saturating_add(unsolicited);
        self.largest = self.largest.max(unsolicited);
        match host.counts {
            HostTickCounts::Busy(tick) => self.tick.merge_counts(tick),
            HostTickCounts::Quiet(counts) => {
                let first = self.tick.first;
                counts.write(&mut self.tick, host.at, host.scale);
                self.tick.first = if first == Timestamp::ZERO { host.at } else { first.min(host.at) };
            }
        }
    }
}
