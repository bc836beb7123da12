//! The table of conversations: lookup, entry within budgets, eviction, ageing.

use super::entry::{Entry, FINGERPRINT, STEP_BITS, TCP_LIFE, clock, phase};
use super::outcome::{Ends, Verdict};

/// Conversations that packets from outside may enter per tick: for a receiver (in one of [`BUDGETS`] counters), and in all.
const RECEIVER_BUDGET: u16 = 1000;
const BUDGET: u32 = 4000;
const BUDGETS: usize = 4096;
/// Ticks in which the whole table is swept for forgotten conversations, so that none outlives the clock.
const SWEEP_TICKS: usize = 2048;

const WAYS: usize = 7;

/// The conversations of one set.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([Entry; WAYS]);

// One cache line.
const _: () = assert!(size_of::<Line>() == 64);

const EMPTY: Line = Line([Entry(0); WAYS]);
/// A mark for each conversation of a set: a set bit and seven bits of its hash, zero where there is none.
type Marks = u64;
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The table, and the packet time that it is at.
pub(super) struct Memory {
    /// By set. The marks stay in the cache: a flood, whose packets belong to no conversation, misses nothing else.
    marks: Box<[Marks]>,
    lines: Box<[Line]>,
    tick: u64,
    now: u8,
    sweep: usize,
    /// Entered from outside in this tick and in the last one, by receiver.
    entered: Box<[[u16; BUDGETS]; 2]>,
    budget: u32,
    evictions: u64,
    entries: usize,
}

impl Memory {
    /// Room for at least `capacity` conversations, touched in full.
    pub(super) fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Memory {
            marks: vec![0; sets].into_boxed_slice(),
            lines: vec![EMPTY; sets].into_boxed_slice(),
            tick: 0,
            now: 1,
            sweep: 0,
            entered: Box::new([[0; BUDGETS]; 2]),
            budget: BUDGET,
            evictions: 0,
            entries: 0,
        }
    }

    /// Conversations in memory.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// The current tick.
    pub(super) fn tick(&self) -> u64 {
        self.tick
    }

    /// The reading of the clock.
    pub(super) fn now(&self) -> u8 {
        self.now
    }

    fn set(&self, hash: u64) -> usize {
        hash as usize & self.lines.len().wrapping_sub(1)
    }

    /// Bits of the ways whose mark is that of this hash, the highest of each byte.
    #[inline]
    fn candidates(&self, set: usize, hash: u64) -> u64 {
        // Equal bytes become zero, and their highest bits are set; a borrow sometimes sets that of the byte above, which the
        // comparison of fingerprints rules out.
        let differences = self.marks.get(set).copied().unwrap_or(0) ^ Self::mark(hash).wrapping_mul(LOW_BITS);
        differences.wrapping_sub(LOW_BITS) & !differences & HIGH_BITS
    }

    /// Loads the marks of a set, so that the misses of a batch overlap.
    #[inline]
    pub(super) fn load(&self, hash: u64) {
        std::hint::black_box(self.marks.get(self.set(hash)));
    }

    #[inline]
    fn mark(hash: u64) -> u64 {
        hash >> 57 | 0x80
    }

    /// What an entry keeps of its hash, beside the mark.
    #[inline]
    pub(super) fn fingerprint(hash: u64) -> u64 {
        hash >> 42 & FINGERPRINT
    }

    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<(usize, usize)> {
        let set = self.set(hash);
        let mut candidates = self.candidates(set, hash);
        while candidates != 0 {
            let way = candidates.trailing_zeros() as usize / 8;
            let entry = self.lines.get(set).and_then(|Line(entries)| entries.get(way));
            if entry.is_some_and(|entry| entry.0 & FINGERPRINT == Self::fingerprint(hash)) {
                return Some((set, way));
            }
            candidates &= candidates - 1;
        }
        None
    }

    #[inline]
    pub(super) fn entry(&mut self, (line, way): (usize, usize)) -> Option<&mut Entry> {
        let Line(entries) = self.lines.get_mut(line)?;
        entries.get_mut(way)
    }

    /// The conversation with this hash.
    pub(super) fn get(&mut self, hash: u64) -> Option<&mut Entry> {
        self.find(hash).and_then(|at| self.entry(at))
    }

    fn receiver(hash: u64) -> usize {
        (hash >> 20) as usize % BUDGETS
    }

    /// A packet of one of our hosts in no known conversation may answer one that did not enter, where more came for the
    /// host than may enter.
    #[inline]
    pub(super) fn unless_flooded(&self, ends: &Ends) -> Verdict {
        if ends.from_us || !ends.known { self.unless_full(ends) } else { Verdict::Unsolicited }
    }

    fn unless_full(&self, ends: &Ends) -> Verdict {
        let index = Self::receiver(ends.source);
        let full = |entered: &[u16; BUDGETS]| entered.get(index).is_some_and(|&count| count >= RECEIVER_BUDGET);
        if self.budget == 0 || self.entered.iter().any(full) { Verdict::Unknown } else { Verdict::Unsolicited }
    }

    /// Whether a packet may enter a conversation: those of our hosts may, others within the budgets.
    #[inline]
    pub(super) fn admits(&self, ends: &Ends) -> bool {
        let [entered, _] = &*self.entered;
        ends.from_us
            || self.budget > 0
                && entered.get(Self::receiver(ends.destination)).is_some_and(|&count| count < RECEIVER_BUDGET)
    }

    /// Enters a conversation, if its sender may.
    pub(super) fn enter(&mut self, hash: u64, mut entry: Entry, ends: &Ends) {
        if !self.admits(ends) {
            return;
        }
        if !ends.from_us {
            let [entered, _] = &mut *self.entered;
            if let Some(count) = entered.get_mut(Self::receiver(ends.destination)) {
                *count += 1;
            }
            self.budget -= 1;
        }
        let now = self.now;
        entry.set_owner(if ends.to_us || !ends.from_us { ends.destination } else { ends.source });
        let set = self.set(hash);
        let (Some(Line(entries)), Some(marks)) = (self.lines.get_mut(set), self.marks.get_mut(set)) else { return };
        let free = entries.iter().position(|entry| entry.0 == 0);
        let way = free.or_else(|| entries.iter().position(|entry| entry.is_forgotten(now)));
        self.entries += usize::from(free.is_some());
        let way = way.unwrap_or_else(|| {
            self.evictions += 1;
            least_worth(entries, entry.owner(), now)
        });
        if let Some(slot) = entries.get_mut(way) {
            *slot = entry;
            *marks = *marks & !(0xff << (way * 8)) | Self::mark(hash) << (way * 8);
        }
    }

    /// Moves to another tick; returns whether everything was forgotten because too much time passed, or time went back.
    pub(super) fn move_to(&mut self, tick: u64) -> bool {
        let gap = tick.wrapping_sub(self.tick);
        let starts_anew = self.tick != 0 && gap > u64::from(TCP_LIFE) << STEP_BITS;
        if starts_anew {
            // Only what is used: timestamps may leap with every packet, and a line is much larger than its marks.
            for (line, marks) in self.lines.iter_mut().zip(self.marks.iter_mut()).filter(|(_, marks)| **marks != 0) {
                (*line, *marks) = (EMPTY, 0);
            }
            self.entries = 0;
        }
        (self.tick, self.now) = (tick, clock(tick));
        if self.entries > 0 {
            self.forget(gap.clamp(1, SWEEP_TICKS as u64) as usize);
        }
        starts_anew
    }

    /// Ends the tick: the budgets start anew. Returns the conversations that were displaced.
    pub(super) fn finish_tick(&mut self) -> u64 {
        let [entered, before] = &mut *self.entered;
        std::mem::swap(entered, before);
        entered.fill(0);
        self.budget = BUDGET;
        std::mem::take(&mut self.evictions)
    }

    /// Sweeps the next lines for forgotten conversations.
    fn forget(&mut self, ticks: usize) {
        let now = self.now;
        for _ in 0..(self.lines.len() / SWEEP_TICKS).max(1) * ticks {
            self.sweep = (self.sweep + 1) % self.lines.len();
            let Some(marks) = self.marks.get_mut(self.sweep).filter(|marks| **marks != 0) else { continue };
            let Some(Line(entries)) = self.lines.get_mut(self.sweep) else { return };
            for (way, entry) in entries.iter_mut().enumerate().filter(|(_, entry)| entry.0 != 0) {
                if entry.is_forgotten(now) {
                    *entry = Entry(0);
                    *marks &= !(0xff << (way * 8));
                    self.entries -= 1;
                }
            }
        }
    }
}

/// The way to be replaced: of the owner with most conversations in the line, counting the new one; of these one that is
/// incomplete or one-way, and the one that was silent longest.
#[cold]
fn least_worth(entries: &[Entry; WAYS], owner: u64, now: u8) -> usize {
    let mut worst = (0u32, 0);
    for (way, entry) in entries.iter().enumerate() {
        let of_owner = entries.iter().filter(|other| other.owner() == entry.owner()).count() as u32;
        let one_way = entry.heard(false) == 0 || entry.heard(true) == 0 || entry.phase() == phase::SYN_ACK;
        let score =
            (of_owner + u32::from(entry.owner() == owner)) << 16 | u32::from(one_way) << 8 | u32::from(entry.idle(now));
        if score >= worst.0 {
            worst = (score, way);
        }
    }
    worst.1
}
