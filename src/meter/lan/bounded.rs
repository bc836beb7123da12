//! A small table with a cap, for keys that senders choose: evicts the oldest eighth and counts evictions.

use crate::base::Timestamp;
use std::collections::BTreeMap;

/// Values by key, each with the time of its last use. Ordered, so that replays never vary.
#[derive(Clone, Debug)]
pub(super) struct Bounded<K, V> {
    entries: BTreeMap<K, (Timestamp, V)>,
    capacity: usize,
    evictions: u64,
}

impl<K: Ord + Copy, V> Bounded<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Bounded { entries: BTreeMap::new(), capacity, evictions: 0 }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// The value of `key`, created where there is none; used at `now`.
    pub(super) fn get_or_insert(&mut self, key: K, now: Timestamp, new: impl FnOnce() -> V) -> &mut V {
        self.make_room(&key, |_| false);
        let entry = self.entries.entry(key).or_insert_with(|| (now, new()));
        entry.0 = entry.0.max(now);
        &mut entry.1
    }

    /// Evicts an eighth of a full table before `key` is new in it: entries that are worth keeping last, each group from the
    /// oldest on.
    pub(super) fn make_room(&mut self, key: &K, is_worth_keeping: impl Fn(&V) -> bool) {
        if self.entries.len() < self.capacity || self.entries.contains_key(key) {
            return;
        }
        let rank = |(key, (used, value)): (&K, &(Timestamp, V))| (is_worth_keeping(value), *used, *key);
        let mut used: Vec<(bool, Timestamp, K)> = self.entries.iter().map(rank).collect();
        let goal = (self.capacity / 8).max(1);
        if goal < used.len() {
            used.select_nth_unstable(goal - 1);
        }
        for (_, _, key) in used.iter().take(goal) {
            self.entries.remove(key);
            self.evictions += 1;
        }
    }

    /// Evicts all entries but those that the caller wants to keep.
    pub(super) fn evict_unless(&mut self, keep: impl Fn(&V) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|_, (_, value)| keep(value));
        self.evictions += (before - self.entries.len()) as u64;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, (_, value))| (key, value))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, (_, value))| (key, value))
    }

    pub(super) fn retain(&mut self, keep: impl Fn(Timestamp, &V) -> bool) {
        self.entries.retain(|_, (used, value)| keep(*used, value));
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_are_evicted_and_counted() {
        let mut table: Bounded<u32, u32> = Bounded::new(16);
        for key in 0..16 {
            *table.get_or_insert(key, Timestamp::from_nanos(u64::from(key)), || 0) += 1;
        }
        table.get_or_insert(0, Timestamp::from_nanos(100), || 0);
        table.get_or_insert(99, Timestamp::from_nanos(101), || 7);
        assert_eq!((table.len(), table.evictions()), (15, 2));
        assert_eq!((table.get(&0), table.get(&1), table.get(&2), table.get(&99)), (Some(&1), None, None, Some(&7)));
    }
}
