//! A small random generator whose numbers never change: scenarios stay byte-identical across releases and platforms.

/// xoshiro256** by Blackman and Vigna, seeded through SplitMix64 (https://prng.di.unimi.it/). Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: [u64; 4],
}

/// One step of SplitMix64 as a pure function: spreads every bit of `value` over the result.
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// Generator number `stream` of a seed; streams do not overlap in practice.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        let base = mix(seed ^ mix(stream));
        Rng { state: [mix(base), mix(base ^ 1), mix(base ^ 2), mix(base ^ 3) | 1] }
    }

    #[inline]
    pub(crate) const fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let c2 = c ^ a;
        let d2 = d ^ b;
        self.state = [a ^ d2, b ^ c2, c2 ^ (b << 17), d2.rotate_left(45)];
        result
    }

    #[inline]
    pub(crate) const fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    #[inline]
    pub(crate) const fn next_u16(&mut self) -> u16 {
        (self.next_u64() >> 48) as u16
    }

    /// Uniform in `0..bound`; 0 where `bound` is 0. The bias of at most `bound` / 2^64 does not matter here.
    #[inline]
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// Uniform in `low..=high`; `low` if that is empty.
    #[inline]
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Uniform in `0.0..1.0`.
    #[inline]
    pub(crate) const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True in `percent` of 100 calls.
    #[inline]
    pub(crate) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An ephemeral port in the range of Linux (32768 to 60999).
    #[inline]
    pub(crate) const fn port(&mut self) -> u16 {
        self.between(32_768, 60_999) as u16
    }

    /// Appends `count` random octets.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, count: usize) {
        for _ in 0..count / 8 {
            out.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        let last = self.next_u64().to_le_bytes();
        out.extend_from_slice(last.get(..count % 8).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_never_change() {
        let mut rng = Rng::new(7, 0);
        let first: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(first, FIRST_OF_SEED_7);
        assert_ne!(Rng::new(7, 1).next_u64(), FIRST_OF_SEED_7[0]);
    }

    const FIRST_OF_SEED_7: [u64; 3] =
        [13_725_080_666_548_141_372, 14_691_859_686_598_961_277, 16_253_797_379_315_099_035];

    #[test]
    fn ranges_are_kept() {
        let mut rng = Rng::new(1, 2);
        for _ in 0..10_000 {
            assert!((3..=9).contains(&rng.between(3, 9)));
            assert!((0.0..1.0).contains(&rng.unit()));
            assert!(rng.below(5) < 5);
        }
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn fills_exactly() {
        let mut out = vec![1];
        Rng::new(1, 1).fill(&mut out, 13);
        assert_eq!(out.len(), 14);
    }
}
