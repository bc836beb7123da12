//! One frame in how many: what holds now, and what held for frames that are still in the ring.

use crate::base::Timestamp;

/// Changes that are remembered: more than can happen while frames wait in the ring.
const REMEMBERED: usize = 8;

/// The history of the draw of lots.
#[derive(Clone, Debug)]
pub(super) struct SamplingHistory {
    /// Since when one frame in how many is captured, newest first.
    changes: [(Timestamp, u16); REMEMBERED],
}

impl SamplingHistory {
    /// One in `one_in` from the beginning.
    pub fn new(one_in: u16) -> SamplingHistory {
        SamplingHistory { changes: [(Timestamp::ZERO, one_in); REMEMBERED] }
    }

    /// From `at` on, one in `one_in`.
    pub fn change(&mut self, at: Timestamp, one_in: u16) {
        self.changes.rotate_right(1);
        if let Some(first) = self.changes.first_mut() {
            *first = (at, one_in);
        }
    }

    /// What holds now.
    pub fn now(&self) -> u16 {
        self.changes.first().map_or(1, |&(_, one_in)| one_in)
    }

    /// What held for a frame that arrived at `time`.
    #[inline]
    pub fn at(&self, time: Timestamp) -> u16 {
        let held = self.changes.iter().find(|&&(since, _)| since <= time).or(self.changes.last());
        held.map_or(1, |&(_, one_in)| one_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_by_what_held_when_it_came() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let mut lots = SamplingHistory::new(1);
        assert_eq!((lots.now(), lots.at(at(5))), (1, 1));
        lots.change(at(10), 2);
        lots.change(at(20), 4);
        assert_eq!(lots.now(), 4);
        assert_eq!([9, 10, 19, 20, 99].map(|seconds| lots.at(at(seconds))), [1, 2, 2, 4, 4]);
        for second in 0..20 {
            lots.change(at(100 + second), 8 + second as u16);
        }
        assert_eq!(lots.at(at(0)), 20, "what is forgotten counts as the oldest that is not");
    }
}
