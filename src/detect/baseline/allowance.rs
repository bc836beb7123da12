//! How far a learned limit may be above the default: an attacker who stays just below a limit teaches it, and must not walk
//! it up.
//!
//! In the first day a limit may double. From then on it may rise by a tenth of the default a day, and only on days on which
//! the host's typical traffic asks for more, to five times the default after a month at the earliest. What honestly exceeds
//! that, an operator configures: hardly any host gets so much that it did not ask for.

use std::collections::VecDeque;

/// Times the default that a limit may be in the first day: a new host with twice the traffic of others is not reported each hour,
/// and an attacker gains a factor of two at once.
const FIRST: f64 = 2.0;
/// Times the default that a learned limit is at most. A host with more honest unsolicited traffic exists, but an operator must
/// say so.
const MOST: f64 = 5.0;
/// Times the default that it may rise per day: from twice to five times takes thirty days of traffic that asks for it every
/// hour. Guarded, with the others, by the simulated attacker in `tests.rs`.
const PER_DAY: f64 = 0.1;
/// Share of the present limit from which traffic asks for a higher one: it does not rise because time passes.
const PRESSING: f64 = 0.9;

const MINUTES_PER_DAY: u64 = 1440;
/// Days that the history reaches back.
const DAYS: usize = 62;

/// The highest limit of one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayLimit {
    /// Days since the Unix epoch.
    pub day: u32,
    /// In the unit of the quantity, per second.
    pub limit: f32,
}

/// What one quantity of a host may be raised to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Allowance {
    /// Times the default.
    pub times: f32,
    /// The highest limit of each day on which there was one above the default, oldest first.
    pub history: VecDeque<DayLimit>,
}

impl Default for Allowance {
    fn default() -> Self {
        Allowance { times: FIRST as f32, history: VecDeque::new() }
    }
}

impl Allowance {
    /// The limit for a host whose traffic asks for `wanted`, where the default is `default`.
    pub(super) fn granted(&self, wanted: f32, default: f32) -> f32 {
        wanted.min(default * self.times)
    }

    /// A minute passed in which the traffic asked for `wanted`; the host is known since minute `first`.
    pub(super) fn pass_minute(&mut self, minute: u64, first: u64, wanted: f32, default: f32) {
        let granted = self.granted(wanted, default);
        let presses = wanted >= default * self.times * PRESSING as f32;
        if presses && minute.saturating_sub(first) >= MINUTES_PER_DAY {
            let rise = PER_DAY / MINUTES_PER_DAY as f64;
            self.times = (f64::from(self.times) + rise).min(MOST) as f32;
        }
        if granted <= default {
            return;
        }
        let day = u32::try_from(minute / MINUTES_PER_DAY).unwrap_or(u32::MAX);
        match self.history.back_mut() {
            Some(last) if last.day == day => last.limit = last.limit.max(granted),
            _ => self.history.push_back(DayLimit { day, limit: granted }),
        }
        while self.history.len() > DAYS {
            self.history.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_rises_only_while_traffic_asks_for_it() {
        let mut allowance = Allowance::default();
        for minute in 0..60 * MINUTES_PER_DAY {
            allowance.pass_minute(minute, 0, 100.0, 1000.0);
        }
        assert_eq!((allowance.times, allowance.history.len()), (2.0, 0));
        for minute in 60 * MINUTES_PER_DAY..61 * MINUTES_PER_DAY {
            allowance.pass_minute(minute, 0, 9000.0, 1000.0);
        }
        assert!((allowance.times - 2.1).abs() < 0.01, "{}", allowance.times);
        assert_eq!(allowance.history.len(), 1);
    }
}
