//! Pulses: floods that come in bursts of some tenths of a second, seconds apart, to hide from averages.

use crate::base::Timestamp;
use crate::detect::Evidence;

/// Silence between two bursts, in seconds: longer than a hiccup of a sender or of the capture.
const REST: f64 = 0.35;
/// Bursts that make a wave.
const WAVE: u32 = 3;
/// Share of the time that bursts may take: what floods longer than it rests is a flood with gaps.
const DUTY: f64 = 0.5;
const TICK: f64 = 0.1;

/// The bursts of one incident.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulses {
    bursts: u32,
    /// Seconds of bursts.
    strong: f64,
    last_strong: Timestamp,
    /// Packets of the strongest tick so far.
    strongest: u64,
}

impl Pulses {
    pub fn new(now: Timestamp) -> Self {
        Pulses { bursts: 1, strong: 0.0, last_strong: now, strongest: 0 }
    }

    /// Counts a tick in which the attack brought so many packets, and since when it does without a rest. Ticks without
    /// any need not be told.
    pub fn count(&mut self, now: Timestamp, since: Timestamp, packets: u64) {
        self.strongest = self.strongest.max(packets);
        // Between bursts the windows that look back a second still find something, but nothing comes.
        if packets.saturating_mul(4) < self.strongest || packets == 0 {
            return;
        }
        let rested = now.seconds_since(self.last_strong) > REST;
        if rested {
            self.bursts = self.bursts.saturating_add(1);
        }
        // A burst is recognised a tick or more after it began.
        let unseen = if rested || self.strong == 0.0 { now.seconds_since(since) } else { 0.0 };
        self.strong += unseen.clamp(TICK, 1.0);
        self.last_strong = now;
    }

    /// How many bursts there were, where they are a wave; else 0.
    pub fn wave(&self, opened: Timestamp) -> u32 {
        let is_wave = self.bursts >= WAVE && self.strong <= DUTY * (self.span(opened) + TICK);
        if is_wave { self.bursts } else { 0 }
    }

    fn span(&self, opened: Timestamp) -> f64 {
        self.last_strong.seconds_since(opened).max(0.0)
    }

    pub fn evidence(&self, opened: Timestamp) -> Evidence {
        let length = self.strong / f64::from(self.bursts.max(1));
        let every = self.span(opened) / f64::from(self.bursts.saturating_sub(1).max(1));
        Evidence {
            measure: "pulses",
            value: self.bursts.into(),
            limit: None,
            limit_from: None,
            window_seconds: (self.span(opened) * 10.0).round() / 10.0,
            message: format!("{} pulses of about {length:.1} s, one every {every:.1} s", self.bursts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_parts(1_767_225_600, 0).plus_seconds(seconds)
    }

    fn play(packets: impl Fn(u32) -> u64) -> (Pulses, u32) {
        let mut pulses = Pulses::new(at(0.0));
        for tick in 0..200u32 {
            let now = at(f64::from(tick) * TICK);
            pulses.count(now, now, packets(tick));
        }
        let wave = pulses.wave(at(0.0));
        (pulses, wave)
    }

    #[test]
    fn bursts_with_rests_are_a_wave_and_steady_floods_are_not() {
        // Two ticks of each thirty: bursts of 0.2 s every 3 s.
        let (pulses, wave) = play(|tick| if tick % 30 < 2 { 1000 } else { 0 });
        assert_eq!(wave, 7);
        assert_eq!(pulses.evidence(at(0.0)).message, "7 pulses of about 0.2 s, one every 3.0 s");
        assert_eq!(play(|_| 1000).1, 0);
        assert_eq!(play(|tick| if tick % 50 < 45 { 1000 } else { 0 }).1, 0, "a flood with gaps");
        assert_eq!(play(|tick| if tick < 2 || tick > 100 && tick < 103 { 1000 } else { 3 }).1, 0, "two are no wave");
    }
}
