//! The clocks of sinks: they wait for receivers, and receivers compare times with their own.

use crate::base::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// For time limits and retries.
#[expect(clippy::disallowed_methods, reason = "time limits of receivers, and retries; no detection depends on it")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// For receivers that check the time of a message.
#[expect(clippy::disallowed_methods, reason = "receivers check alerts and signatures by the time of day")]
pub(super) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), since.subsec_nanos().into())
}
