//! A bounded, set-associative table with exact keys: one cache line of tags a set, values beside.
//!
//! All memory is taken at the start and never grows. A new key in a full set replaces the entry that weighs least in
//! this tick and the last one, so noise evicts noise and never the host that is under attack.

/// Entries a set. Eight tags, weights and ages fill one cache line of 64 octets.
const WAYS: usize = 8;

/// Index of an entry, valid until another key is inserted.
pub type SlotIndex = u32;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct SetLine {
    /// Upper half of the key's hash with the lowest bit set; zero is an empty way.
    tags: [u32; WAYS],
    /// Packets of the tick in `ages`, saturating.
    weights: [u16; WAYS],
    /// Low bits of the last tick in which the way was touched.
    ages: [u16; WAYS],
}

/// An entry that knows its own key.
pub trait Keyed {
    type Key: Copy + Eq;
    /// An entry for `key` with nothing counted.
    fn empty(key: Self::Key) -> Self;
    fn key(&self) -> Self::Key;
}

/// What [`SetTable::insert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    Found,
    New,
    /// Another key with unreported counts gave way.
    Replaced,
}

pub struct SetTable<V: Keyed> {
    lines: Box<[SetLine]>,
    values: Box<[V]>,
    mask: usize,
    entries: usize,
    age: u16,
}

impl<V: Keyed> SetTable<V> {
    /// A table of at least `capacity` entries (rounded up to a power of two, at least one set), touched in full so that
    /// no page fault happens later. `empty` is a key that fills unused values.
    pub fn new(capacity: usize, empty: V::Key) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        let line = SetLine { tags: [0; WAYS], weights: [0; WAYS], ages: [0; WAYS] };
        let values = (0..sets * WAYS).map(|_| V::empty(empty)).collect();
        SetTable { lines: vec![line; sets].into_boxed_slice(), values, mask: sets - 1, entries: 0, age: 0 }
    }

    pub fn capacity(&self) -> usize {
        self.values.len()
    }

    /// Entries in use.
    pub fn len(&self) -> usize {
        self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Starts the next tick: what was touched before begins to weigh less.
    pub fn next_tick(&mut self) {
        self.age = self.age.wrapping_add(1);
    }

    #[inline]
    fn tag(hash: u64) -> u32 {
        (hash >> 32) as u32 | 1
    }

    /// The entry that probably belongs to `hash`, by tag alone: a hint that loads the line early. Many calls in a row
    /// let the processor overlap their cache misses.
    #[inline]
    pub fn hint(&self, hash: u64) -> Option<SlotIndex> {
        let set = hash as usize & self.mask;
        let line = self.lines.get(set)?;
        let tag = Self::tag(hash);
        let way = line.tags.iter().position(|&t| t == tag)?;
        Some((set * WAYS + way) as SlotIndex)
    }

    #[inline]
    pub fn find(&self, hash: u64, key: V::Key) -> Option<SlotIndex> {
        let set = hash as usize & self.mask;
        let line = self.lines.get(set)?;
        let tag = Self::tag(hash);
        for (way, &t) in line.tags.iter().enumerate() {
            if t == tag {
                let index = set * WAYS + way;
                if self.values.get(index).is_some_and(|value| value.key() == key) {
                    return Some(index as SlotIndex);
                }
            }
        }
        None
    }

    #[inline]
    pub fn get(&self, index: SlotIndex) -> Option<&V> {
        self.values.get(index as usize)
    }

    #[inline]
    pub fn get_mut(&mut self, index: SlotIndex) -> Option<&mut V> {
        self.values.get_mut(index as usize)
    }

    /// Adds one packet's weight to an entry, so that replacement spares it.
    #[inline]
    pub fn touch(&mut self, index: SlotIndex) {
        let way = index as usize % WAYS;
        if let Some(line) = self.lines.get_mut(index as usize / WAYS)
            && let (Some(weight), Some(age)) = (line.weights.get_mut(way), line.ages.get_mut(way))
        {
            if *age == self.age {
                *weight = weight.saturating_add(1);
            } else {
                // What was heavy in the last tick starts this one with half its weight; older glory is forgotten.
                *weight = if *age == self.age.wrapping_sub(1) { (*weight / 2).saturating_add(1) } else { 1 };
                *age = self.age;
            }
        }
    }

    /// Finds `key` or makes room for it. `keep` tells of a candidate for replacement whether it still holds counts that
    /// nobody has read (they are lost, and the answer is [`Inserted::Replaced`]).
    #[inline]
    pub fn insert(&mut self, hash: u64, key: V::Key, keep: impl Fn(&V) -> bool) -> (SlotIndex, Inserted) {
        match self.find(hash, key) {
            Some(index) => (index, Inserted::Found),
            None => self.replace(hash, key, keep),
        }
    }

    fn replace(&mut self, hash: u64, key: V::Key, keep: impl Fn(&V) -> bool) -> (SlotIndex, Inserted) {
        let set = hash as usize & self.mask;
        let age = self.age;
        let Some(line) = self.lines.get_mut(set) else {
            // `set` is masked to the number of lines, so there always is one.
            return (0, Inserted::Replaced);
        };
        let mut way = 0;
        let mut least = u32::MAX;
        for (candidate, &tag) in line.tags.iter().enumerate() {
            if tag == 0 {
                way = candidate;
                break;
            }
            let weight = u32::from(line.weights.get(candidate).copied().unwrap_or(0));
            let weight = match age.wrapping_sub(line.ages.get(candidate).copied().unwrap_or(0)) {
                0 => 2 * weight,
                1 => weight,
                _ => 0,
            };
            if weight < least {
                least = weight;
                way = candidate;
            }
        }
        let was_empty = line.tags.get(way).is_none_or(|&tag| tag == 0);
        if let (Some(tag), Some(weight), Some(way_age)) =
            (line.tags.get_mut(way), line.weights.get_mut(way), line.ages.get_mut(way))
        {
            *tag = Self::tag(hash);
            *weight = 0;
            *way_age = age;
        }
        let index = set * WAYS + way;
        let mut outcome = Inserted::New;
        if let Some(value) = self.values.get_mut(index) {
            if !was_empty && keep(value) {
                outcome = Inserted::Replaced;
            }
            *value = V::empty(key);
        }
        self.entries += usize::from(was_empty);
        (index as SlotIndex, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
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
    }

    fn hash(key: u64) -> u64 {
        let wide = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        (wide >> 64) as u64 ^ wide as u64
    }

    fn add(table: &mut SetTable<Entry>, key: u64) -> Inserted {
        let (index, outcome) = table.insert(hash(key), key, |e| e.count > 0);
        table.touch(index);
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
    fn noise_never_evicts_the_heavy_entry() {
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
