//! The clockwork of a part: when things begin, what is planned for later, and turning plans into frames in time order.

use super::frames::{Body, FrameBuffer, MTU, Macs, Plan, Way, transport};
use super::rng::Rng;
use crate::base::Mac;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One stream of frames in time order.
pub trait Traffic: Send {
    /// Writes the next frame; false at the end.
    fn next(&mut self, frame: &mut FrameBuffer) -> bool;
}

/// What a model does, in packets that it plans. All moments are nanoseconds since the Unix epoch.
pub trait Model: Send {
    /// Plans what begins at `now`: a packet of a flood, a session, a query.
    fn begin(&mut self, now: u64, agenda: &mut Agenda);

    /// Goes on with `token`, as asked for by [`Agenda::resume`].
    fn resume(&mut self, _now: u64, _token: u32, _agenda: &mut Agenda) {}
}

/// How often [`Model::begin`] is called.
#[derive(Clone, Copy, Debug)]
pub enum Pacing {
    /// So many times a second, evenly with jitter.
    Rate(f64),
    /// From `rate` at the start up to `factor` times that at the end, in a straight line; `factor` is over 1.
    Growing {
        rate: f64,
        factor: f64,
    },
    Once,
}

/// On and off times of a pulse wave, in seconds; it starts with a pulse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    pub on: f64,
    pub off: f64,
}

/// How busy each hour is of a day, which the span is, in shares of any unit; the rate of the part is the mean.
pub type Hours = [f64; 24];

/// Time as it goes by where some hours are busier than others.
#[derive(Clone, Debug)]
struct Tide {
    hours: Hours,
    /// The hour that it is, and even time spent before it, in hours.
    hour: usize,
    before: f64,
}

impl Tide {
    fn new(hours: Hours) -> Self {
        let mean = hours.iter().sum::<f64>() / hours.len() as f64;
        Tide { hours: hours.map(|share| share / mean), hour: 0, before: 0.0 }
    }

    /// The moment in hours that belongs to one of even time, which must not be before the last.
    fn moment(&mut self, even: f64) -> f64 {
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

/// The moments at which something begins, within a span.
#[derive(Clone, Debug)]
pub struct Pace {
    pacing: Pacing,
    burst: Option<Burst>,
    tide: Option<Tide>,
    start: u64,
    /// Length of the span in seconds.
    seconds: f64,
    count: u64,
}

impl Pace {
    pub const fn new(pacing: Pacing, burst: Option<Burst>, start: u64, seconds: f64) -> Self {
        Pace { pacing, burst, tide: None, start, seconds, count: 0 }
    }

    /// The same over a day that is busier at some hours.
    pub fn through(self, hours: Option<Hours>) -> Self {
        Pace { tide: hours.map(Tide::new), ..self }
    }

    /// The next moment. Number n falls at an even place of its n-th interval, so counts are exact and order holds.
    #[inline]
    pub fn next(&mut self, rng: &mut Rng) -> Option<u64> {
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
        let offset = match &mut self.tide {
            Some(tide) => tide.moment(offset * 24.0 / self.seconds) * self.seconds / 24.0,
            None => offset,
        };
        self.count += 1;
        (offset < self.seconds).then(|| self.start + (offset * 1e9) as u64)
    }
}

/// A frame written beforehand.
#[derive(Debug)]
pub struct Ready {
    pub way: Way,
    /// How many interfaces behind that of the part.
    pub port: u16,
    /// All octets, with both MACs.
    pub data: Vec<u8>,
}

#[derive(Debug)]
enum What {
    Send(Plan),
    Ready(Ready),
    Resume(u32),
}

/// What is due to be sent.
enum Due {
    Plan(Plan),
    Ready(Ready),
}

#[derive(Debug)]
struct Entry {
    time: u64,
    number: u64,
    what: What,
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

/// What is planned for later, in order of time, then of planning.
#[derive(Debug)]
pub struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    planned: u64,
    pub rng: Rng,
}

impl Agenda {
    pub fn send(&mut self, time: u64, plan: Plan) {
        self.push(time, What::Send(plan));
    }

    pub fn frame(&mut self, time: u64, frame: Ready) {
        self.push(time, What::Ready(frame));
    }

    /// Has [`Model::resume`] called at `time`.
    pub fn resume(&mut self, time: u64, token: u32) {
        self.push(time, What::Resume(token));
    }

    fn push(&mut self, time: u64, what: What) {
        self.planned += 1;
        self.entries.push(Reverse(Entry { time, number: self.planned, what }));
    }
}

/// Runs a model over its span.
pub struct Stage {
    model: Box<dyn Model>,
    pace: Pace,
    begins: Option<u64>,
    agenda: Agenda,
    macs: Macs,
    /// The first moment after the span: nothing is sent from then on.
    end: u64,
    last: u64,
    id: u16,
    /// The packet being sent, without IP header; fragments are cut from it.
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

impl Stage {
    pub fn new(model: Box<dyn Model>, mut pace: Pace, mut rng: Rng, macs: Macs) -> Self {
        let end = pace.start + (pace.seconds.max(0.0) * 1e9) as u64;
        let begins = pace.next(&mut rng);
        let id = rng.next_u16();
        let agenda = Agenda { entries: BinaryHeap::new(), planned: 0, rng };
        let last = pace.start;
        Stage { model, pace, begins, agenda, macs, end, last, id, content: Vec::new(), sending: None }
    }

    /// The next packet that is due, after all that had to begin before it.
    fn due(&mut self) -> Option<(u64, Due)> {
        loop {
            let planned = self.agenda.entries.peek().map(|Reverse(entry)| entry.time);
            match self.begins {
                Some(begins) if planned.is_none_or(|time| begins <= time) => {
                    self.model.begin(begins, &mut self.agenda);
                    self.begins = self.pace.next(&mut self.agenda.rng);
                }
                _ => {
                    let Reverse(entry) = self.agenda.entries.pop()?;
                    if entry.time >= self.end {
                        return None;
                    }
                    match entry.what {
                        What::Send(plan) => return Some((entry.time, Due::Plan(plan))),
                        What::Ready(ready) => return Some((entry.time, Due::Ready(ready))),
                        What::Resume(token) => self.model.resume(entry.time, token, &mut self.agenda),
                    }
                }
            }
        }
    }

    /// Writes the frame of `sending` that starts at `sent` octets of the content; returns what is left to send.
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

impl Traffic for Stage {
    fn next(&mut self, frame: &mut FrameBuffer) -> bool {
        if let Some(sending) = self.sending.take() {
            self.last = (self.last + FRAGMENT_GAP).min(self.end.saturating_sub(1)).max(self.last);
            frame.begin(self.last, sending.plan.way, self.macs.of(&sending.plan));
            self.sending = self.fragment(frame, sending);
            frame.finish();
            return true;
        }
        let Some((time, due)) = self.due() else { return false };
        // A packet that falls between the fragments of another waits until these are out.
        self.last = time.max(self.last);
        let plan = match due {
            Due::Plan(plan) => plan,
            Due::Ready(ready) => {
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
                write(&mut frame.data, macs.0, self.agenda.rng.next_u64());
            }
            body => {
                frame.begin(self.last, plan.way, macs);
                let protocol = transport(&plan, &mut self.agenda.rng, &mut self.content);
                let id = plan.id.unwrap_or_else(|| {
                    self.id = self.id.wrapping_add(1);
                    self.id
                });
                if let Body::Piece { offset, more, .. } = body {
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

    fn moments(pacing: Pacing, burst: Option<Burst>, seconds: f64) -> Vec<u64> {
        let mut pace = Pace::new(pacing, burst, 5, seconds);
        let mut rng = Rng::new(3, 3);
        std::iter::from_fn(|| pace.next(&mut rng)).collect()
    }

    #[test]
    fn rates_are_exact_and_ordered() {
        let all = moments(Pacing::Rate(1000.0), None, 2.5);
        assert_eq!(all.len(), 2500);
        assert!(all.is_sorted() && all.iter().all(|&t| (5..2_500_000_005).contains(&t)));
        assert!(moments(Pacing::Rate(0.0), None, 1.0).is_empty());
        assert!(moments(Pacing::Rate(10.0), None, -1.0).is_empty());
        assert_eq!(moments(Pacing::Once, None, 1.0), [5]);
    }

    #[test]
    fn growth_ends_at_the_factor() {
        let all = moments(Pacing::Growing { rate: 100.0, factor: 10.0 }, None, 10.0);
        // The mean of 100 and 1000 over ten seconds.
        assert!(all.len().abs_diff(5500) < 10, "{}", all.len());
        let last_second = all.iter().filter(|&&t| t > 9_000_000_000).count();
        assert!((900..=1000).contains(&last_second), "{last_second}");
    }

    #[test]
    fn days_have_busy_hours() {
        let mut hours = [1.0; 24];
        (hours[3], hours[20]) = (0.0, 2.0);
        let mut pace = Pace::new(Pacing::Rate(100.0), None, 0, 48.0).through(Some(hours));
        let mut rng = Rng::new(3, 3);
        let all: Vec<u64> = std::iter::from_fn(|| pace.next(&mut rng)).collect();
        let of = |hour: u64| all.iter().filter(|&&t| t / 2_000_000_000 == hour).count();
        assert!(all.len() == 4_800 && all.is_sorted());
        assert_eq!((of(0).abs_diff(200) <= 1, of(3), of(20).abs_diff(400) <= 1), (true, 0, true));
    }

    #[test]
    fn pulses_are_on_and_off() {
        let all = moments(Pacing::Rate(1000.0), Some(Burst { on: 0.2, off: 0.8 }), 3.0);
        assert_eq!(all.len(), 600);
        assert!(all.iter().all(|t| (t - 5) % 1_000_000_000 < 200_000_001));
    }
}
