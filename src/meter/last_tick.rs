//! What hosts without windows had in the last tick, and for other workers in this one. A window that opens begins with it, so
//! that an attack whose first tick was short is counted from its first packet.

use super::report::HostCounts;
use super::scale::Scale;
use crate::base::{Addr, Timestamp};

/// Hosts that are kept per tick. Of a further one, the fewer than ten packets before its window are not in the window.
const HOSTS: usize = 4096;

/// One quiet host in one tick of one worker.
#[derive(Clone, Copy)]
pub(super) struct QuietHost {
    pub counts: HostCounts,
    /// Time of the worker's first packet in the tick.
    pub at: Timestamp,
    pub scale: Scale,
}

pub(super) struct LastTick {
    /// Number of the open tick.
    tick: u64,
    now: Vec<QuietHost>,
    /// How many of `now` are of earlier reports than the present one.
    of_earlier_reports: usize,
    before: Vec<QuietHost>,
    /// Whether `before` is in the order of addresses: it is only where a window opens.
    is_sorted: bool,
}

impl LastTick {
    /// Allocates and touches all memory here, so that a flood causes no page faults.
    pub(super) fn new() -> LastTick {
        let empty =
            QuietHost { counts: HostCounts::default(), at: Timestamp::from_nanos(u64::MAX), scale: Scale::default() };
        let mut lists = [vec![empty; HOSTS], vec![empty; HOSTS]];
        lists.iter_mut().for_each(Vec::clear);
        let [now, before] = lists;
        LastTick { tick: 0, now, of_earlier_reports: 0, before, is_sorted: false }
    }

    pub(super) fn open(&mut self, tick: u64) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.clear();
        if tick != self.tick.wrapping_add(1) {
            self.before.clear();
        }
        (self.tick, self.is_sorted) = (tick, false);
    }

    /// Another worker's report of the open tick begins.
    pub(super) fn start_report(&mut self) {
        self.of_earlier_reports = self.now.len();
    }

    /// Keeps what a host without windows had in the open tick.
    #[inline]
    pub(super) fn keep(&mut self, host: QuietHost) {
        if self.now.len() < HOSTS {
            self.now.push(host);
        }
    }

    /// What a host had in the tick before the open one, once for each worker that saw it; and what all hosts had in earlier reports
    /// of the open one.
    pub(super) fn of(&mut self, address: Addr) -> (&[QuietHost], &[QuietHost]) {
        if !std::mem::replace(&mut self.is_sorted, true) {
            self.before.sort_by_key(|host| host.counts.address);
        }
        let from = self.before.partition_point(|host| host.counts.address < address);
        let hosts = self.before.get(from..).unwrap_or_default();
        let before = hosts.get(..hosts.partition_point(|host| host.counts.address == address)).unwrap_or_default();
        (before, self.now.get(..self.of_earlier_reports).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(address: u32, packets: u32) -> QuietHost {
        let mut counts = HostCounts { address: Addr::from_v4_bits(address), ..HostCounts::default() };
        counts.received.packets = packets;
        QuietHost { counts, at: Timestamp::ZERO, scale: Scale::default() }
    }

    fn packets(last: &mut LastTick, address: u32) -> Vec<u32> {
        last.of(Addr::from_v4_bits(address)).0.iter().map(|host| host.counts.received.packets).collect()
    }

    #[test]
    fn it_has_every_workers_count_of_the_tick_before_and_no_other() {
        let mut last = LastTick::new();
        last.open(7);
        [host(2, 5), host(1, 3), host(2, 6)].into_iter().for_each(|host| last.keep(host));
        assert!(packets(&mut last, 2).is_empty(), "the tick is open");
        assert!(last.of(Addr::from_v4_bits(2)).1.is_empty(), "the report is not complete");
        last.start_report();
        assert_eq!(last.of(Addr::from_v4_bits(2)).1.len(), 3);
        last.open(8);
        assert_eq!(packets(&mut last, 2), [5, 6]);
        assert_eq!(packets(&mut last, 1), [3]);
        assert!(packets(&mut last, 3).is_empty());
        last.keep(host(2, 9));
        // A tick is missing in between.
        last.open(10);
        assert!(packets(&mut last, 2).is_empty());
    }

    #[test]
    fn it_keeps_no_more_hosts_than_it_has_room_for() {
        let mut last = LastTick::new();
        last.open(1);
        (0..2 * HOSTS as u32).for_each(|address| last.keep(host(address, 1)));
        last.open(2);
        assert_eq!(last.before.len(), HOSTS);
    }
}
