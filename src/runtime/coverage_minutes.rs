//! Which seconds were captured on which interface, by minute.

use crate::base::Timestamp;
use crate::store::InterfaceMinute;

/// Seconds between two judged ticks that still are one capture: the judge may be late, and the kernel holds the packets.
const LATE_SECONDS: u64 = 3;
const SECONDS_PER_MINUTE: u64 = 60;

/// The counters of an interface since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct InterfaceCounters {
    pub name: String,
    pub is_up: bool,
    pub packets: u64,
    pub bytes: u64,
    pub dropped: u64,
    pub sampled: u32,
}

/// An interface in the present minute, and its counters when they were last read.
struct Interface {
    minute: InterfaceMinute,
    before: InterfaceCounters,
}

/// The present minute of every interface.
#[derive(Default)]
pub(super) struct CoverageMinutes {
    interfaces: Vec<Interface>,
    /// The last second that was judged.
    last: Option<u64>,
}

impl CoverageMinutes {
    /// The second that ends at `end` was judged; `all` are the counters of the interfaces since the start. Returns the minutes
    /// that changed, as they are now.
    pub(super) fn second(&mut self, end: Timestamp, all: &[InterfaceCounters]) -> Vec<InterfaceMinute> {
        let second = (end.nanos() / 1_000_000_000).saturating_sub(1);
        // Of the first second, only a part may have been captured.
        let is_first = self.last.is_none_or(|last| last >= second || second - last > LATE_SECONDS);
        let from = self.last.filter(|_| !is_first).map_or(second, |last| last + 1);
        self.last = Some(second);
        let mut changed = Vec::new();
        for counters in all {
            let known = self.interfaces.iter().position(|known| known.minute.interface == counters.name);
            let at = known.unwrap_or_else(|| {
                let minute = InterfaceMinute { interface: counters.name.clone(), ..InterfaceMinute::default() };
                self.interfaces.push(Interface { minute, before: InterfaceCounters::default() });
                self.interfaces.len() - 1
            });
            let Some(Interface { minute, before }) = self.interfaces.get_mut(at) else { continue };
            for second in from..=second {
                if minute.minute != second / SECONDS_PER_MINUTE {
                    if minute.minute != 0 && second > from {
                        changed.push(minute.clone());
                    }
                    let interface = std::mem::take(&mut minute.interface);
                    *minute = InterfaceMinute {
                        minute: second / SECONDS_PER_MINUTE,
                        interface,
                        ..InterfaceMinute::default()
                    };
                }
                if counters.is_up && before.is_up && !is_first {
                    minute.seconds |= 1 << (second % SECONDS_PER_MINUTE);
                }
            }
            minute.packets += counters.packets.saturating_sub(before.packets);
            minute.bytes += counters.bytes.saturating_sub(before.bytes);
            minute.dropped += counters.dropped.saturating_sub(before.dropped);
            minute.sampled = minute.sampled.max(counters.sampled).max(1);
            before.clone_from(counters);
            changed.push(minute.clone());
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(packets: u64, is_up: bool) -> Vec<InterfaceCounters> {
        vec![InterfaceCounters {
            name: "eth0".to_owned(),
            is_up,
            packets,
            bytes: packets * 100,
            dropped: packets / 10,
            sampled: 1,
        }]
    }

    /// The minute, its packets, and how many of its seconds were captured.
    fn of(minutes: &[InterfaceMinute]) -> Vec<(u64, u64, u32)> {
        minutes.iter().map(|minute| (minute.minute, minute.packets, minute.seconds.count_ones())).collect()
    }

    #[test]
    fn minutes_grow_by_the_second_and_gaps_stay() {
        let mut minutes = CoverageMinutes::default();
        let mut second = |number: u64, packets, is_up| {
            of(&minutes.second(Timestamp::from_parts(600 + number, 0), &counters(packets, is_up)))
        };
        assert_eq!(second(1, 10, true), [(10, 10, 0)], "it may have begun within the second");
        assert_eq!(second(2, 30, true), [(10, 30, 1)]);
        assert_eq!(second(5, 50, true), [(10, 50, 4)], "late, but captured");
        assert_eq!(second(15, 60, true), [(10, 60, 4)], "a gap");
        assert_eq!(second(16, 60, false), [(10, 60, 4)], "the interface was down");
        assert_eq!(second(17, 60, true), [(10, 60, 4)], "and came back within the second");
        assert_eq!(second(18, 65, true), [(10, 65, 5)]);
        assert_eq!(second(59, 70, true), [(10, 70, 5)]);
        assert_eq!(second(61, 100, true), [(10, 70, 6), (11, 30, 1)], "the last second of a minute comes late");
    }
}
