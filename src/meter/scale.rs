//! Scale: the factor between captured frames and real traffic where the kernel samples.

/// What the captured frames of a tick stand for where not every frame is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Frames that were captured.
    pub frames: u64,
    /// Estimated number of all frames: each captured one counts for the number of frames it was sampled from.
    pub weight: u64,
}

impl Scale {
    /// Adds a frame that was sampled 1 in `sampled`.
    #[inline]
    pub fn add(&mut self, sampled: u16) {
        self.frames += 1;
        self.weight += u64::from(sampled);
    }

    /// Adds the frames of another worker or tick.
    pub fn merge(&mut self, other: Scale) {
        self.frames += other.frames;
        self.weight += other.weight;
    }

    /// Every frame was captured.
    pub fn is_whole(self) -> bool {
        self.weight <= self.frames || self.frames == 0
    }

    /// Scales a number of captured items, rounded to the nearest integer.
    pub fn of(self, number: u64) -> u64 {
        if self.is_whole() {
            return number;
        }
        let (frames, weight) = (u128::from(self.frames), u128::from(self.weight));
        u64::try_from((u128::from(number) * weight + frames / 2) / frames).unwrap_or(u64::MAX)
    }

    pub(super) fn of_small(self, number: u32) -> u32 {
        u32::try_from(self.of(number.into())).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scaled_by_the_mean_weight_of_frames() {
        let mut scale = Scale::default();
        assert_eq!(scale.of(7), 7);
        (0..30).for_each(|_| scale.add(1));
        assert!(scale.is_whole());
        (0..10).for_each(|_| scale.add(4));
        assert_eq!((scale.of(40), scale.of(1), scale.of(3)), (70, 2, 5));
        assert_eq!(Scale { frames: 1, weight: 1024 }.of(u64::MAX), u64::MAX);
    }
}
