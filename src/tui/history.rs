//! The last two minutes of traffic, put together from overviews that each bring a few seconds.

use crate::base::Timestamp;
use crate::view::{KEPT_SECONDS, Overview, TrafficSecond};
use std::collections::BTreeMap;

/// Adds what `before` knew of the seconds that `overview` does not bring.
pub(super) fn complete(overview: &mut Overview, before: Vec<TrafficSecond>) {
    let newest = overview.traffic.last().map(|second| second.at).or(overview.at);
    let Some(newest) = newest else { return };
    let oldest = newest.minus_seconds(KEPT_SECONDS as f64);
    // What is later than the newest second is of another time: the daemon restarted, or its clock was set.
    let is_kept = |at: Timestamp| at > oldest && at <= newest;
    let brought = std::mem::take(&mut overview.traffic);
    let mut seconds: BTreeMap<Timestamp, TrafficSecond> = BTreeMap::new();
    for second in before.into_iter().chain(brought).filter(|second| is_kept(second.at)) {
        seconds.insert(second.at, second);
    }
    overview.traffic = seconds.into_values().collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Rate;

    fn seconds(range: std::ops::Range<u64>, packets: u64) -> Vec<TrafficSecond> {
        let receive = Rate { packets_per_second: packets, bits_per_second: 0 };
        range
            .map(|second| TrafficSecond { at: Timestamp::from_parts(second, 0), receive, ..TrafficSecond::default() })
            .collect()
    }

    #[test]
    fn seconds_are_merged_by_their_time() {
        let mut overview = Overview { traffic: seconds(296..301, 2), ..Overview::default() };
        complete(&mut overview, seconds(100..299, 1));
        assert_eq!(overview.traffic.len(), KEPT_SECONDS);
        let rates: Vec<u64> = overview.traffic.iter().map(|second| second.receive.packets_per_second).collect();
        assert_eq!(rates.iter().filter(|rate| **rate == 2).count(), 5);
        assert_eq!(overview.traffic.first().map(|second| second.at), Some(Timestamp::from_parts(181, 0)));
    }

    #[test]
    fn another_time_begins_a_new_history() {
        let mut earlier = Overview { traffic: seconds(10..12, 2), ..Overview::default() };
        complete(&mut earlier, seconds(100..120, 1));
        assert_eq!(earlier.traffic.len(), 2);
        let mut later = Overview { traffic: seconds(1000..1002, 2), ..Overview::default() };
        complete(&mut later, seconds(100..120, 1));
        assert_eq!(later.traffic.len(), 2);
        let mut none = Overview::default();
        complete(&mut none, seconds(100..120, 1));
        assert!(none.traffic.is_empty());
    }
}
