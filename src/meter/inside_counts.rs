//! What a worker counts of all of our hosts together, beyond the totals by class.

use super::conversations::{Outcome, TcpStep};
use super::handshake_counts::HandshakeCounts;
use super::scale::Scale;
use super::verdicts::{Content, VerdictCounts};
use crate::packet::Packet;

/// What a worker counts of one tick beyond the totals by class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InsideCounts {
    pub(super) received: VerdictCounts,
    pub(super) handshakes: HandshakeCounts,
}

impl InsideCounts {
    /// Counts a packet that one of our hosts receives.
    #[inline]
    pub(super) fn receive(&mut self, packet: &Packet, outcome: &Outcome) {
        self.received.add(Content::of(packet), outcome, packet.segments.into());
        if outcome.step != TcpStep::None {
            self.handshakes.count(outcome.step, false);
        }
    }

    /// Counts what a packet that one of our hosts sends answers.
    #[inline]
    pub(super) fn send(&mut self, packet: &Packet, outcome: &Outcome) {
        if outcome.answers {
            self.received.excuse(Content::of(packet), outcome);
        }
        if outcome.step != TcpStep::None {
            self.handshakes.count(outcome.step, true);
        }
    }

    pub(super) fn scale_up(&mut self, scale: Scale) {
        self.received.scale_up(scale);
        self.handshakes.scale_up(scale);
    }

    pub(super) fn merge(&mut self, other: &InsideCounts) {
        self.received.merge(&other.received);
        self.handshakes.add(&other.handshakes);
    }
}
