//! The majority vote over a stream of values, in constant memory.

/// The value that has the majority, if one has (Boyer and Moore 1981).
#[derive(Clone, Copy, Default)]
pub(super) struct MajorityVote<T> {
    pub value: T,
    pub lead: u16,
}

impl<T: Copy + PartialEq> MajorityVote<T> {
    pub(super) fn cast(&mut self, value: T) {
        if self.value == value {
            self.lead = self.lead.saturating_add(1);
        } else if self.lead == 0 {
            *self = MajorityVote { value, lead: 1 };
        } else {
            self.lead -= 1;
        }
    }
}
