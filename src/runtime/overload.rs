//! Overload: how many frames a worker can afford to look at. A pure state machine; time is an argument.
//!
//! Where frames are lost anyway, it is better to choose which: one in n, drawn by lot in the kernel before anything is
//! copied, so that all counts can be scaled up by n. What the kernel drops from a full ring hits whatever comes in
//! bursts. Sampling begins at once, doubling at every look while the ring runs full; it ends step by step, and only
//! after a while in which half of the time would have done. Who had to go up again soon after it went down waits longer
//! each time.

use std::time::Duration;

/// Most frames of which one is looked at.
pub const MOST: u16 = 1024;
/// How long it must have been calm before the first step down.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// Going up within so many holds after going down means that it was too early.
const TOO_EARLY: u32 = 5;
/// Share of the ring that may wait for us.
const FULL: f64 = 0.5;
/// Share of time that a worker may be busy with, once it has twice as many frames to look at.
const ENOUGH: f64 = 0.7;

/// What a worker can tell of the time since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Frames that the kernel dropped since the ring was full.
    pub dropped: u64,
    /// Share of the ring that waits for us now, 0 to 1.
    pub fill: f64,
    /// Share of the time that was not spent waiting for frames, 0 to 1.
    pub busy: f64,
}

/// One worker's decision.
#[derive(Clone, Debug)]
pub struct Overload {
    least: u16,
    one_in: u16,
    hold: Duration,
    /// Since when no look was too busy for a step down.
    calm_since: Option<Duration>,
    went_down: Option<Duration>,
    /// At the last look it went up: drops of the moment before the change may still show.
    just_up: bool,
}

impl Overload {
    /// Never looks at more than one frame in `least`.
    pub fn new(least: u16) -> Overload {
        let least = least.clamp(1, MOST);
        Overload { least, one_in: least, hold: FIRST_HOLD, calm_since: None, went_down: None, just_up: false }
    }

    /// Takes a look at time `at`, counted from any one moment; returns one frame in how many is to be captured.
    pub fn look(&mut self, at: Duration, load: Load) -> u16 {
        let lost = load.dropped > 0 && !self.just_up;
        self.just_up = false;
        if lost || load.fill > FULL {
            self.up();
        } else if load.dropped > 0 || load.busy * 2.0 >= ENOUGH {
            self.calm_since = None;
        } else {
            let since = *self.calm_since.get_or_insert(at);
            if self.one_in > self.least && at.saturating_sub(since) >= self.hold {
                self.one_in = (self.one_in / 2).max(self.least);
                self.went_down = Some(at);
                // Each step has to prove itself.
                self.calm_since = None;
            }
        }
        // A long time without a change of mind: the next trouble is another one.
        if self.went_down.is_some_and(|down| at.saturating_sub(down) > self.hold * TOO_EARLY) {
            self.went_down = None;
            self.hold = FIRST_HOLD;
        }
        self.one_in
    }

    fn up(&mut self) {
        self.calm_since = None;
        if self.one_in >= MOST {
            return;
        }
        self.one_in = self.one_in.saturating_mul(2).min(MOST);
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

    /// Looks ten times a second.
    struct Clock {
        overload: Overload,
        looks: u64,
    }

    impl Clock {
        fn new(least: u16) -> Clock {
            Clock { overload: Overload::new(least), looks: 0 }
        }

        fn look(&mut self, load: Load) -> u16 {
            self.looks += 1;
            self.overload.look(Duration::from_millis(self.looks * 100), load)
        }

        /// Looks until it says something else than now, and how many looks it took.
        fn until_change(&mut self, load: Load) -> (u16, u64) {
            let (before, began) = (self.overload.one_in, self.looks);
            while self.looks - began < 1000 {
                let now = self.look(load);
                if now != before {
                    return (now, self.looks - began);
                }
            }
            (before, 1000)
        }
    }

    #[test]
    fn a_full_ring_doubles_up_to_the_most() {
        let mut clock = Clock::new(1);
        let seen: Vec<u16> = (0..12).map(|_| clock.look(FULL_RING)).collect();
        assert_eq!(seen, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]);
    }

    #[test]
    fn drops_of_the_moment_before_do_not_count_twice() {
        let mut clock = Clock::new(1);
        let drops = Load { dropped: 5, ..BUSY };
        assert_eq!([drops, drops, drops, BUSY, drops].map(|load| clock.look(load)), [2, 2, 4, 4, 8]);
    }

    #[test]
    fn busy_is_no_reason_to_sample_and_none_to_stop() {
        let mut clock = Clock::new(1);
        assert_eq!(clock.until_change(Load { busy: 1.0, ..BUSY }), (1, 1000));
        clock.look(FULL_RING);
        assert_eq!(clock.until_change(BUSY), (2, 1000));
        assert_eq!(clock.until_change(CALM), (1, 11), "a second of calm");
    }

    #[test]
    fn steps_down_that_fail_come_later_each_time() {
        let mut clock = Clock::new(1);
        clock.look(FULL_RING);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let (one_in, looks) = clock.until_change(CALM);
            assert_eq!(one_in, 1);
            waits.push(looks);
            assert_eq!(clock.look(FULL_RING), 2);
        }
        assert_eq!(waits, [11, 21, 41, 81, 161, 301, 301]);
        clock.until_change(CALM);
        for _ in 0..2 {
            assert_eq!(clock.until_change(CALM), (1, 1000));
        }
        clock.look(FULL_RING);
        assert_eq!(clock.until_change(CALM), (1, 11), "after a long calm it starts anew");
    }

    #[test]
    fn the_operator_sets_the_least() {
        let mut clock = Clock::new(3);
        assert_eq!(clock.look(CALM), 3);
        assert_eq!(clock.look(FULL_RING), 6);
        assert_eq!(clock.until_change(CALM), (3, 11));
        assert_eq!(clock.until_change(CALM), (3, 1000));
        assert_eq!(Clock::new(0).look(CALM), 1);
        assert_eq!(Clock::new(u16::MAX).look(FULL_RING), MOST);
    }
}
