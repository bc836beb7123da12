//! What the memory of conversations says of a packet.

/// Whether a packet was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The other end lately said something that the packet belongs to.
    Solicited,
    /// The other end said nothing that the packet belongs to.
    #[default]
    Unsolicited,
    /// The other end is silent, but the packet continues a flow that its own packets show to be real.
    Steady,
    /// The memory cannot tell: the packet may answer one that did not enter it.
    Unknown,
}

/// What a TCP packet does to its connection, as the packet's sender does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum TcpStep {
    /// Nothing that is counted.
    #[default]
    None,
    /// The client acknowledges the server's SYN-ACK.
    Completed,
    /// The same with data.
    CompletedWithData,
    /// The client's first data on a completed connection.
    FirstData,
    /// The client closes a completed connection on which it sent no data.
    ClosedUnused,
    /// The client sends a SYN again whose handshake is not complete.
    SynRetransmitted,
    /// The other end is silent, but what follows a SYN shows that it answers: only this direction is captured.
    SynContinued,
    /// The same after a SYN-ACK.
    SynAckContinued,
}

impl TcpStep {
    /// Every step, in the order of declaration.
    pub(in crate::meter) const ALL: [TcpStep; 8] = [
        TcpStep::None,
        TcpStep::Completed,
        TcpStep::CompletedWithData,
        TcpStep::FirstData,
        TcpStep::ClosedUnused,
        TcpStep::SynRetransmitted,
        TcpStep::SynContinued,
        TcpStep::SynAckContinued,
    ];
}

/// Traffic in a flow before a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::meter) enum Earlier {
    #[default]
    None,
    /// Only from the other end.
    Reverse,
    /// From the packet's sender.
    Forward,
}

/// What the memory says of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::meter) struct Outcome {
    pub verdict: Verdict,
    pub step: TcpStep,
    pub earlier: Earlier,
    /// Earlier unsolicited packets of the flow that turn out to belong to a conversation.
    pub excused: u8,
    /// These were sent by the other end, and this packet answers them. Otherwise the sender's own packets excuse them.
    pub answers: bool,
    /// The end that opened the flow continues after an answer: this is more than a question.
    pub continues: bool,
}

impl Outcome {
    /// A packet of a conversation of both ends, after others of its sender.
    pub(in crate::meter) const SETTLED: Outcome = Outcome {
        verdict: Verdict::Solicited,
        step: TcpStep::None,
        earlier: Earlier::Forward,
        excused: 0,
        answers: false,
        continues: false,
    };

    /// Whether the packet begins a flow.
    #[inline]
    pub(in crate::meter) fn opens(&self) -> bool {
        self.earlier == Earlier::None && self.verdict != Verdict::Solicited
    }
}

/// Where a packet's conversation is kept, computed for a whole batch beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::meter) struct Key {
    pub(super) hash: u64,
    /// Whether the sender is the upper end: the two ends are ordered by the hashes of their addresses.
    pub(super) upper: bool,
}

/// Who may enter the memory.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::meter) struct Ends {
    /// Hashes of the addresses.
    pub source: u64,
    pub destination: u64,
    /// The sender is one of our hosts. Where our networks are unknown, none is, and every receiver is.
    pub from_us: bool,
    pub to_us: bool,
    /// Our networks are known.
    pub known: bool,
}
