//! Capture point: which directions of conversations a worker's interface shows, configured or learned.

use crate::base::CaptureDirections;

/// Ticks with traffic of one direction alone, a minute of them, after which the capture shows one direction only.
const LEARNED_TICKS: u32 = 600;

/// What one worker has seen since it started, or since its clock was set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CapturePoint {
    shows_both: bool,
    received: u32,
    sent: u32,
}

impl CapturePoint {
    /// Learns from the packets of a tick to and from our hosts, and whether a conversation showed both of its ends;
    /// returns what is known. Once both ends were seen it stays so: a flood of one direction, however long, unlearns nothing.
    pub(super) fn learn(&mut self, received: u64, sent: u64, shows_both_ends: bool) -> CaptureDirections {
        self.shows_both |= shows_both_ends;
        self.received = self.received.saturating_add(u32::from(received > 0));
        self.sent = self.sent.saturating_add(u32::from(sent > 0));
        match (self.shows_both, self.received, self.sent) {
            (true, ..) => CaptureDirections::Both,
            (false, LEARNED_TICKS.., 0) => CaptureDirections::In,
            (false, 0, LEARNED_TICKS..) => CaptureDirections::Out,
            _ => CaptureDirections::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_direction_is_learned_in_a_minute_and_both_at_once() {
        let mut point = CapturePoint::default();
        let seen: Vec<_> = (0..700).map(|_| point.learn(5, 0, false)).collect();
        assert_eq!(seen.iter().filter(|&&d| d == CaptureDirections::Unknown).count(), 599);
        assert_eq!(seen.last(), Some(&CaptureDirections::In));
        assert_eq!(point.learn(5, 5, true), CaptureDirections::Both);
        assert_eq!(point.learn(5, 0, false), CaptureDirections::Both, "a flood unlearns nothing");
        let mut sent = CapturePoint::default();
        assert_eq!((0..600).map(|_| sent.learn(0, 1, false)).last(), Some(CaptureDirections::Out));
        // Packets both ways that belong to no conversation prove nothing.
        let mut mixed = CapturePoint::default();
        assert_eq!((0..900).map(|_| mixed.learn(1, 1, false)).last(), Some(CaptureDirections::Unknown));
    }
}
