//! Traffic of hosts and guests from their minutes: sums, the 95th percentile, peaks, and which minutes are missing.

use super::usual::percentile;
use crate::base::Timestamp;
use crate::meter::Count;
use crate::store::{DirectionMinute, SubjectKind, SubjectMinute};
use std::collections::BTreeMap;
use std::ops::Range;

const MINUTE: u64 = 60_000_000_000;
/// Minutes of one value of the 95th percentile.
const VALUE_MINUTES: u64 = 5;
/// The share of the values that the 95th percentile does not exceed.
const SHARE: f64 = 0.95;

/// The traffic of one host or guest in a period.
pub(super) struct Bill<'a> {
    pub kind: SubjectKind,
    pub subject: &'a str,
    pub received: Sum,
    pub sent: Sum,
    /// Minutes that the period overlaps, and those of them on record.
    pub minutes: u64,
    pub present: u64,
    /// Seconds of the period in the minutes on record.
    pub measured_seconds: f64,
    /// The first minute that is missing.
    pub first_missing: Option<Timestamp>,
    /// Values of the 95th percentile in the period, and those of which every minute is on record.
    pub values: u64,
    pub complete_values: u64,
    rows: BTreeMap<u64, &'a SubjectMinute>,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub count: Count,
    /// Bits per second, of means over five minutes; `None` where no five minutes are complete.
    pub billed: Option<f64>,
    pub peak_packets_per_second: u64,
    pub peak_bits_per_second: u64,
}

/// Every host and guest, the one with the most bytes first.
pub(super) fn bills(minutes: &[SubjectMinute], from: Timestamp, to: Timestamp) -> Vec<Bill<'_>> {
    // The first and the last minute may be in it in part.
    let range = from.nanos() / MINUTE..to.nanos().div_ceil(MINUTE);
    let whole = from.nanos().div_ceil(MINUTE)..to.nanos() / MINUTE;
    let overlap = |minute: u64| {
        let (begin, end) = (Timestamp::from_nanos(minute * MINUTE), Timestamp::from_nanos((minute + 1) * MINUTE));
        end.min(to).seconds_since(begin.max(from))
    };
    let mut subjects: BTreeMap<(SubjectKind, &str), BTreeMap<u64, &SubjectMinute>> = BTreeMap::new();
    for row in minutes {
        let minute = row.minute.nanos() / MINUTE;
        if range.contains(&minute) {
            subjects.entry((row.kind, &row.subject)).or_default().insert(minute, row);
        }
    }
    let mut bills: Vec<Bill<'_>> = subjects
        .into_iter()
        .map(|((kind, subject), rows)| {
            let (received, complete_values) = sum(&rows, &whole, |row| &row.received);
            let (sent, _) = sum(&rows, &whole, |row| &row.sent);
            let first = range.clone().find(|minute| !rows.contains_key(minute));
            Bill {
                kind,
                subject,
                received,
                sent,
                minutes: range.end.saturating_sub(range.start),
                present: rows.len() as u64,
                measured_seconds: rows.keys().map(|minute| overlap(*minute)).sum(),
                first_missing: first.map(|minute| Timestamp::from_nanos(minute * MINUTE)),
                values: (whole.end / VALUE_MINUTES).saturating_sub(whole.start.div_ceil(VALUE_MINUTES)),
                complete_values,
                rows,
            }
        })
        .collect();
    bills.sort_by_key(|bill| std::cmp::Reverse(bill.received.count.bytes.saturating_add(bill.sent.count.bytes)));
    bills
}

/// Sums, and the number of values of the 95th percentile: those of `whole` minutes only.
fn sum(
    rows: &BTreeMap<u64, &SubjectMinute>,
    whole: &Range<u64>,
    direction: impl Fn(&SubjectMinute) -> &DirectionMinute,
) -> (Sum, u64) {
    let mut sum = Sum::default();
    let mut values: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (minute, row) in rows {
        let row = direction(row);
        sum.count.merge(row.count);
        sum.peak_packets_per_second = sum.peak_packets_per_second.max(row.peak_packets_per_second);
        sum.peak_bits_per_second = sum.peak_bits_per_second.max(row.peak_bits_per_second);
        if !whole.contains(minute) {
            continue;
        }
        let (present, bytes) = values.entry(minute / VALUE_MINUTES).or_default();
        *present += 1;
        *bytes = bytes.saturating_add(row.count.bytes);
    }
    let mut rates: Vec<f64> = values
        .values()
        .filter(|(present, _)| *present == VALUE_MINUTES)
        .map(|(_, bytes)| *bytes as f64 * 8.0 / (60 * VALUE_MINUTES) as f64)
        .collect();
    rates.sort_by(f64::total_cmp);
    sum.billed = percentile(&rates, SHARE);
    (sum, rates.len() as u64)
}

/// Runs of values without a gap, in order of time.
pub(super) type Runs = Vec<Vec<(Timestamp, f64)>>;

impl Bill<'_> {
    /// Bits per second received and sent, as means over `width` minutes, from `from` to `to`. A mean with a missing minute is
    /// left out.
    pub(super) fn series(&self, from: Timestamp, to: Timestamp, width: u64) -> [Runs; 2] {
        let received = self.runs(from, to, width, |row| &row.received);
        let sent = self.runs(from, to, width, |row| &row.sent);
        [received, sent]
    }

    fn runs(
        &self,
        from: Timestamp,
        to: Timestamp,
        width: u64,
        direction: impl Fn(&SubjectMinute) -> &DirectionMinute,
    ) -> Runs {
        let width = width.max(1);
        let mut means: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (minute, row) in self.rows.range(from.nanos() / MINUTE..to.nanos().div_ceil(MINUTE)) {
            let (present, bytes) = means.entry(minute / width).or_default();
            *present += 1;
            *bytes = bytes.saturating_add(direction(row).count.bytes);
        }
        let mut runs: Runs = Vec::new();
        let mut last = None;
        for (index, (present, bytes)) in means {
            if present < width {
                continue;
            }
            let at = Timestamp::from_nanos(index.saturating_mul(width * MINUTE));
            let point = (at.plus_seconds(width as f64 * 30.0), bytes as f64 * 8.0 / (width * 60) as f64);
            match runs.last_mut() {
                Some(run) if last == index.checked_sub(1) => run.push(point),
                _ => runs.push(vec![point]),
            }
            last = Some(index);
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: u64, bytes: u64) -> SubjectMinute {
        SubjectMinute {
            minute: Timestamp::from_nanos(minute * MINUTE),
            kind: SubjectKind::Host,
            subject: "203.0.113.7".to_owned(),
            received: DirectionMinute {
                count: Count { packets: bytes / 100, bytes },
                peak_bits_per_second: bytes,
                ..Default::default()
            },
            sent: DirectionMinute::default(),
        }
    }

    #[test]
    fn the_highest_twentieth_of_the_means_is_discarded() {
        // 20 values of 5 minutes; one of them is a burst.
        let rows: Vec<SubjectMinute> = (0..100).map(|at| minute(at, if at < 5 { 7_500_000 } else { 75_000 })).collect();
        let bills = bills(&rows, Timestamp::ZERO, Timestamp::from_nanos(100 * MINUTE));
        assert_eq!(bills[0].received.billed, Some(10_000.0));
        assert_eq!((bills[0].values, bills[0].complete_values), (20, 20));
        assert_eq!((bills[0].first_missing, bills[0].present), (None, 100));
        assert_eq!(bills[0].received.peak_bits_per_second, 7_500_000);
    }

    #[test]
    fn minutes_at_the_edges_count_in_part() {
        // From 00:00:30 to 00:20:15, as a capture file may be.
        let rows: Vec<SubjectMinute> = (0..=20).map(|at| minute(at, 75_000)).collect();
        let (from, to) = (Timestamp::from_parts(30, 0), Timestamp::from_parts(1215, 0));
        let bills = bills(&rows, from, to);
        let bill = &bills[0];
        assert_eq!((bill.minutes, bill.present, bill.first_missing), (21, 21, None));
        assert_eq!((bill.received.count.bytes, bill.measured_seconds), (21 * 75_000, 1185.0));
        assert_eq!((bill.values, bill.complete_values), (3, 3));
    }

    #[test]
    fn missing_minutes_are_named_and_not_estimated() {
        let rows: Vec<SubjectMinute> = (0..20).filter(|at| *at != 7).map(|at| minute(at, 75_000)).collect();
        let bills = bills(&rows, Timestamp::ZERO, Timestamp::from_nanos(20 * MINUTE));
        let bill = &bills[0];
        assert_eq!((bill.minutes, bill.present), (20, 19));
        assert_eq!(bill.first_missing, Some(Timestamp::from_nanos(7 * MINUTE)));
        assert_eq!((bill.values, bill.complete_values), (4, 3));
        let [received, _] = bill.series(Timestamp::ZERO, Timestamp::from_nanos(20 * MINUTE), 1);
        assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), [7, 12]);
        assert_eq!(received[0][0].1, 10_000.0);
    }
}
