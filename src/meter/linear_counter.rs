//! Linear counting: the number of distinct values in a small bitmap.

/// A set of values as a bitmap: estimates up to some hundreds of distinct values (linear counting).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinearCounter(u128);

impl LinearCounter {
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        self.0 |= 1 << (hash & 127);
    }

    /// Union with another set.
    pub fn merge(&mut self, other: LinearCounter) {
        self.0 |= other.0;
    }

    /// Estimated number of distinct values; at most 620.
    pub fn estimate(self) -> f64 {
        linear_count(self.0.count_zeros(), u128::BITS)
    }
}

/// Estimated number of distinct values that left `empty` of `bits` bits unset (Whang 1990).
pub(super) fn linear_count(empty: u32, bits: u32) -> f64 {
    let bits = f64::from(bits);
    bits * (bits / f64::from(empty.max(1))).ln()
}
