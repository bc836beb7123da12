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

/// One set: the owners' tags, and the conversations.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    entries: [Entry; WAYS],
    tags: [u8; 8],
}

// One cache line: every packet pays for one.
const _: () = assert!(size_of::<Line>() == 64);

const EMPTY: Line = Line { entries: [Entry(0); WAYS], tags: [0; 8] };

/// The table, and the packet time that it is at.
pub(super) struct Memory {
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
        Memory {
            lines: vec![EMPTY; capacity.div_ceil(WAYS).next_power_of_two()].into_boxed_slice(),
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

    /// Loads the line of a conversation, so that the misses of a batch overlap.
    #[inline]
    pub(super) fn load(&self, hash: u64) {
        let line = hash as usize & self.lines.len().wrapping_sub(1);
        std::hint::black_box(self.lines.get(line).map(|line| line.tags));
    }

    #[inline]
    pub(super) fn fingerprint(hash: u64) -> u64 {
        (hash >> 42).max(1)
    }

    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<(usize, usize)> {
        let index = hash as usize & self.lines.len().wrapping_sub(1);
        let fingerprint = Self::fingerprint(hash);
        let entries = &self.lines.get(index)?.entries;
        let mut found = WAYS;
        for (way, entry) in entries.iter().enumerate() {
            found = if (entry.0 ^ fingerprint) & FINGERPRINT == 0 { way } else { found };
        }
        (found < WAYS).then_some((index, found))
    }

    #[inline]
    pub(super) fn entry(&mut self, (line, way): (usize, usize)) -> Option<&mut Entry> {
        self.lines.get_mut(line)?.entries.get_mut(way)
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
    pub(super) fn unless_flooded(&self, ends: Ends) -> Verdict {
        let index = Self::receiver(ends.source);
        let full = |entered: &[u16; BUDGETS]| entered.get(index).is_some_and(|&count| count >= RECEIVER_BUDGET);
        if self.budget == 0 || self.entered.iter().any(full) { Verdict::Unknown } else { Verdict::Unsolicited }
    }

    /// Enters a conversation, if its sender may.
    pub(super) fn enter(&mut self, hash: u64, entry: Entry, ends: Ends) {
        if !ends.from_us {
            let [entered, _] = &mut *self.entered;
            let Some(count) = entered.get_mut(Self::receiver(ends.destination)) else { return };
            if *count >= RECEIVER_BUDGET || self.budget == 0 {
                return;
            }
            *count += 1;
            self.budget -= 1;
        }
        let now = self.now;
        let tag = (if ends.to_us || !ends.from_us { ends.destination } else { ends.source } >> 8) as u8;
        let index = hash as usize & self.lines.len().wrapping_sub(1);
        let Some(line) = self.lines.get_mut(index) else { return };
        let free = line.entries.iter().position(|entry| entry.0 == 0);
        let way = free.or_else(|| line.entries.iter().position(|entry| entry.is_forgotten(now)));
        self.entries += usize::from(free.is_some());
        let way = way.unwrap_or_else(|| {
            self.evictions += 1;
            least_worth(line, tag, now)
        });
        if let (Some(slot), Some(owner)) = (line.entries.get_mut(way), line.tags.get_mut(way)) {
            (*slot, *owner) = (entry, tag);
        }
    }

    /// Moves to another tick; returns whether everything was forgotten because too much time passed, or time went back.
    pub(super) fn move_to(&mut self, tick: u64) -> bool {
        let gap = tick.wrapping_sub(self.tick);
        let starts_anew = self.tick != 0 && gap > u64::from(TCP_LIFE) << STEP_BITS;
        if starts_anew {
            self.lines.fill(EMPTY);
            self.entries = 0;
        }
        (self.tick, self.now) = (tick, clock(tick));
        self.forget(gap.clamp(1, SWEEP_TICKS as u64) as usize);
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
            let Some(line) = self.lines.get_mut(self.sweep) else { return };
            for entry in line.entries.iter_mut().filter(|entry| entry.0 != 0) {
                if entry.is_forgotten(now) {
                    *entry = Entry(0);
                    self.entries -= 1;
                }
            }
        }
    }
}

/// The way to be replaced: of the owner with most conversations in the line, counting the new one; of these one that is
/// incomplete or one-way, and the one that was silent longest.
#[cold]
fn least_worth(line: &Line, tag: u8, now: u8) -> usize {
    let mut worst = (0u32, 0);
    for (way, (entry, owner)) in line.entries.iter().zip(line.tags).enumerate() {
        let of_owner = line.tags.iter().take(WAYS).filter(|&&other| other == owner).count() as u32;
        let one_way = entry.heard(false) == 0 || entry.heard(true) == 0 || entry.phase() == phase::SYN_ACK;
        let score = (of_owner + u32::from(owner == tag)) << 16 | u32::from(one_way) << 8 | u32::from(entry.idle(now));
        if score >= worst.0 {
            worst = (score, way);
        }
    }
    worst.1
}
