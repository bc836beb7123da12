//! What a worker counts of all of our hosts together, beyond the totals by class.

use super::conversations::{Ends, Outcome, TcpStep};
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
    /// Counts what a packet that one of our hosts receives, or sends, or both, changes in its flow.
    #[inline]
    pub(super) fn follow(&mut self, packet: &Packet, outcome: &Outcome, ends: &Ends) {
        if outcome.step != TcpStep::None || outcome.excused > 0 || outcome.continues || outcome.answers {
            self.change_flow(packet, outcome, ends);
        }
    }

    #[cold]
    fn change_flow(&mut self, packet: &Packet, outcome: &Outcome, ends: &Ends) {
        for (is_ours, sent) in [(ends.to_us, false), (ends.from_us, true)] {
            if is_ours && outcome.step != TcpStep::None {
                self.handshakes.count(outcome.step, sent);
            }
        }
        // Where our networks are unknown, every host receives and what it sends answers.
        if outcome.answers && (ends.from_us || !ends.known) {
            self.flows.excuse(Content::of(packet), outcome);
        } else if ends.to_us && !outcome.answers {
            self.flows.add_flow(Content::of(packet), outcome);
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
