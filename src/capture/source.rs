//! The interface of a source: how it delivers frames and reports its own losses.

use super::{CaptureError, FrameSink};

/// The outcome of a call to [`PacketSource::poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Frames were delivered, and more may be available immediately.
    Delivered,
    /// Nothing arrived within the source's timeout. The owner of the clock may advance packet time.
    Idle,
    /// The source is exhausted and will deliver nothing more.
    End,
}

/// What a source knows about its own losses. All counts are since the source was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames that the kernel received for this source.
    pub received: u64,
    /// Frames that the kernel dropped because the source's buffer was full.
    pub dropped_kernel: u64,
    /// Frames that the NIC or its driver dropped.
    pub dropped_interface: u64,
}

/// A source of frames.
pub trait PacketSource {
    /// Delivers some frames to `sink`: at most a few thousand per call, so that the caller regularly regains control.
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError>;

    /// Losses so far; all zero for sources that cannot lose frames.
    fn stats(&mut self) -> SourceStats {
        SourceStats::default()
    }
}
