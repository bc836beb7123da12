//! Handshakes: what became of the TCP connections of a host, counted from the steps that [`Conversations`] sees.
//!
//! [`Conversations`]: super::conversations::Conversations

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
}

impl ClientSteps {
    fn with(&self, other: &ClientSteps, join: impl Fn(u32, u32) -> u32) -> ClientSteps {
        ClientSteps {
            completed: join(self.completed, other.completed),
            used: join(self.used, other.used),
            closed_unused: join(self.closed_unused, other.closed_unused),
            repeated_syns: join(self.repeated_syns, other.repeated_syns),
            continued_syns: join(self.continued_syns, other.continued_syns),
        }
    }
}

/// Steps of connections on both sides of a host. Each is detected from a pair of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeCounts {
    /// Its peers are the clients.
    pub by_peers: ClientSteps,
    /// It is the client.
    pub by_host: ClientSteps,
    /// SYN-ACKs received after which more followed, where only this direction is captured.
    pub continued_syn_acks_received: u32,
    /// The same of SYN-ACKs that it sent.
    pub continued_syn_acks_sent: u32,
}

impl HandshakeCounts {
    /// Counts the step of a packet that the host received or sent.
    #[inline]
    pub(super) fn count(&mut self, step: TcpStep, sent: bool) {
        if step == TcpStep::SynAckContinued {
            let count = if sent { &mut self.continued_syn_acks_sent } else { &mut self.continued_syn_acks_received };
            *count = count.saturating_add(1);
            return;
        }
        let steps = if sent { &mut self.by_host } else { &mut self.by_peers };
        let count = match step {
            TcpStep::None | TcpStep::SynAckContinued => return,
            TcpStep::CompletedWithData => {
                steps.used = steps.used.saturating_add(1);
                &mut steps.completed
            }
            TcpStep::Completed => &mut steps.completed,
            TcpStep::FirstData => &mut steps.used,
            TcpStep::ClosedUnused => &mut steps.closed_unused,
            TcpStep::SynRetransmitted => &mut steps.repeated_syns,
            TcpStep::SynContinued => &mut steps.continued_syns,
        };
        *count = count.saturating_add(1);
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &HandshakeCounts) {
        *self = self.with(other, u32::saturating_add);
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &HandshakeCounts) {
        *self = self.with(other, u32::saturating_sub);
    }

    /// A step is detected only where both of its packets were captured, so it stands for the square.
    pub fn scale_up(&mut self, scale: Scale) {
        *self = self.with(self, |count, _| scale.of_small(scale.of_small(count)));
    }

    fn with(&self, other: &HandshakeCounts, join: impl Fn(u32, u32) -> u32) -> HandshakeCounts {
        HandshakeCounts {
            by_peers: self.by_peers.with(&other.by_peers, &join),
            by_host: self.by_host.with(&other.by_host, &join),
            continued_syn_acks_received: join(self.continued_syn_acks_received, other.continued_syn_acks_received),
            continued_syn_acks_sent: join(self.continued_syn_acks_sent, other.continued_syn_acks_sent),
        }
    }
}
