//! What hosts had in the last tick, and for other workers in this one. A window that opens with a burst begins with it, so that a
//! flood of a hundred packets per second and more is counted from its first packet, however short its first tick was.

use super::report::{HostCounts, TickReport};
use super::scale::Scale;
use crate::base::{Addr, Timestamp};

/// Hosts that are kept per tick. Of a further one, the fewer than ten packets before its window are not in the window.
const HOSTS: usize = 4096;

/// The hosts of one report, a part of all.
#[derive(Clone, Copy)]
struct Part {
    /// Index behind its last host.
    end: usize,
    /// Time of the worker's first packet in the tick.
    at: Timestamp,
    scale: Scale,
}

/// The hosts of one tick.
struct Tick {
    hosts: Vec<HostCounts>,
    parts: Vec<Part>,
    /// Indices of the first of them, by address: sorted where one is looked up, which is only where a window opens.
    order: Vec<u16>,
}

const _: () = assert!(HOSTS <= 1 << 16);

impl Tick {
    /// Allocates and touches all memory here, so that a flood causes no page faults.
    fn with_room() -> Tick {
        let mut hosts = vec![HostCounts::default(); HOSTS];
        hosts.fill(HostCounts { log_len: 1, ..HostCounts::default() });
        hosts.clear();
        let mut order = vec![1; HOSTS];
        order.clear();
        Tick { hosts, parts: Vec::new(), order }
    }

    fn clear(&mut self) {
        self.hosts.clear();
        self.parts.clear();
        self.order.clear();
    }

    /// What a host had in the first `reports` reports, once for each worker that saw it.
    fn of(&mut self, address: Addr, reports: usize) -> impl Iterator<Item = QuietHost<'_>> {
        let Tick { hosts, parts, order } = self;
        let count = parts.get(..reports).and_then(<[Part]>::last).map_or(0, |part| part.end);
        let address_of = |index: &u16| hosts.get(usize::from(*index)).map(|host| host.address);
        if order.len() != count {
            order.clear();
            order.extend((0..count).map(|index| index as u16));
            order.sort_unstable_by_key(address_of);
        }
        let from = order.partition_point(|index| address_of(index) < Some(address));
        let found = order.get(from..).unwrap_or_default();
        let found = found.get(..found.partition_point(|index| address_of(index) == Some(address))).unwrap_or_default();
        found.iter().filter_map(|index| {
            let index = usize::from(*index);
            let part = parts.get(parts.partition_point(|part| part.end <= index))?;
            let counts = hosts.get(index).filter(|host| !host.detailed)?;
            Some(QuietHost { counts, at: part.at, scale: part.scale })
        })
    }
}

/// One host in one tick of one worker.
#[derive(Clone, Copy)]
pub(super) struct QuietHost<'a> {
    pub counts: &'a HostCounts,
    /// Time of the worker's first packet in the tick.
    pub at: Timestamp,
    pub scale: Scale,
}

pub(super) struct LastTick {
    /// Number of the open tick.
    tick: u64,
    now: Tick,
    before: Tick,
}

impl LastTick {
    pub(super) fn new() -> LastTick {
        LastTick { tick: 0, now: Tick::with_room(), before: Tick::with_room() }
    }

    pub(super) fn open(&mut self, tick: u64) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.clear();
        if tick != self.tick.wrapping_add(1) {
            self.before.clear();
        }
        self.tick = tick;
    }

    /// Keeps the hosts of a report of the open tick: one copy of memory, whatever becomes of them.
    pub(super) fn keep(&mut self, report: &TickReport, at: Timestamp) {
        let begin = self.now.hosts.len();
        let most = HOSTS.saturating_sub(begin).min(report.hosts.len());
        self.now.hosts.extend_from_slice(report.hosts.get(..most).unwrap_or_default());
        self.now.parts.push(Part { end: begin + most, at, scale: report.scale });
    }

    /// What a host without windows had in the tick before the open one; and in earlier reports of the open one than the last.
    pub(super) fn of(
        &mut self,
        address: Addr,
    ) -> (impl Iterator<Item = QuietHost<'_>>, impl Iterator<Item = QuietHost<'_>>) {
        let (before, now) = (self.before.parts.len(), self.now.parts.len().saturating_sub(1));
        (self.before.of(address, before), self.now.of(address, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(hosts: &[(u32, u32)]) -> TickReport {
        let host = |&(address, packets): &(u32, u32)| {
            let mut counts = HostCounts { address: Addr::from_v4_bits(address), ..HostCounts::default() };
            counts.received.packets = packets;
            counts
        };
        TickReport { hosts: hosts.iter().map(host).collect(), ..TickReport::default() }
    }

    fn packets(last: &mut LastTick, address: u32) -> (Vec<u32>, Vec<u32>) {
        let (before, now) = last.of(Addr::from_v4_bits(address));
        let count = |host: QuietHost<'_>| host.counts.received.packets;
        (before.map(count).collect(), now.map(count).collect())
    }

    #[test]
    fn it_has_every_workers_count_of_the_tick_before_and_no_other() {
        let mut last = LastTick::new();
        last.open(7);
        last.keep(&report(&[(2, 5), (1, 3)]), Timestamp::ZERO);
        assert_eq!(packets(&mut last, 2), (vec![], vec![]), "the report is being added");
        last.keep(&report(&[(2, 6)]), Timestamp::ZERO);
        assert_eq!(packets(&mut last, 2), (vec![], vec![5]), "what another worker had in the same tick");
        last.open(8);
        assert_eq!(packets(&mut last, 2), (vec![5, 6], vec![]));
        assert_eq!(packets(&mut last, 1), (vec![3], vec![]));
        assert_eq!(packets(&mut last, 3), (vec![], vec![]));
        last.keep(&report(&[(2, 9)]), Timestamp::ZERO);
        // A tick is missing in between.
        last.open(10);
        assert_eq!(packets(&mut last, 2), (vec![], vec![]));
    }

    #[test]
    fn it_keeps_no_more_hosts_than_it_has_room_for() {
        let mut last = LastTick::new();
        last.open(1);
        let many: Vec<(u32, u32)> = (0..2 * HOSTS as u32).map(|address| (address, 1)).collect();
        last.keep(&report(&many), Timestamp::ZERO);
        last.keep(&report(&many), Timestamp::ZERO);
        assert_eq!((last.now.hosts.len(), last.now.parts.len()), (HOSTS, 2));
    }
}
