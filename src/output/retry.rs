//! When to try again after a failure.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The pause after `failures` failures in a row: one second, doubled each time up to a minute, and shortened by up to
/// half depending on `random`, so that many senders do not retry at the same time.
pub(super) fn backoff(failures: u32, random: u64) -> Duration {
    let longest = 1000u64 << failures.saturating_sub(1).min(6);
    let longest = longest.min(60_000);
    Duration::from_millis(longest - random % (longest / 2))
}

/// A random number.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ_between_senders() {
        for (failures, longest) in [(1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (1000, 60_000)] {
            assert_eq!(backoff(failures, 0), Duration::from_millis(longest));
            for random in [1, 499, 12_345, u64::MAX] {
                let pause = backoff(failures, random);
                assert!(pause > Duration::from_millis(longest / 2) && pause <= Duration::from_millis(longest));
            }
        }
    }
}
