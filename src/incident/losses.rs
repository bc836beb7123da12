//! Counts of captured and lost packets.

/// Packets received and lost since the start, and the current sampling: for the coverage of an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCounts {
    /// Packets that the kernel received, including those that it then dropped.
    pub received: u64,
    /// Packets that the kernel dropped.
    pub dropped: u64,
    /// Packets are sampled 1 in N, at the interface with the largest N; 0 and 1 mean every packet.
    pub sampled: u32,
}
