//! Normal traffic of a target, as a band with which an incident is compared.

use crate::base::{Direction, Timestamp};
use crate::meter::Count;
use crate::store::{IncidentSecond, SubjectMinute};

/// Lowest and highest share of the values that a band leaves out.
const BAND: (f64, f64) = (0.05, 0.95);
/// Seconds before and after the time of day of an incident from which minutes of other days count.
const AROUND_SECONDS: f64 = 1800.0;
/// Fewest minutes or seconds that a band may rest on.
const LEAST_VALUES: usize = 10;
const DAY_NANOS: u64 = 86_400_000_000_000;

/// A band: the 5th and the 95th percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Band {
    /// The 5th percentile.
    pub low: f64,
    /// The 95th percentile.
    pub high: f64,
}

/// What a band rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UsualBasis {
    /// Minutes at the same time of day, half an hour before to half an hour after, on days before.
    DaysBefore {
        /// Number of minutes.
        minutes: u64,
        /// Number of days that they are from.
        days: u64,
    },
    /// The seconds just before the onset.
    BeforeOnset {
        /// Their number.
        seconds: u64,
    },
}

/// Normal traffic of a target in the direction of the incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Packets per second.
    pub packets_per_second: Band,
    /// Bits per second.
    pub bits_per_second: Band,
    /// What it rests on.
    pub basis: UsualBasis,
}

impl Usual {
    /// From minutes of the same target on the days before; `None` if there are too few at this time of day.
    pub fn from_minutes(minutes: &[SubjectMinute], direction: Direction, onset: Timestamp) -> Option<Usual> {
        let midnight = onset.nanos() / DAY_NANOS;
        let mut days = std::collections::BTreeSet::new();
        let mut counts = Vec::new();
        for minute in minutes {
            let day = minute.minute.nanos() / DAY_NANOS;
            let time = |at: Timestamp| (at.nanos() % DAY_NANOS) as f64 / 1e9;
            let apart = (time(minute.minute) - time(onset)).abs();
            // Across midnight as well.
            if day < midnight && apart.min(86_400.0 - apart) <= AROUND_SECONDS && minute.minute < onset {
                days.insert(day);
                counts.push(match direction {
                    Direction::Outbound => minute.sent.count,
                    Direction::Inbound | Direction::Internal => minute.received.count,
                });
            }
        }
        let basis = UsualBasis::DaysBefore { minutes: counts.len() as u64, days: days.len() as u64 };
        Usual::of(counts, 60.0, basis)
    }

    /// From the seconds before the onset; `None` if there are too few, or the target has no counter.
    pub fn before_onset(seconds: &[IncidentSecond], onset: Timestamp) -> Option<Usual> {
        // A second that the onset falls into already has packets of the attack.
        let counts: Vec<Count> = seconds
            .iter()
            .filter(|second| second.length == 1 && second.at.plus_seconds(1.0) <= onset)
            .filter_map(|second| second.target)
            .collect();
        let basis = UsualBasis::BeforeOnset { seconds: counts.len() as u64 };
        Usual::of(counts, 1.0, basis)
    }

    fn of(counts: Vec<Count>, seconds: f64, basis: UsualBasis) -> Option<Usual> {
        let band = |value: &dyn Fn(&Count) -> f64| {
            let mut values: Vec<f64> = counts.iter().map(|count| value(count) / seconds).collect();
            values.sort_by(f64::total_cmp);
            Some(Band { low: percentile(&values, BAND.0)?, high: percentile(&values, BAND.1)? })
        };
        if counts.len() < LEAST_VALUES {
            return None;
        }
        Some(Usual {
            packets_per_second: band(&|count| count.packets as f64)?,
            bits_per_second: band(&|count| count.bytes as f64 * 8.0)?,
            basis,
        })
    }
}

/// The value that this share of the sorted values does not exceed (nearest rank); `None` without values.
pub(super) fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DirectionMinute, SubjectKind};

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&values, 0.95), percentile(&values, 0.05)), (Some(95.0), Some(5.0)));
        assert_eq!((percentile(&[7.0], 0.95), percentile(&[], 0.95)), (Some(7.0), None));
    }

    #[test]
    fn only_the_same_time_of_earlier_days_counts() {
        let onset = Timestamp::from_parts(10 * 86_400 + 600, 0);
        let minute = |at: u64, packets: u64| SubjectMinute {
            minute: Timestamp::from_parts(at, 0),
            kind: SubjectKind::Host,
            subject: String::new(),
            received: DirectionMinute { count: Count { packets, bytes: 60 * packets }, ..Default::default() },
            sent: DirectionMinute::default(),
        };
        let same_time = (1..10).flat_map(|day| [minute(day * 86_400, 600), minute(day * 86_400 - 300, 1200)]);
        let others = [minute(9 * 86_400 + 43_200, 1_000_000), minute(10 * 86_400, 1_000_000)];
        let minutes: Vec<SubjectMinute> = same_time.chain(others).collect();
        let usual = Usual::from_minutes(&minutes, Direction::Inbound, onset).unwrap();
        assert_eq!(usual.packets_per_second, Band { low: 10.0, high: 20.0 });
        assert_eq!(usual.bits_per_second, Band { low: 4800.0, high: 9600.0 });
        assert_eq!(usual.basis, UsualBasis::DaysBefore { minutes: 18, days: 10 });
        assert_eq!(Usual::from_minutes(&minutes[..5], Direction::Inbound, onset), None);
    }

    #[test]
    fn the_second_of_the_onset_is_not_normal() {
        let second = |at: u64, packets: u64| IncidentSecond {
            length: 1,
            at: Timestamp::from_parts(at, 0),
            vectors: Vec::new(),
            target: Some(Count { packets, bytes: packets * 100 }),
        };
        let seconds: Vec<IncidentSecond> = (100..131).map(|at| second(at, if at < 130 { 5 } else { 9000 })).collect();
        let usual = Usual::before_onset(&seconds, Timestamp::from_parts(130, 500_000_000)).unwrap();
        assert_eq!(usual.packets_per_second, Band { low: 5.0, high: 5.0 });
        assert_eq!(usual.basis, UsualBasis::BeforeOnset { seconds: 30 });
    }
}
