//! The current sampling rate, and the earlier rates that apply to frames still in the ring.

use crate::base::Timestamp;

/// Number of changes kept: more than can happen while a frame waits in the ring.
const MAX_CHANGES: usize = 8;

/// The most recent changes of the sampling rate.
#[derive(Clone, Debug)]
pub(super) struct SamplingHistory {
    /// Time of each change and the rate (1 in N) from then on, newest first.
    changes: [(Timestamp, u16); MAX_CHANGES],
}

impl SamplingHistory {
    /// Samples 1 in `one_in` from the beginning.
    pub(super) fn new(one_in: u16) -> SamplingHistory {
        SamplingHistory { changes: [(Timestamp::ZERO, one_in); MAX_CHANGES] }
    }

    /// Samples 1 in `one_in` from time `at` on.
    pub(super) fn change(&mut self, at: Timestamp, one_in: u16) {
        self.changes.rotate_right(1);
        if let Some(first) = self.changes.first_mut() {
            *first = (at, one_in);
        }
    }

    /// The current rate.
    pub(super) fn now(&self) -> u16 {
        self.changes.first().map_or(1, |&(_, one_in)| one_in)
    }

    /// The rate that applied to a frame that arrived at `time`.
    #[inline]
    pub(super) fn at(&self, time: Timestamp) -> u16 {
        let entry = self.changes.iter().find(|&&(since, _)| since <= time).or(self.changes.last());
        entry.map_or(1, |&(_, one_in)| one_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_rate_of_its_arrival() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let mut sampling = SamplingHistory::new(1);
        assert_eq!((sampling.now(), sampling.at(at(5))), (1, 1));
        sampling.change(at(10), 2);
        sampling.change(at(20), 4);
        assert_eq!(sampling.now(), 4);
        assert_eq!([9, 10, 19, 20, 99].map(|seconds| sampling.at(at(seconds))), [1, 2, 2, 4, 4]);
        for second in 0..20 {
            sampling.change(at(100 + second), 8 + second as u16);
        }
        assert_eq!(sampling.at(at(0)), 20, "before the oldest change kept, its rate applies");
    }
}
