//! Pulse waves: floods in bursts of some tenths of a second, seconds apart, which averages do not show.

use crate::base::Timestamp;
use crate::detect::Evidence;

/// Shortest pause between two bursts, in seconds: longer than a short stall of a sender or of the capture.
const MIN_PAUSE: f64 = 0.35;
/// Fewest bursts of a wave.
const MIN_BURSTS: u32 = 3;
/// Largest share of the time that bursts may take: above it, the flood is a continuous one with gaps.
const MAX_DUTY_CYCLE: f64 = 0.5;
/// Seconds of a tick.
const TICK: f64 = 0.1;

/// The bursts of one incident.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulses {
    bursts: u32,
    /// Total length of the bursts.
    burst_seconds: f64,
    last_burst: Timestamp,
    /// Packets of the busiest tick so far.
    busiest: u64,
}

impl Pulses {
    pub(super) fn new(now: Timestamp) -> Self {
        Pulses { bursts: 1, burst_seconds: 0.0, last_burst: now, busiest: 0 }
    }

    /// Counts a tick with `packets` of the attack; `since` is the estimated start of the burst. Ticks without packets
    /// may be left out.
    pub(super) fn count(&mut self, now: Timestamp, since: Timestamp, packets: u64) {
        self.busiest = self.busiest.max(packets);
        // Between bursts, one-second windows still cause findings, although no packets arrive.
        if packets.saturating_mul(4) < self.busiest || packets == 0 {
            return;
        }
        let paused = now.seconds_since(self.last_burst) > MIN_PAUSE;
        if paused {
            self.bursts = self.bursts.saturating_add(1);
        }
        // A burst is detected a tick or more after it began.
        let undetected = if paused || self.burst_seconds == 0.0 { now.seconds_since(since) } else { 0.0 };
        self.burst_seconds += undetected.clamp(TICK, 1.0);
        self.last_burst = now;
    }

    /// The number of bursts if they are a pulse wave; otherwise 0.
    pub(super) fn wave(&self, opened: Timestamp) -> u32 {
        let is_wave = self.bursts >= MIN_BURSTS && self.burst_seconds <= MAX_DUTY_CYCLE * (self.span(opened) + TICK);
        if is_wave { self.bursts } else { 0 }
    }

    fn span(&self, opened: Timestamp) -> f64 {
        self.last_burst.seconds_since(opened).max(0.0)
    }

    pub(super) fn evidence(&self, opened: Timestamp) -> Evidence {
        let length = self.burst_seconds / f64::from(self.bursts.max(1));
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
    fn bursts_with_pauses_are_a_wave_and_steady_floods_are_not() {
        // Two ticks of each thirty: bursts of 0.2 s every 3 s.
        let (pulses, wave) = play(|tick| if tick % 30 < 2 { 1000 } else { 0 });
        assert_eq!(wave, 7);
        assert_eq!(pulses.evidence(at(0.0)).message, "7 pulses of about 0.2 s, one every 3.0 s");
        assert_eq!(play(|_| 1000).1, 0);
        assert_eq!(play(|tick| if tick % 50 < 45 { 1000 } else { 0 }).1, 0, "a flood with gaps");
        assert_eq!(play(|tick| if tick < 2 || tick > 100 && tick < 103 { 1000 } else { 3 }).1, 0, "two are no wave");
    }
}
