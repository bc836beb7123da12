//! The shared tables: lifetime counters per host (updated once a second) and per station (once a tick), written by the
//! merger and read at any time by the API and the metrics. The only file that uses `dashmap`.

use super::counts::Count;
use super::fading::{FadingCount, faded, worth};
use super::hash::{Hasher, KeyedBuildHasher};
use super::report::StationCounts;
use crate::base::{Addr, Mac, TICKS_PER_SECOND, Timestamp};
use dashmap::DashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shards of each table, a power of two. More would only help with several writers; the merger is the only one.
const SHARDS: usize = 8;

/// A bounded concurrent table.
pub struct Shared<K, V> {
    map: DashMap<K, V, KeyedBuildHasher>,
    capacity: usize,
    /// Separate from the map, whose own count visits every shard. There is one writer.
    entries: AtomicUsize,
    evictions: AtomicU64,
    /// Tick of the last eviction, and the highest rank among the entries evicted then.
    last_eviction: AtomicU64,
    threshold: AtomicU64,
}

/// The value of a key.
pub trait Entry: Clone {
    /// Whether new keys that rank little above the last evicted ones are refused for a second.
    const REFUSES_NEWCOMERS: bool;
    /// Rank for eviction: the smallest is evicted first.
    fn worth(&self, now: u64) -> u64;
}

/// Ticks for which the threshold applies.
const REFUSAL_TICKS: u64 = TICKS_PER_SECOND as u64;

impl<K: Eq + Hash + Ord + Copy, V: Entry> Shared<K, V> {
    /// `filler` makes distinct keys that are inserted and removed again: this touches the memory now, so that a flood
    /// causes no page faults.
    pub fn new(capacity: usize, hasher: Hasher, filler: impl Fn(u32) -> K) -> Self
    where
        V: Default,
    {
        let map = DashMap::with_capacity_and_hasher_and_shard_amount(capacity, KeyedBuildHasher::new(hasher), SHARDS);
        for number in 0..u32::try_from(capacity).unwrap_or(u32::MAX) {
            map.insert(filler(number), V::default());
        }
        map.clear();
        Shared {
            map,
            capacity: capacity.max(1),
            entries: AtomicUsize::new(0),
            evictions: AtomicU64::new(0),
            last_eviction: AtomicU64::new(0),
            threshold: AtomicU64::new(0),
        }
    }

    /// Entries in use.
    pub fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Upper limit of entries.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Entries evicted so far, and refused keys.
    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// Updates the entry of `key`; creates it with `new` where there is none. `now` is the tick. A full table may
    /// refuse a new key, which counts as an eviction: otherwise every random source of a flood would cost one.
    pub fn update(&self, key: K, now: u64, new: impl FnOnce() -> V, update: impl FnOnce(&mut V)) {
        if let Some(mut entry) = self.map.get_mut(&key) {
            update(entry.value_mut());
            return;
        }
        let mut entry = new();
        update(&mut entry);
        if self.len() >= self.capacity {
            if self.refuses(entry.worth(now), now) {
                return;
            }
            self.evict(now);
        }
        self.map.insert(key, entry);
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a new key of this rank is refused now; counts an eviction if so.
    pub(super) fn refuses(&self, worth: u64, now: u64) -> bool {
        let threshold = match now.saturating_sub(self.last_eviction.load(Ordering::Relaxed)) {
            // At most one eviction per tick: each ranks every entry.
            0 => u64::MAX,
            1..REFUSAL_TICKS => self.threshold.load(Ordering::Relaxed).saturating_mul(4),
            _ => 0,
        };
        let refused = V::REFUSES_NEWCOMERS && worth <= threshold && self.len() >= self.capacity;
        self.evictions.fetch_add(u64::from(refused), Ordering::Relaxed);
        refused
    }

    /// Evicts an eighth of the table at a time: many insertions share the cost of ranking every entry.
    fn evict(&self, now: u64) {
        let mut ranking: Vec<(u64, K)> = self.map.iter().map(|e| (e.value().worth(now), *e.key())).collect();
        let goal = (self.capacity / 8).max(1);
        // Keys break ties, so that the order of shards and buckets has no effect.
        if goal < ranking.len() {
            let (_, &mut (threshold, _), _) = ranking.select_nth_unstable(goal - 1);
            self.threshold.store(threshold, Ordering::Relaxed);
            self.last_eviction.store(now, Ordering::Relaxed);
        }
        for (_, key) in ranking.iter().take(goal) {
            if self.map.remove(key).is_some() {
                self.entries.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.evictions.fetch_add(goal.min(ranking.len()) as u64, Ordering::Relaxed);
    }

    /// A copy of the entry of `key`.
    pub fn get(&self, key: &K) -> Option<V> {
        self.map.get(key).map(|entry| entry.value().clone())
    }

    /// Calls `visitor` with every entry, in no order.
    pub fn visit(&self, mut visitor: impl FnMut(&K, &V)) {
        self.map.iter().for_each(|entry| visitor(entry.key(), entry.value()));
    }

    /// The `count` entries with the highest `rank`, highest first; ties by key.
    pub fn top(&self, count: usize, rank: impl Fn(&V) -> u64) -> Vec<(K, V)> {
        self.top_of(count, |_, value| Some(rank(value)))
    }

    /// The `count` entries with the highest `rank` among those that have one.
    pub fn top_of<R: Ord>(&self, count: usize, rank: impl Fn(&K, &V) -> Option<R>) -> Vec<(K, V)> {
        let ranked = self.map.iter().filter_map(|e| Some((rank(e.key(), e.value())?, *e.key())));
        let mut all: Vec<(R, K)> = ranked.collect();
        all.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        all.truncate(count);
        all.into_iter().filter_map(|(_, key)| self.get(&key).map(|value| (key, value))).collect()
    }
}

/// A host over its lifetime in the table.
#[derive(Clone, Debug, Default)]
pub struct HostEntry {
    /// All packets to the host since it entered the table.
    pub received: Count,
    /// All packets from the host since it entered the table.
    pub sent: Count,
    /// Beginning of the first and of the last tick with traffic.
    pub first: Timestamp,
    /// Beginning of the last tick with traffic.
    pub last: Timestamp,
    /// Number of the last tick with traffic, to which `activity` applies: tenths of a second since the epoch.
    pub last_tick: u64,
    /// Packets of about the last second, fading by a tenth each tick.
    pub activity: f32,
}

impl HostEntry {
    /// Adds the counts of the ticks from `since` to `last`, after which the host has this `activity`.
    pub fn add(&mut self, since: u64, last: u64, received: Count, sent: Count, activity: f32) {
        if self.first == Timestamp::ZERO {
            self.first = Timestamp::from_tick(since);
        }
        self.last = Timestamp::from_tick(last);
        self.activity = activity;
        self.last_tick = last;
        self.received.merge(received);
        self.sent.merge(sent);
    }

    /// The activity faded to tick `tick`.
    pub fn activity_at(&self, tick: u64) -> f32 {
        faded(self.activity, tick.saturating_sub(self.last_tick))
    }
}

impl Entry for HostEntry {
    const REFUSES_NEWCOMERS: bool = true;

    fn worth(&self, now: u64) -> u64 {
        worth(self.activity_at(now))
    }
}

/// Current rates of a station, as fading counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StationRates {
    pub received: FadingCount,
    pub sent: FadingCount,
    /// Broadcast frames that it sent.
    pub broadcast: f32,
}

/// A station over its lifetime in the table.
#[derive(Clone, Debug, Default)]
pub struct StationEntry {
    /// Frames since the station entered the table, and details of the first frame that it sent since then.
    pub totals: StationCounts,
    /// Number of the last tick with traffic: tenths of a second since the epoch.
    pub last_tick: u64,
    /// Tick of the last frame that entered this machine, as marked by the kernel; 0 if never.
    pub entered_tick: u64,
    /// As of `last_tick`.
    pub rates: StationRates,
}

impl StationEntry {
    /// Adds the counts of tick `tick`.
    pub fn add(&mut self, tick: u64, counts: &StationCounts) {
        self.rates = self.rates_at(tick);
        self.rates.received.add(counts.received);
        self.rates.sent.add(counts.sent);
        self.rates.broadcast += counts.broadcast as f32;
        if !counts.entered.is_zero() {
            self.entered_tick = tick;
        }
        let totals = &mut self.totals;
        if totals.sent.is_zero() && !counts.sent.is_zero() {
            let (sent, received) = (totals.sent, totals.received);
            *totals = StationCounts { sent, received, ..*counts };
            totals.received.merge(counts.received);
            totals.sent = counts.sent;
        } else {
            totals.last = totals.last.max(counts.last);
            totals.sent.merge(counts.sent);
            totals.received.merge(counts.received);
            totals.left.merge(counts.left);
            totals.entered.merge(counts.entered);
            totals.broadcast = totals.broadcast.saturating_add(counts.broadcast);
            totals.multicast = totals.multicast.saturating_add(counts.multicast);
            totals.arp = totals.arp.saturating_add(counts.arp);
            totals.nd = totals.nd.saturating_add(counts.nd);
            totals.dhcp = totals.dhcp.saturating_add(counts.dhcp);
        }
        self.last_tick = tick;
    }

    /// The rates faded to tick `tick`.
    pub fn rates_at(&self, tick: u64) -> StationRates {
        let idle = tick.saturating_sub(self.last_tick);
        let mut rates = self.rates;
        rates.received.fade(idle);
        rates.sent.fade(idle);
        rates.broadcast = faded(rates.broadcast, idle);
        rates
    }
}

impl Entry for StationEntry {
    const REFUSES_NEWCOMERS: bool = false;

    fn worth(&self, now: u64) -> u64 {
        // Recent before old; within the same second, busy before quiet.
        let age = now.saturating_sub(self.last_tick) / TICKS_PER_SECOND as u64;
        (u64::from(u32::MAX) - age.min(u64::from(u32::MAX))) << 24 | self.totals.sent.packets.min((1 << 24) - 1)
    }
}

/// Lifetime counters by host address.
pub type HostTable = Shared<Addr, HostEntry>;
/// Lifetime counters by interface number and MAC address.
pub type StationTable = Shared<(u16, Mac), StationEntry>;

impl HostTable {
    /// A table of at most `capacity` hosts.
    pub fn for_hosts(capacity: usize, hasher: Hasher) -> Self {
        Shared::new(capacity, hasher, Addr::from_v4_bits)
    }
}

impl StationTable {
    /// A table of at most `capacity` stations.
    pub fn for_stations(capacity: usize, hasher: Hasher) -> Self {
        Shared::new(capacity, hasher, |number| {
            let [a, b, c, d] = number.to_be_bytes();
            (0, Mac([0, 0, a, b, c, d]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_keeps_its_cap_and_busy_hosts() {
        let table = HostTable::for_hosts(100, Hasher::fixed());
        let busy = Addr::from_v4_bits(1);
        for tick in 0..50u64 {
            let count = |packets| Count { packets, bytes: packets * 60 };
            table.update(busy, tick, HostEntry::default, |e| e.add(tick, tick, count(1000), count(0), 1000.0));
            for n in 0..100u32 {
                let other = Addr::from_v4_bits(1000 + tick as u32 * 100 + n);
                table.update(other, tick, HostEntry::default, |e| e.add(tick, tick, count(1), count(0), 1.0));
            }
            assert!(table.len() <= 100, "{}", table.len());
        }
        assert_eq!(table.get(&busy).map(|e| e.received.packets), Some(50_000));
        assert!(table.evictions() > 4_000);
        assert_eq!(table.top(1, |e| e.received.packets).first().map(|(k, _)| *k), Some(busy));
    }
}
