//! The entry of a host in a worker's table.

use super::counts::SmallCount;
use super::log::{LOG, LogEntry};
use super::report::HostCounts;
use super::set_table::{Keyed, LastTick};
use crate::base::Addr;

/// The detail of a host that has none.
pub(super) const NO_DETAIL: u16 = u16::MAX;

/// The entry of a host, one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct HostSlot {
    pub(super) address: Addr,
    /// Received, then sent.
    pub(super) counts: [SmallCount; 2],
    pub(super) detail: u16,
    pub(super) previous: LastTick,
    pub(super) log_len: u8,
    /// The first packets of the tick, while the host has no detail.
    pub(super) log: [LogEntry; LOG],
}

// One cache line: a flood from random sources pays this per entry.
const _: () = assert!(size_of::<HostSlot>() == 64);

impl Keyed for HostSlot {
    type Key = Addr;

    fn empty(address: Addr) -> Self {
        HostSlot {
            address,
            counts: Default::default(),
            detail: NO_DETAIL,
            previous: LastTick::default(),
            log_len: 0,
            log: [LogEntry::default(); LOG],
        }
    }

    #[inline]
    fn key(&self) -> Addr {
        self.address
    }

    fn weight(&self, age: u16) -> u32 {
        self.previous.weight(self.packets(), age)
    }

    #[inline]
    fn has_counts(&self) -> bool {
        let [received, sent] = &self.counts;
        received.packets | sent.packets != 0
    }
}

impl HostSlot {
    pub(super) fn packets(&self) -> u32 {
        let [received, sent] = &self.counts;
        received.packets.saturating_add(sent.packets)
    }
}

impl HostCounts {
    pub(super) fn of(slot: &HostSlot) -> HostCounts {
        let [received, sent] = slot.counts;
        HostCounts {
            address: slot.address,
            received,
            sent,
            detailed: slot.detail != NO_DETAIL,
            log_len: slot.log_len,
            log: slot.log,
        }
    }
}
