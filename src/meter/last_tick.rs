//! What hosts had in the last tick, and for other workers in this one. A window that opens begins with it, so that an attack whose
//! first tick was short is counted from its first packet.

use super::report::{HostCounts, TickReport};
use super::scale::Scale;
use crate::base::{Addr, Timestamp};

/// Hosts that are kept per tick. Of a further one, the fewer than ten packets before its window are not in the window.
const HOSTS: usize = 4096;

/// The hosts of one report, a part of all.
#[derive(Clone, Copy)]
struct Part {
    begin: usize,
    end: usize,
    /// Time of the worker's first packet in the tick.
    at: Timestamp,
    scale: Scale,
}

/// The hosts of one tick.
#[derive(Default)]
struct Tick {
    hosts: Vec<HostCounts>,
    parts: Vec<Part>,
}

impl Tick {
    /// Allocates and touches all memory here, so that a flood causes no page faults.
    fn with_room() -> Tick {
        let mut hosts = vec![HostCounts::default(); HOSTS];
        hosts.fill(HostCounts { log_len: 1, ..HostCounts::default() });
        hosts.clear();
        Tick { hosts, parts: Vec::new() }
    }

    fn clear(&mut self) {
        self.hosts.clear();
        self.parts.clear();
    }

    /// What a host had, once for each worker that saw it; `reports`: of so many.
    fn of(&self, address: Addr, reports: usize) -> impl Iterator<Item = QuietHost<'_>> {
        self.parts.iter().take(reports).flat_map(move |part| {
            let hosts = self.hosts.get(part.begin..part.end).unwrap_or_default();
            let found = hosts.iter().find(|host| host.address == address && !host.detailed);
            found.map(|counts| QuietHost { counts, at: part.at, scale: part.scale })
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
        self.now.parts.push(Part { begin, end: begin + most, at, scale: report.scale });
    }

    /// What a host without windows had in the tick before the open one; and in earlier reports of the open one than the last.
    pub(super) fn of(
        &self,
        address: Addr,
    ) -> (impl Iterator<Item = QuietHost<'_>>, impl Iterator<Item = QuietHost<'_>>) {
        (self.before.of(address, usize::MAX), self.now.of(address, self.now.parts.len().saturating_sub(1)))
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

    fn packets(last: &LastTick, address: u32) -> (Vec<u32>, Vec<u32>) {
        let (before, now) = last.of(Addr::from_v4_bits(address));
        let count = |host: QuietHost<'_>| host.counts.received.packets;
        (before.map(count).collect(), now.map(count).collect())
    }

    #[test]
    fn it_has_every_workers_count_of_the_tick_before_and_no_other() {
        let mut last = LastTick::new();
        last.open(7);
        last.keep(&report(&[(2, 5), (1, 3)]), Timestamp::ZERO);
        assert_eq!(packets(&last, 2), (vec![], vec![]), "the report is being added");
        last.keep(&report(&[(2, 6)]), Timestamp::ZERO);
        assert_eq!(packets(&last, 2), (vec![], vec![5]), "what another worker had in the same tick");
        last.open(8);
        assert_eq!(packets(&last, 2), (vec![5, 6], vec![]));
        assert_eq!(packets(&last, 1), (vec![3], vec![]));
        assert_eq!(packets(&last, 3), (vec![], vec![]));
        last.keep(&report(&[(2, 9)]), Timestamp::ZERO);
        // A tick is missing in between.
        last.open(10);
        assert_eq!(packets(&last, 2), (vec![], vec![]));
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
