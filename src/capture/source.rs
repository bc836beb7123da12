//! The interface of a source: what it delivers, and what it reports about its own losses.

use super::{CaptureError, FrameSink};

/// What a call to [`PacketSource::poll`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Frames were delivered and more may follow at once.
    Delivered,
    /// Nothing arrived within the source's timeout; packet time may be moved on by whoever owns the clock.
    Idle,
    /// The source is exhausted and will deliver nothing more.
    End,
}

/// What a source can tell of its own losses. All counts since the source was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames that the kernel saw for us.
    pub received: u64,
    /// Frames that the kernel dropped since our buffer was full.
    pub dropped_kernel: u64,
    /// Frames that the network card or its driver dropped.
    pub dropped_interface: u64,
}

/// Where frames come from.
pub trait PacketSource {
    /// Delivers some frames (at most a few thousand, so that the caller can look around) to `sink`.
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError>;

    /// Losses so far.
    fn stats(&mut self) -> SourceStats {
        SourceStats::default()
    }
}
