//! What the capture workers and the judge send each other.

use super::engine::LanConfig;
use crate::base::Networks;
use crate::capture::SourceStats;
use crate::meter::TickReport;
use std::sync::Arc;

/// From a capture worker to the judge. `worker` is its index among all workers.
pub(super) enum WorkerMessage {
    Tick {
        worker: usize,
        report: Box<TickReport>,
        /// Counters of the open source, since it was opened.
        stats: SourceStats,
        /// The worker captures 1 in `sampling` frames.
        sampling: u16,
        /// Earlier ticks that this report includes because no empty report was available for them.
        late: u32,
        /// It has captured nothing for a while, and reports once a second until it does.
        is_idle: bool,
    },
    /// The source was closed after an error. The worker keeps trying to open it again.
    Down {
        worker: usize,
        /// Final counters of the closed source.
        stats: SourceStats,
        why: String,
    },
    /// The source is open again.
    Up { worker: usize },
    /// The clock was set back: later ticks have lower numbers than earlier ones.
    ClockSetBack { worker: usize },
}

/// From the judge to a capture worker.
pub(super) enum WorkerCommand {
    SetNetworks(Arc<Networks>),
    SetLan(LanConfig),
}
