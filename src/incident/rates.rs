//! The rates and totals of an incident: each packet once, and the peak of a full second.

use super::model::{Rates, Totals};
use crate::base::{TICKS_PER_SECOND, Timestamp};
use crate::detect::{Finding, Target, Traffic};
use crate::meter::Count;
use std::collections::VecDeque;

/// Shortest time over which a rate is given before there is a full second, in seconds: the span of a burst.
const SHORTEST: f64 = 0.2;
/// Packets from which the part of a second that there has been gives a rate.
const LEAST_RATE: u64 = 20;
/// Counts kept of a second: of ten ticks, with more vectors each than an incident has.
const MOST_COUNTS: usize = 512;
/// How many times the peak of the last event the present one must be for another event.
const NEWS: u64 = 2;

/// Packets and rates of one incident so far.
#[derive(Default)]
pub(super) struct RateRecord {
    totals: Totals,
    /// What each finding of the last second counted in its tick, and of which classes.
    lately: VecDeque<(Timestamp, Count, u32)>,
    /// The busiest second so far.
    busiest: Rates,
    /// The rate of the part of a second that there has been: until it is full.
    first: Option<Rates>,
    /// When there has been a full second.
    full_at: Timestamp,
    /// The peak in the last event.
    told: u64,
}

/// Which part of a finding's traffic is new.
#[derive(Clone, Copy)]
pub(super) enum Begun {
    /// The incident: the last second belongs to it, and what came before.
    Incident,
    /// The incident, after a pause: the last second belongs to it.
    Again,
    /// One more vector: of the last second, what other vectors of the same packets have not counted.
    Vector,
    /// Nothing: only this tick.
    Before,
}

impl RateRecord {
    /// Starts a tick at `now`.
    pub(super) fn start_tick(&mut self, now: Timestamp) {
        while self.lately.front().is_some_and(|(at, ..)| now.seconds_since(*at) >= 0.999) {
            self.lately.pop_front();
        }
    }

    /// Adds the traffic of a finding that was not counted yet; returns it, and what it adds to the totals.
    pub(super) fn add<'f>(&mut self, finding: &'f Finding, at: Timestamp, begun: Begun) -> (&'f Traffic, Count) {
        let (now, recent) = (finding.now.count, finding.recent.count);
        let classes = finding.class_mask();
        let earlier = self.lately.iter().filter(|(when, _, other)| *when != at && other & classes != 0);
        let counted = Count::sum(earlier.map(|(_, count, _)| *count));
        let added = match begun {
            Begun::Incident | Begun::Again => recent,
            Begun::Vector if counted.packets < recent.packets => Count {
                packets: (recent.packets - counted.packets).max(now.packets),
                bytes: recent.bytes.saturating_sub(counted.bytes).max(now.bytes),
            },
            Begun::Vector | Begun::Before => now,
        };
        if self.lately.len() < MOST_COUNTS {
            self.lately.push_back((at, now, classes));
        }
        let all = match begun {
            Begun::Incident => Count {
                packets: added.packets.saturating_add(finding.earlier.packets),
                bytes: added.bytes.saturating_add(finding.earlier.bytes),
            },
            _ => added,
        };
        self.totals.packets = self.totals.packets.saturating_add(all.packets);
        self.totals.bytes = self.totals.bytes.saturating_add(all.bytes);
        (if matches!(begun, Begun::Incident | Begun::Again) { &finding.recent } else { &finding.now }, all)
    }

    /// Ends a tick; returns the rates of the last second. `opened`: it is the incident's first.
    pub(super) fn end_tick(&mut self, findings: &[&Finding], now: Timestamp, opened: bool) -> Rates {
        let mut rates = Rates::default();
        let mut estimate = Rates::default();
        for finding in findings {
            let count = finding.recent.count;
            rates.packets_per_second += count.packets;
            rates.bits_per_second += count.bytes.saturating_mul(8);
            // A few frames make no rate.
            let is_rate = count.packets >= LEAST_RATE;
            let lasted = if is_rate { lasted(finding, now).clamp(SHORTEST, 1.0) } else { 1.0 };
            estimate.packets_per_second += (count.packets as f64 / lasted).round() as u64;
            estimate.bits_per_second += (count.bytes.saturating_mul(8) as f64 / lasted).round() as u64;
        }
        // Scans are found in tables of half a minute: what each tick added gives their rate.
        let counted = Count::sum(self.lately.iter().map(|(_, count, _)| *count));
        rates.packets_per_second = rates.packets_per_second.max(counted.packets);
        rates.bits_per_second = rates.bits_per_second.max(counted.bytes.saturating_mul(8));
        self.busiest.packets_per_second = self.busiest.packets_per_second.max(rates.packets_per_second);
        self.busiest.bits_per_second = self.busiest.bits_per_second.max(rates.bits_per_second);
        if opened {
            let longest = findings.iter().map(|finding| lasted(finding, now)).fold(0.0, f64::max);
            self.full_at = now.plus_seconds(1.0 - longest.clamp(0.0, 1.0));
        }
        if opened && self.full_at > now || self.first.is_some() {
            self.first = Some(estimate);
        }
        rates
    }

    /// A second after the onset, the busiest second is known. Returns whether that is news.
    pub(super) fn settle(&mut self, now: Timestamp) -> bool {
        now >= self.full_at && self.first.take().is_some_and(|first| first.packets_per_second > 0)
    }

    /// Whether the peak has grown so much since the last event that there must be another.
    pub(super) fn has_grown(&self) -> bool {
        self.first.is_none() && self.busiest.packets_per_second >= self.told.saturating_mul(NEWS).max(1)
    }

    /// An event carries the current peak.
    pub(super) fn tell(&mut self) {
        self.told = self.peak().packets_per_second;
    }

    /// The busiest second; before there has been a full one, the rate so far.
    pub(super) fn peak(&self) -> Rates {
        self.first.unwrap_or(self.busiest)
    }

    /// The busiest second so far, whether it was full or not.
    pub(super) fn busiest(&self) -> Rates {
        self.busiest
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }
}

/// Seconds from the onset of a finding's attack to `now`, the end of a tick. The onset is that of the host's traffic in the first
/// tick, not always that of the attack: as far as this tick is, the packets of the current one tell how long they took.
fn lasted(finding: &Finding, now: Timestamp) -> f64 {
    let most = now.seconds_since(finding.since);
    let first_end = Timestamp::from_tick(finding.since.tick().saturating_add(1)).min(now);
    let (all, current) = (finding.recent.count.packets as f64, finding.now.count.packets.max(1) as f64);
    // The onset of a network's traffic is that of honest packets as well.
    let least = if matches!(finding.target, Target::Prefix(_)) { 0.0 } else { now.seconds_since(first_end).min(most) };
    (all / current / TICKS_PER_SECOND as f64).clamp(least, most)
}
