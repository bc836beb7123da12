//! What the kernel counted on an interface in a period: a timed input, as the results of host checks are.

use super::time::Timestamp;

/// The counters of an interface over one period.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkReading {
    /// Name of the interface.
    pub interface: String,
    /// End of the period.
    pub at: Timestamp,
    /// Length of the period in seconds.
    pub seconds: f64,
    /// What the link carries at most in one direction, in bits per second.
    pub speed: u64,
    /// Received in the period.
    pub received: LinkCounts,
    /// Sent in the period.
    pub sent: LinkCounts,
}

/// One direction of an interface in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Frames.
    pub packets: u64,
    /// Octets of these frames, without preamble, FCS and gap.
    pub bytes: u64,
    /// Frames that the interface or its driver had no room for.
    pub dropped: u64,
}
