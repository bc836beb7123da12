//! What a worker counts of all of our hosts together, beyond the totals by class.

use super::conversations::{Outcome, TcpStep};
use super::handshake_counts::HandshakeCounts;
use super::scale::Scale;
use super::verdicts::{Content, VerdictCounts};
use crate::packet::Packet;

/// What becomes of the flows of all of our hosts in one tick. It happens once or twice in the life of a flow; the verdicts on
/// single packets, which would cost something for each, are taken from a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InsideCounts {
    /// Packets excused, and flows answered and continued.
    pub(super) flows: VerdictCounts,
    pub(super) handshakes: HandshakeCounts,
}

impl InsideCounts {
    /// Counts what a packet that one of our hosts receives, or sends, changes in its flow.
    #[inline]
    pub(super) fn follow(&mut self, packet: &Packet, outcome: &Outcome, sent: bool) {
        if outcome.step != TcpStep::None {
            self.handshakes.count(outcome.step, sent);
        }
        if outcome.excused > 0 || outcome.continues || outcome.answers {
            self.change_flow(packet, outcome, sent);
        }
    }

    #[cold]
    fn change_flow(&mut self, packet: &Packet, outcome: &Outcome, sent: bool) {
        match (sent, outcome.answers) {
            (true, true) => self.flows.excuse(Content::of(packet), outcome),
            (false, _) => self.flows.add_flow(Content::of(packet), outcome),
            (true, false) => {}
        }
    }

    pub(super) fn scale_up(&mut self, scale: Scale) {
        self.flows.scale_up(scale);
        self.handshakes.scale_up(scale);
    }

    pub(super) fn merge(&mut self, other: &InsideCounts) {
        self.flows.merge(&other.flows);
        self.handshakes.add(&other.handshakes);
    }
}
