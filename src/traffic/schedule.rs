//! Schedules the packets of one part: when a model begins something, what is planned for later, and turning plans into
//! frames in time order.

use super::frames::{Body, FrameBuffer, MTU, Macs, Plan, Way, transport};
use super::rng::Rng;
use crate::base::Mac;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One stream of frames in time order.
pub(crate) trait Traffic: Send {
    /// Writes the next frame; false at the end.
    fn next(&mut self, frame: &mut FrameBuffer) -> bool;
}

/// A model plans packets. All times are nanoseconds since the Unix epoch.
pub(crate) trait Model: Send {
    /// Plans what starts at `now`: a packet of a flood, a session, a query.
    fn begin(&mut self, now: u64, schedule: &mut Schedule);

    /// Continues with `token`, as requested by [`Schedule::resume`].
    fn resume(&mut self, _now: u64, _token: u32, _schedule: &mut Schedule) {}
}

/// How often [`Model::begin`] is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pacing {
    /// Times per second, evenly with jitter.
    Rate(f64),
    /// Grows linearly from `rate` at the start to `factor` times that at the end; `factor` is above 1.
    Growing {
        rate: f64,
        factor: f64,
    },
    Once,
}

/// On and off times of a pulse wave, in seconds; it starts with a pulse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Length of a pulse in seconds.
    pub on: f64,
    /// Pause between two pulses in seconds.
    pub off: f64,
}

/// Relative load of each hour, in any unit. The span of the part is the day, and its rate is the mean.
pub type Hours = [f64; 24];

/// Maps evenly spaced times to a day in which some hours are busier than others.
#[derive(Clone, Debug)]
struct DailyPattern {
    hours: Hours,
    /// The current hour, and the evenly spaced time before it, in hours.
    hour: usize,
    before: f64,
}

impl DailyPattern {
    fn new(hours: Hours) -> Self {
        let mean = hours.iter().sum::<f64>() / hours.len() as f64;
        DailyPattern { hours: hours.map(|share| share / mean), hour: 0, before: 0.0 }
    }

    /// The time of day, in hours, for the evenly spaced time `even`, which must not decrease between calls.
    fn time_at(&mut self, even: f64) -> f64 {
        while let Some(&share) = self.hours.get(self.hour) {
            if even < self.before + share {
                return self.hour as f64 + (even - self.before) / share;
            }
            self.before += share;
            self.hour += 1;
        }
        self.hours.len() as f64
    }
}

/// The times at which a model begins something, within a span.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pacing: Pacing,
    burst: Option<Burst>,
    pattern: Option<DailyPattern>,
    start: u64,
    /// Length of the span in seconds.
    seconds: f64,
    count: u64,
}

impl Pace {
    pub(crate) const fn new(pacing: Pacing, burst: Option<Burst>, start: u64, seconds: f64) -> Self {
        Pace { pacing, burst, pattern: None, start, seconds, count: 0 }
    }

    /// The same pace over a day that is busier in some hours.
    pub(crate) fn with_hours(self, hours: Option<Hours>) -> Self {
        Pace { pattern: hours.map(DailyPattern::new), ..self }
    }

    /// The next time. Time n is drawn uniformly from the n-th interval, so that counts are exact and the order is kept.
    #[inline]
    pub(crate) fn next(&mut self, rng: &mut Rng) -> Option<u64> {
        let place = self.count as f64 + rng.unit();
        let active = match self.pacing {
            Pacing::Rate(rate) if rate > 0.0 => place / rate,
            Pacing::Growing { rate, factor } if rate > 0.0 && factor > 1.0 => {
                let slope = factor - 1.0;
                ((1.0 + 2.0 * slope * place / (rate * self.seconds)).sqrt() - 1.0) * self.seconds / slope
            }
            Pacing::Once if self.count == 0 => 0.0,
            _ => return None,
        };
        let offset = match self.burst {
            Some(Burst { on, off }) => {
                let pulse = (active / on).floor();
                pulse * (on + off) + (active - pulse * on)
            }
            None => active,
        };
        let offset = match &mut self.pattern {
            Some(pattern) => pattern.time_at(offset * 24.0 / self.seconds) * self.seconds / 24.0,
            None => offset,
        };
        self.count += 1;
        (offset < self.seconds).then(|| self.start + (offset * 1e9) as u64)
    }
}

/// A complete frame.
#[derive(Debug)]
pub(crate) struct RawFrame {
    pub(crate) way: Way,
    /// Offset from the interface of the part.
    pub(crate) port: u16,
    /// All octets, including both MAC addresses.
    pub(crate) data: Vec<u8>,
}

#[derive(Debug)]
enum Action {
    Send(Plan),
    Raw(RawFrame),
    Resume(u32),
}

/// The next thing to send.
enum Due {
    Plan(Plan),
    Raw(RawFrame),
}

#[derive(Debug)]
struct Entry {
    time: u64,
    number: u64,
    action: Action,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.number) == (other.time, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

/// Planned actions in order of time, then of planning.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: BinaryHeap<Reverse<Entry>>,
    planned: u64,
    pub(crate) rng: Rng,
}

impl Schedule {
    pub(crate) fn send(&mut self, time: u64, plan: Plan) {
        self.push(time, Action::Send(plan));
    }

    pub(crate) fn send_raw(&mut self, time: u64, frame: RawFrame) {
        self.push(time, Action::Raw(frame));
    }

    /// Requests a call of [`Model::resume`] at `time`.
    pub(crate) fn resume(&mut self, time: u64, token: u32) {
        self.push(time, Action::Resume(token));
    }

    fn push(&mut self, time: u64, action: Action) {
        self.planned += 1;
        self.entries.push(Reverse(Entry { time, number: self.planned, action }));
    }
}

/// Plays a model over its span.
pub(crate) struct ModelPlayer {
    model: Box<dyn Model>,
    pace: Pace,
    begins: Option<u64>,
    schedule: Schedule,
    macs: Macs,
    /// End of the span, exclusive.
    end: u64,
    last: u64,
    id: u16,
    /// The packet being sent, without IP header, of which fragments are parts.
    content: Vec<u8>,
    sending: Option<Sending>,
}

#[derive(Clone, Copy)]
struct Sending {
    plan: Plan,
    protocol: u8,
    id: u16,
    sent: usize,
}

/// Time between two fragments: a full frame at 10 Gbit/s, in nanoseconds.
const FRAGMENT_GAP: u64 = 1_230;

impl ModelPlayer {
    pub(crate) fn new(model: Box<dyn Model>, mut pace: Pace, mut rng: Rng, macs: Macs) -> Self {
        let end = pace.start + (pace.seconds.max(0.0) * 1e9) as u64;
        let begins = pace.next(&mut rng);
        let id = rng.next_u16();
        let schedule = Schedule { entries: BinaryHeap::new(), planned: 0, rng };
        let last = pace.start;
        ModelPlayer { model, pace, begins, schedule, macs, end, last, id, content: Vec::new(), sending: None }
    }

    /// The next packet or frame to send, after starting and resuming everything due before it.
    fn due(&mut self) -> Option<(u64, Due)> {
        loop {
            let planned = self.schedule.entries.peek().map(|Reverse(entry)| entry.time);
            match self.begins {
                Some(begins) if planned.is_none_or(|time| begins <= time) => {
                    self.model.begin(begins, &mut self.schedule);
                    self.begins = self.pace.next(&mut self.schedule.rng);
                }
                _ => {
                    let Reverse(entry) = self.schedule.entries.pop()?;
                    if entry.time >= self.end {
                        return None;
                    }
                    match entry.action {
                        Action::Send(plan) => return Some((entry.time, Due::Plan(plan))),
                        Action::Raw(ready) => return Some((entry.time, Due::Raw(ready))),
                        Action::Resume(token) => self.model.resume(entry.time, token, &mut self.schedule),
                    }
                }
            }
        }
    }

    /// Writes the fragment of `sending` that starts `sent` octets into the content; returns what is left to send.
    fn fragment(&mut self, frame: &mut FrameBuffer, sending: Sending) -> Option<Sending> {
        let Sending { plan, protocol, id, sent } = sending;
        let (room, step) = if plan.source.is_v4() { (MTU - 20, MTU - 20) } else { (MTU - 40, MTU - 52) };
        let left = self.content.len().saturating_sub(sent);
        let length = if sent == 0 && left <= room { left } else { left.min(step) };
        let more = left > length;
        frame.ip(&plan, protocol, id, length, sent, more);
        frame.data.extend_from_slice(self.content.get(sent..sent + length).unwrap_or_default());
        more.then_some(Sending { sent: sent + length, ..sending })
    }
}

impl Traffic for ModelPlayer {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        if let Some(sending) = self.sending.take() {
            self.last = (self.last + FRAGMENT_GAP).min(self.end.saturating_sub(1)).max(self.last);
            frame.begin(self.last, sending.plan.way, self.macs.of(&sending.plan));
            self.sending = self.fragment(frame, sending);
            frame.finish();
            return true;
        }
        let Some((time, due)) = self.due() else { return false };
        // A packet due between the fragments of another is sent after them.
        self.last = time.max(self.last);
        let plan = match due {
            Due::Plan(plan) => plan,
            Due::Raw(ready) => {
                frame.begin(self.last, ready.way, (Mac::ZERO, Mac::ZERO));
                (frame.port, frame.data) = (ready.port, ready.data);
                frame.finish();
                return true;
            }
        };
        let macs = self.macs.of(&plan);
        match plan.body {
            Body::Link(target, write) => {
                frame.begin(self.last, plan.way, (macs.0, target));
                write(&mut frame.data, macs.0, self.schedule.rng.next_u64());
            }
            body => {
                frame.begin(self.last, plan.way, macs);
                let protocol = transport(&plan, &mut self.schedule.rng, &mut self.content);
                let id = plan.id.unwrap_or_else(|| {
                    self.id = self.id.wrapping_add(1);
                    self.id
                });
                if let Body::LoneFragment { offset, more, .. } = body {
                    frame.ip(&plan, protocol, id, self.content.len(), usize::from(offset), more);
                    frame.data.extend_from_slice(&self.content);
                } else {
                    self.sending = self.fragment(frame, Sending { plan, protocol, id, sent: 0 });
                }
            }
        }
        frame.finish();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pacing: Pacing, burst: Option<Burst>, seconds: f64) -> Vec<u64> {
        let mut pace = Pace::new(pacing, burst, 5, seconds);
        let mut rng = Rng::new(3, 3);
        std::iter::from_fn(|| pace.next(&mut rng)).collect()
    }

    #[test]
    fn rates_are_exact_and_ordered() {
        let all = times(Pacing::Rate(1000.0), None, 2.5);
        assert_eq!(all.len(), 2500);
        assert!(all.is_sorted() && all.iter().all(|&t| (5..2_500_000_005).contains(&t)));
        assert!(times(Pacing::Rate(0.0), None, 1.0).is_empty());
        assert!(times(Pacing::Rate(10.0), None, -1.0).is_empty());
        assert_eq!(times(Pacing::Once, None, 1.0), [5]);
    }

    #[test]
    fn growth_ends_at_the_factor() {
        let all = times(Pacing::Growing { rate: 100.0, factor: 10.0 }, None, 10.0);
        // The mean of 100 and 1000 over ten seconds.
        assert!(all.len().abs_diff(5500) < 10, "{}", all.len());
        let last_second = all.iter().filter(|&&t| t > 9_000_000_000).count();
        assert!((900..=1000).contains(&last_second), "{last_second}");
    }

    #[test]
    fn days_have_busy_hours() {
        let mut hours = [1.0; 24];
        (hours[3], hours[20]) = (0.0, 2.0);
        let mut pace = Pace::new(Pacing::Rate(100.0), None, 0, 48.0).with_hours(Some(hours));
        let mut rng = Rng::new(3, 3);
        let all: Vec<u64> = std::iter::from_fn(|| pace.next(&mut rng)).collect();
        let of = |hour: u64| all.iter().filter(|&&t| t / 2_000_000_000 == hour).count();
        assert!(all.len() == 4_800 && all.is_sorted());
        assert_eq!((of(0).abs_diff(200) <= 1, of(3), of(20).abs_diff(400) <= 1), (true, 0, true));
    }

    #[test]
    fn pulses_are_on_and_off() {
        let all = times(Pacing::Rate(1000.0), Some(Burst { on: 0.2, off: 0.8 }), 3.0);
        assert_eq!(all.len(), 600);
        assert!(all.iter().all(|t| (t - 5) % 1_000_000_000 < 200_000_001));
    }
}
