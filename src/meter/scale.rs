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

    pub fn merge(&mut self, other: Scale) {
        self.frames += other.frames;
        self.weight += other.weight;
    }

    /// Frames per captured frame on average, 1 or more.
    pub fn ratio(self) -> f64 {
        if self.is_whole() { 1.0 } else { self.weight as f64 / self.frames as f64 }
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
