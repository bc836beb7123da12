//! Pairs of hosts that have talked: one of ours and a peer, in two generations of bits (a Bloom filter with one function).
//!
//! Only what our hosts send on connections with both ends writes here, so that no sender outside can. It excuses RSTs,
//! FINs and ACKs of connections that were idle for longer than they are remembered.

/// Ticks of a generation: five minutes. A pair is known for five to ten.
const GENERATION: u64 = 3000;
/// Words of a generation: 32 KiB, so that 10,000 pairs leave 96 % of the bits unset.
const WORDS: usize = 1 << 12;
/// Pairs after which a generation ends early: a quarter of the bits.
const MOST: u32 = (WORDS as u32) * 16;

pub(super) struct Pairs {
    now: Box<[u64; WORDS]>,
    before: Box<[u64; WORDS]>,
    began: u64,
    pairs: u32,
}

impl Pairs {
    pub(super) fn new() -> Self {
        Pairs { now: Box::new([0; WORDS]), before: Box::new([0; WORDS]), began: 0, pairs: 0 }
    }

    #[inline]
    fn position(pair: u64) -> (usize, u64) {
        // The xor of two address hashes, mixed once more: its low bits place the conversations.
        let mixed = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed >> 52) as usize % WORDS, 1 << (mixed >> 46 & 63))
    }

    /// Adds the pair with this exclusive or of both address hashes.
    #[inline]
    pub(super) fn add(&mut self, pair: u64) {
        let (word, bit) = Self::position(pair);
        if let Some(bits) = self.now.get_mut(word) {
            self.pairs += u32::from(*bits & bit == 0);
            *bits |= bit;
        }
    }

    /// Whether the pair was added in the last minutes.
    #[inline]
    pub(super) fn contains(&self, pair: u64) -> bool {
        let (word, bit) = Self::position(pair);
        let of = |words: &[u64; WORDS]| words.get(word).copied().unwrap_or(0);
        (of(&self.now) | of(&self.before)) & bit != 0
    }

    pub(super) fn next_tick(&mut self, tick: u64) {
        if tick.wrapping_sub(self.began) >= GENERATION || self.pairs >= MOST {
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.fill(0);
            (self.began, self.pairs) = (tick, 0);
        }
    }
}
