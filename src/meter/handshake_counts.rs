//! Handshakes: what became of the TCP connections of a host, counted from the steps that the memory of conversations sees.

use super::conversations::TcpStep;
use super::scale::Scale;

/// Steps of connections in one role of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientSteps {
    /// Handshakes that the client completed.
    pub completed: u32,
    /// Completed connections on which the client sent data for the first time.
    pub used: u32,
    /// Completed connections that the client closed without having sent data.
    pub closed_unused: u32,
    /// SYNs that retransmit one whose handshake is not complete.
    pub repeated_syns: u32,
    /// SYNs after which the client continued as if it had been answered, where only this direction is captured.
    pub continued_syns: u32,
    /// SYN-ACKs of its peers after which more followed, where only this direction is captured. In the role of the host's
    /// peers: those that the host received.
    pub continued_syn_acks: u32,
}

const STEPS: usize = 6;

/// Steps of connections on both sides of a host. Each is detected from a pair of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeCounts {
    /// Those of packets that the host received, then those of packets that it sent.
    counts: [u32; 2 * STEPS],
}

impl HandshakeCounts {
    /// The host's peers are the clients.
    pub fn by_peers(&self) -> ClientSteps {
        self.steps(0)
    }

    /// The host is the client.
    pub fn by_host(&self) -> ClientSteps {
        self.steps(STEPS)
    }

    fn steps(&self, first: usize) -> ClientSteps {
        let of = |step: usize| self.counts.get(first + step).copied().unwrap_or(0);
        ClientSteps {
            completed: of(0),
            used: of(1),
            closed_unused: of(2),
            repeated_syns: of(3),
            continued_syns: of(4),
            continued_syn_acks: of(5),
        }
    }

    /// Counts the step of a packet that the host received or sent.
    #[inline]
    pub(super) fn count(&mut self, step: TcpStep, sent: bool) {
        let steps: &[usize] = match step {
            TcpStep::None => return,
            TcpStep::Completed => &[0],
            TcpStep::CompletedWithData => &[0, 1],
            TcpStep::FirstData => &[1],
            TcpStep::ClosedUnused => &[2],
            TcpStep::SynRetransmitted => &[3],
            TcpStep::SynContinued => &[4],
            TcpStep::SynAckContinued => &[5],
        };
        for step in steps {
            if let Some(count) = self.counts.get_mut(if sent { STEPS } else { 0 } + step) {
                *count = count.wrapping_add(1);
            }
        }
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &HandshakeCounts) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &HandshakeCounts) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.wrapping_sub(*theirs);
        }
    }

    /// A step is detected only where both of its packets were captured, so it stands for the square.
    pub fn scale_up(&mut self, scale: Scale) {
        self.counts.iter_mut().for_each(|count| *count = scale.of_small(scale.of_small(*count)));
    }
}
