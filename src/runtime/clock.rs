//! The only functions of this room that read a clock.

use crate::base::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic clock, for liveness and durations.
#[expect(clippy::disallowed_methods, reason = "liveness and durations are measured, nothing is decided by them")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// The wall clock, which also timestamps packets in the kernel. It advances packet time while no packets arrive.
#[expect(clippy::disallowed_methods, reason = "without packets, only the wall clock can advance packet time")]
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), since.subsec_nanos().into())
}
