//! Scale: what captured frames stand for where the kernel samples.

/// What the frames of a tick stand for, where not every one was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Frames that were captured.
    pub frames: u64,
    /// Frames that there were, as far as can be said: each captured one counts as many as it was drawn from.
    pub weight: u64,
}

impl Scale {
    /// Adds a frame that was one of `sampled`.
    #[inline]
    pub fn add(&mut self, sampled: u16) {
        self.frames += 1;
        self.weight += u64::from(sampled);
    }

    pub fn merge(&mut self, other: Scale) {
        self.frames += other.frames;
        self.weight += other.weight;
    }

    /// Frames that a captured one stands for on average, 1 or more.
    pub fn ratio(self) -> f64 {
        if self.is_whole() { 1.0 } else { self.weight as f64 / self.frames as f64 }
    }

    /// Every frame was captured.
    pub fn is_whole(self) -> bool {
        self.weight <= self.frames || self.frames == 0
    }

    /// What a number of captured things stands for, to the nearest whole.
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
