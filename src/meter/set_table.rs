//! A bounded, set-associative table with exact keys: one word of tags a set, values beside.
//!
//! All memory is allocated at the start and never grows. A new key in a full set replaces the lightest of a few
//! entries, so noise evicts noise and never the host under attack.

/// Entries per set.
const WAYS: usize = 8;
/// Entries of a full set, starting at a random one, among which the lightest is replaced.
const CANDIDATES: usize = 4;
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Index of an entry, valid until another key is inserted.
pub(super) type SlotIndex = u32;
/// The index of no entry.
pub(super) const NO_SLOT: SlotIndex = SlotIndex::MAX;

/// The tags of one set, a byte per way: seven bits of each key's hash below a set bit, zero for an empty way.
type Tags = u64;

/// An entry that knows its own key.
pub(super) trait Keyed {
    type Key: Copy + Eq;
    /// An entry for `key` with nothing counted.
    fn empty(key: Self::Key) -> Self;
    fn key(&self) -> Self::Key;
    /// How important it is to keep this entry at tick `age` (its low bits); the lowest weight is replaced.
    fn weight(&self, age: u16) -> u32;
    /// Whether it has counts that have not been read yet.
    fn has_counts(&self) -> bool;
}

/// What an entry keeps of the tick in which it was last active.
#[derive(Clone, Copy, Default)]
pub(super) struct LastTick {
    /// Low bits of that tick, and the packets of the tick before it, saturating.
    age: u16,
    packets: u16,
}

impl LastTick {
    /// Called at the first packet of tick `age`.
    #[inline]
    pub(super) fn start_tick(&mut self, age: u16) {
        self.packets = if self.age == age.wrapping_sub(1) { self.packets } else { 0 };
        self.age = age;
    }

    /// Whether the entry was last active in tick `age`.
    #[inline]
    pub(super) fn is_of(&self, age: u16) -> bool {
        self.age == age
    }

    /// Ticks since the entry was last active, modulo 65,536.
    pub(super) fn ticks_since(&self, age: u16) -> u32 {
        age.wrapping_sub(self.age).into()
    }

    /// Called at the end of a tick with the packets of the tick.
    pub(super) fn end_tick(&mut self, packets: u32) {
        self.packets = packets.min(u32::from(u16::MAX)) as u16;
    }

    /// Weight of an entry with `packets` since it became active: packets of this tick count twice, those of the last
    /// one once, older ones not at all.
    pub(super) fn weight(self, packets: u32, age: u16) -> u32 {
        match age.wrapping_sub(self.age) {
            0 => 2 * packets.min(1 << 20) + u32::from(self.packets),
            1 => self.packets.into(),
            _ => 0,
        }
    }
}

/// What [`SetTable::insert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted<V> {
    Found,
    New,
    /// This entry was replaced; its counts have not been read.
    Replaced(V),
}

pub(super) struct SetTable<V: Keyed> {
    sets: Box<[Tags]>,
    values: Box<[V]>,
    mask: usize,
    entries: usize,
    age: u16,
    version: u64,
}

impl<V: Keyed> SetTable<V> {
    /// A table of at least `capacity` entries (rounded up to a power of two, at least one set). All memory is touched,
    /// so that no page fault happens later. `empty` is the key of unused values.
    pub(super) fn new(capacity: usize, empty: V::Key) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        let values = (0..sets * WAYS).map(|_| V::empty(empty)).collect();
        SetTable { sets: vec![0; sets].into_boxed_slice(), values, mask: sets - 1, entries: 0, age: 0, version: 0 }
    }

    pub(super) fn capacity(&self) -> usize {
        self.values.len()
    }

    /// Entries in use.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// Low bits of the number of ticks so far.
    pub(super) fn age(&self) -> u16 {
        self.age
    }

    pub(super) fn set_age(&mut self, age: u16) {
        self.age = age;
    }

    pub(super) fn next_tick(&mut self) {
        self.age = self.age.wrapping_add(1);
    }

    #[inline]
    fn tag(hash: u64) -> u64 {
        hash >> 57 | 0x80
    }

    /// Changes with each insertion: while it is the same, earlier lookups are still valid.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: V::Key) -> Option<SlotIndex> {
        let set = hash as usize & self.mask;
        // Equal bytes become zero. Subtracting one from each byte sets the highest bit exactly in the zeros, and
        // sometimes, by a borrow, in the byte above one. The comparison of keys decides.
        let differences = self.sets.get(set)? ^ Self::tag(hash).wrapping_mul(LOW_BITS);
        let mut candidates = differences.wrapping_sub(LOW_BITS) & !differences & HIGH_BITS;
        while candidates != 0 {
            let index = set * WAYS + candidates.trailing_zeros() as usize / 8;
            if self.values.get(index).is_some_and(|value| value.key() == key) {
                return Some(index as SlotIndex);
            }
            candidates &= candidates - 1;
        }
        None
    }

    #[inline]
    pub(super) fn get(&self, index: SlotIndex) -> Option<&V> {
        self.values.get(index as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: SlotIndex) -> Option<&mut V> {
        self.values.get_mut(index as usize)
    }

    /// Finds `key` or inserts it.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, key: V::Key) -> (SlotIndex, Inserted<V>) {
        match self.find(hash, key) {
            Some(index) => (index, Inserted::Found),
            None => self.replace(hash, key),
        }
    }

    fn replace(&mut self, hash: u64, key: V::Key) -> (SlotIndex, Inserted<V>) {
        let set = hash as usize & self.mask;
        let first = set * WAYS;
        let (Some(tags), Some(values)) = (self.sets.get_mut(set), self.values.get_mut(first..first + WAYS)) else {
            // `set` is masked to the number of sets, so there always is one.
            return (NO_SLOT, Inserted::New);
        };
        let age = self.age;
        let way = (0..WAYS).find(|&way| *tags >> (way * 8) & 0xff == 0).unwrap_or_else(|| {
            // The lightest candidate, or the first of weight zero: in a flood from random sources nearly all are light,
            // and a scan of the whole set costs a cache miss per entry.
            let start = (hash >> 32) as usize;
            let mut lightest = (u32::MAX, 0);
            for way in (0..CANDIDATES).map(|step| (start + step) % WAYS) {
                let weight = values.get(way).map_or(u32::MAX, |value| value.weight(age));
                if weight < lightest.0 {
                    lightest = (weight, way);
                }
                if weight == 0 {
                    break;
                }
            }
            lightest.1
        });
        let shift = way * 8;
        let was_empty = *tags >> shift & 0xff == 0;
        *tags = *tags & !(0xff << shift) | Self::tag(hash) << shift;
        let mut outcome = Inserted::New;
        if let Some(value) = values.get_mut(way) {
            let evicted = std::mem::replace(value, V::empty(key));
            if !was_empty && evicted.has_counts() {
                outcome = Inserted::Replaced(evicted);
            }
        }
        self.entries += usize::from(was_empty);
        self.version += 1;
        ((first + way) as SlotIndex, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Entry {
        key: u64,
        count: u64,
    }

    impl Keyed for Entry {
        type Key = u64;
        fn empty(key: u64) -> Self {
            Entry { key, count: 0 }
        }
        fn key(&self) -> u64 {
            self.key
        }
        fn weight(&self, _age: u16) -> u32 {
            self.count as u32
        }
        fn has_counts(&self) -> bool {
            self.count > 0
        }
    }

    fn hash(key: u64) -> u64 {
        let wide = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        (wide >> 64) as u64 ^ wide as u64
    }

    fn add(table: &mut SetTable<Entry>, key: u64) -> Inserted<Entry> {
        let (index, outcome) = table.insert(hash(key), key);
        if let Some(entry) = table.get_mut(index) {
            entry.count += 1;
        }
        outcome
    }

    #[test]
    fn counts_are_exact_below_capacity() {
        let mut table = SetTable::<Entry>::new(4096, 0);
        for round in 0..3 {
            for key in 1..=1000u64 {
                let outcome = add(&mut table, key);
                assert_eq!(outcome, if round == 0 { Inserted::New } else { Inserted::Found }, "key {key}");
            }
        }
        assert_eq!(table.len(), 1000);
        for key in 1..=1000u64 {
            let index = table.find(hash(key), key);
            assert_eq!(index.and_then(|i| table.get(i)).map(|e| e.count), Some(3));
        }
    }

    #[test]
    fn noise_never_evicts_a_heavy_entry() {
        let mut table = SetTable::<Entry>::new(64, 0);
        for tick in 0..20u64 {
            for noise in 0..10_000u64 {
                add(&mut table, 1_000_000 + tick * 10_000 + noise);
                if noise % 10 == 0 {
                    add(&mut table, 7);
                }
            }
            table.next_tick();
        }
        let index = table.find(hash(7), 7);
        assert_eq!(index.and_then(|i| table.get(i)).map(|e| e.count), Some(20_000));
        assert_eq!(table.capacity(), 64);
        assert!(table.len() <= 64);
    }
}
