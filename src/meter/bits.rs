//! Sets of small numbers as the bits of a word.

/// The numbers of the bits that are set. Most hosts use few classes: of counts by class, only those are touched.
#[inline]
pub(super) fn ones(mut set: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        bit
    })
}
