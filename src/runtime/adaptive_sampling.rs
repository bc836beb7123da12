//! Adaptive sampling: how many frames an overloaded worker captures. A pure state machine; time is an argument.
//!
//! A worker that cannot keep up loses frames in any case. Sampled 1 in N by the kernel, before anything is copied, the
//! loss is random and every count can be scaled up by N; drops from a full ring hit bursts hardest and cannot be
//! corrected. The sampling ratio doubles at every check while the ring runs full, without delay. It is halved step by
//! step, each time after a hold time in which the worker was less than half busy. When the ratio has to rise again soon
//! after it was lowered, the hold time doubles.

use std::time::Duration;

/// Largest N of 1 in N.
const MAX_RATIO: u16 = 1024;
/// Calm time before the first step down, and the longest after steps down that failed.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// A step up within this many hold times of a step down means that the step down was too early.
const TOO_EARLY: u32 = 5;
/// A ring is full when more than this share of it waits to be read.
const FULL: f64 = 0.5;
/// A worker steps down only if it would still be busy for less than this share of the time with twice as many frames.
const BUSY_AFTER_STEP_DOWN: f64 = 0.7;

/// Load of a worker since the last check.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Frames that the kernel dropped because the ring was full.
    pub dropped: u64,
    /// Share of the ring that currently waits to be read, 0 to 1.
    pub fill: f64,
    /// Share of the time not spent waiting for frames, 0 to 1.
    pub busy: f64,
}

/// The sampling ratio of one worker.
#[derive(Clone, Debug)]
pub(super) struct AdaptiveSampling {
    least: u16,
    one_in: u16,
    hold: Duration,
    /// Time since which every check was calm enough for a step down.
    calm_since: Option<Duration>,
    /// Time of the last step down.
    went_down: Option<Duration>,
    /// The last check raised the ratio: drops from before the change may still be counted now.
    just_up: bool,
}

impl AdaptiveSampling {
    /// Always samples at least 1 in `least`.
    pub(super) fn new(least: u16) -> AdaptiveSampling {
        let least = least.clamp(1, MAX_RATIO);
        AdaptiveSampling { least, one_in: least, hold: FIRST_HOLD, calm_since: None, went_down: None, just_up: false }
    }

    /// Evaluates the load at time `at`, which counts from any fixed origin. Returns N of 1 in N frames to capture.
    pub(super) fn update(&mut self, at: Duration, load: Load) -> u16 {
        let lost = load.dropped > 0 && !self.just_up;
        self.just_up = false;
        if lost || load.fill > FULL {
            self.step_up();
        } else if load.dropped > 0 || load.busy * 2.0 >= BUSY_AFTER_STEP_DOWN {
            self.calm_since = None;
        } else {
            let since = *self.calm_since.get_or_insert(at);
            if self.one_in > self.least && at.saturating_sub(since) >= self.hold {
                self.one_in = (self.one_in / 2).max(self.least);
                self.went_down = Some(at);
                // Each step needs a hold time of its own.
                self.calm_since = None;
            }
        }
        // The step down lasted: the next overload is a new one and starts with the first hold time.
        if self.went_down.is_some_and(|down| at.saturating_sub(down) > self.hold * TOO_EARLY) {
            self.went_down = None;
            self.hold = FIRST_HOLD;
        }
        self.one_in
    }

    fn step_up(&mut self) {
        self.calm_since = None;
        if self.one_in >= MAX_RATIO {
            return;
        }
        self.one_in = self.one_in.saturating_mul(2).min(MAX_RATIO);
        self.just_up = true;
        if self.went_down.take().is_some() {
            self.hold = (self.hold * 2).min(LONGEST_HOLD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Load = Load { dropped: 0, fill: 0.0, busy: 0.1 };
    const BUSY: Load = Load { dropped: 0, fill: 0.2, busy: 0.5 };
    const FULL_RING: Load = Load { dropped: 900, fill: 0.9, busy: 1.0 };

    /// Updates ten times per second.
    struct Clock {
        sampling: AdaptiveSampling,
        updates: u64,
    }

    impl Clock {
        fn new(least: u16) -> Clock {
            Clock { sampling: AdaptiveSampling::new(least), updates: 0 }
        }

        fn update(&mut self, load: Load) -> u16 {
            self.updates += 1;
            self.sampling.update(Duration::from_millis(self.updates * 100), load)
        }

        /// Updates until the ratio changes; returns the new ratio and the number of updates.
        fn until_change(&mut self, load: Load) -> (u16, u64) {
            let (before, start) = (self.sampling.one_in, self.updates);
            while self.updates - start < 1000 {
                let now = self.update(load);
                if now != before {
                    return (now, self.updates - start);
                }
            }
            (before, 1000)
        }
    }

    #[test]
    fn a_full_ring_doubles_the_ratio_up_to_its_maximum() {
        let mut clock = Clock::new(1);
        let seen: Vec<u16> = (0..12).map(|_| clock.update(FULL_RING)).collect();
        assert_eq!(seen, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]);
    }

    #[test]
    fn drops_from_before_a_step_up_do_not_count_twice() {
        let mut clock = Clock::new(1);
        let drops = Load { dropped: 5, ..BUSY };
        assert_eq!([drops, drops, drops, BUSY, drops].map(|load| clock.update(load)), [2, 2, 4, 4, 8]);
    }

    #[test]
    fn a_busy_worker_neither_starts_nor_stops_sampling() {
        let mut clock = Clock::new(1);
        assert_eq!(clock.until_change(Load { busy: 1.0, ..BUSY }), (1, 1000));
        clock.update(FULL_RING);
        assert_eq!(clock.until_change(BUSY), (2, 1000));
        assert_eq!(clock.until_change(CALM), (1, 11), "a second of calm");
    }

    #[test]
    fn each_failed_step_down_doubles_the_hold_time() {
        let mut clock = Clock::new(1);
        clock.update(FULL_RING);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let (one_in, updates) = clock.until_change(CALM);
            assert_eq!(one_in, 1);
            waits.push(updates);
            assert_eq!(clock.update(FULL_RING), 2);
        }
        assert_eq!(waits, [11, 21, 41, 81, 161, 301, 301]);
        clock.until_change(CALM);
        for _ in 0..2 {
            assert_eq!(clock.until_change(CALM), (1, 1000));
        }
        clock.update(FULL_RING);
        assert_eq!(clock.until_change(CALM), (1, 11), "a long calm resets the hold time");
    }

    #[test]
    fn the_operator_sets_the_lowest_ratio() {
        let mut clock = Clock::new(3);
        assert_eq!(clock.update(CALM), 3);
        assert_eq!(clock.update(FULL_RING), 6);
        assert_eq!(clock.until_change(CALM), (3, 11));
        assert_eq!(clock.until_change(CALM), (3, 1000));
        assert_eq!(Clock::new(0).update(CALM), 1);
        assert_eq!(Clock::new(u16::MAX).update(FULL_RING), MAX_RATIO);
    }
}
