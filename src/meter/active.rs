//! Active hosts: the merger's state of each host from tick to tick, one cache line per host. It updates the shared
//! table, whose readers cost locks and cache misses, once a second.

use super::counts::Count;
use super::fading::{faded, worth};
use super::hash::Hasher;
use super::report::HostCounts;
use super::set_table::{Inserted, Keyed, SetTable, SlotIndex};
use super::shared::{HostEntry, HostTable};
use crate::base::{Addr, TICKS_PER_SECOND};

pub(super) const NO_WINDOW: u32 = u32::MAX;

#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Active {
    pub address: Addr,
    /// Counts not yet flushed to the shared table.
    received: Count,
    sent: Count,
    /// Packets of about the last second, fading by a tenth each tick.
    activity: f32,
    /// Low bits of the last tick with traffic, and of the first tick not yet flushed.
    tick: u32,
    since: u32,
    /// Index of its windows; users must check that the windows still belong to this host.
    pub window: u32,
}

const _: () = assert!(size_of::<Active>() == 64);

impl Active {
    pub(super) fn activity_at(&self, tick: u64) -> f32 {
        faded(self.activity, (tick as u32).wrapping_sub(self.tick).into())
    }

    /// Adds the pending counts to the shared table; `now` is the tick.
    fn flush(&mut self, shared: &HostTable, now: u64) {
        let full = |low: u32| now.saturating_sub(u64::from((now as u32).wrapping_sub(low)));
        let (received, sent) = (std::mem::take(&mut self.received), std::mem::take(&mut self.sent));
        let (since, last, activity) = (full(self.since), full(self.tick), self.activity);
        shared.update(self.address, now, HostEntry::default, |entry| entry.add(since, last, received, sent, activity));
    }
}

impl Keyed for Active {
    type Key = Addr;

    fn empty(address: Addr) -> Self {
        let count = Count::default();
        Active { address, received: count, sent: count, activity: 0.0, tick: 0, since: 0, window: NO_WINDOW }
    }

    #[inline]
    fn key(&self) -> Addr {
        self.address
    }

    fn weight(&self, age: u16) -> u32 {
        // A few packets of an earlier tick have no weight. Halving every seven ticks is nearly a tenth less per tick.
        let idle = u32::from(age.wrapping_sub(self.tick as u16));
        (self.activity as u32 + u32::from(idle == 0)).checked_shr(idle.div_ceil(7)).unwrap_or(0)
    }

    #[inline]
    fn has_counts(&self) -> bool {
        self.received.packets | self.sent.packets != 0
    }
}

pub(super) struct ActiveHosts {
    hasher: Hasher,
    table: SetTable<Active>,
    /// Entries with counts not yet flushed to the shared table.
    pending: Vec<SlotIndex>,
    /// Tick of the last flush.
    flushed: u64,
}

impl ActiveHosts {
    pub(super) fn new(capacity: usize, hasher: Hasher) -> Self {
        let table = SetTable::new(capacity, Addr::UNSPECIFIED);
        ActiveHosts { hasher, pending: Vec::with_capacity(table.capacity()), table, flushed: 0 }
    }

    /// Opens a tick; once a second all pending counts are flushed to the shared table.
    pub(super) fn open(&mut self, tick: u64, shared: &HostTable) {
        self.table.set_age(tick as u16);
        if tick / TICKS_PER_SECOND as u64 != self.flushed / TICKS_PER_SECOND as u64 {
            self.flushed = tick;
            for index in self.pending.drain(..) {
                // A replaced entry's index is listed once; its counts were handled at the replacement.
                if let Some(entry) = self.table.get_mut(index).filter(|entry| entry.has_counts()) {
                    entry.flush(shared, tick);
                }
            }
        }
    }

    pub(super) fn find(&self, address: Addr) -> Option<SlotIndex> {
        self.table.find(self.hasher.address(address), address)
    }

    /// Loads the entry of a host that is counted soon.
    #[inline]
    pub(super) fn touch(&self, address: Addr) {
        std::hint::black_box(self.find(address));
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: SlotIndex) -> Option<&mut Active> {
        self.table.get_mut(index)
    }

    /// Counts a tick of a host. Returns its index, its activity, and whether it is new here.
    #[inline]
    pub(super) fn count(&mut self, host: &HostCounts, tick: u64, shared: &HostTable) -> (SlotIndex, f32, bool) {
        let (index, inserted) = self.table.insert(self.hasher.address(host.address), host.address);
        let new = !matches!(inserted, Inserted::Found);
        // The index of a replaced entry with counts is already in `pending`.
        let listed = matches!(inserted, Inserted::Replaced(_));
        if let Inserted::Replaced(mut evicted) = inserted
            && !shared.refuses(worth(evicted.activity_at(tick)), tick)
        {
            evicted.flush(shared, tick);
        }
        let Some(entry) = self.table.get_mut(index) else { return (index, 0.0, new) };
        if !entry.has_counts() {
            entry.since = tick as u32;
            if !listed {
                self.pending.push(index);
            }
        }
        entry.received.merge(host.received.into());
        entry.sent.merge(host.sent.into());
        let packets = host.received.packets.saturating_add(host.sent.packets);
        entry.activity = entry.activity_at(tick) + packets as f32;
        entry.tick = tick as u32;
        (index, entry.activity, new)
    }
}
