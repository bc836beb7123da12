//! Windows of a limited number of busy hosts (or prefixes): assignment and eviction.

use super::fading::FADING;
use super::hash::{Hasher, KeyedBuildHasher};
use super::host::HostWindow;
use super::last_tick::LastTick;
use super::points::PointWeights;
use crate::base::{Addr, TICKS_PER_SECOND};
use std::collections::HashMap;

/// New windows per tick: a flood over many targets must not make the tick long.
const NEW_PER_TICK: usize = 256;
/// Ticks without traffic after which every window is empty: the longest is a minute and slides by ten seconds. The
/// windows are then released.
pub const IDLE_TICKS: u64 = 700;

pub(super) struct WindowSlot {
    pub address: Addr,
    pub window: Box<HostWindow>,
    in_use: bool,
    /// Last tick with traffic, and the activity as in the shared table: stored here so that a scan of all slots does
    /// not touch all windows.
    last_active: u64,
    activity: f32,
}

impl WindowSlot {
    pub(super) fn was_active(&mut self, tick: u64, packets: u64) {
        self.last_active = tick;
        self.activity += packets as f32;
    }
}

pub(super) struct Windows {
    slots: Vec<WindowSlot>,
    by_address: HashMap<Addr, usize, KeyedBuildHasher>,
    free: Vec<usize>,
    weights: PointWeights,
    tick: u64,
    /// Windows reassigned to busier hosts.
    evictions: u64,
    /// Windows that a busy host did not get, since all others were about as busy.
    refusals: u64,
    opened_this_tick: usize,
    /// Activity and index of the least active slot, once it was searched for in this tick.
    quietest: Option<(f32, usize)>,
}

impl Windows {
    /// Windows are allocated when they are first used, or all by [`Windows::prepare`].
    pub(super) fn new(capacity: usize, hasher: Hasher) -> Self {
        Windows {
            slots: Vec::with_capacity(capacity),
            by_address: HashMap::with_capacity_and_hasher(capacity, KeyedBuildHasher::new(hasher)),
            free: (0..capacity).rev().collect(),
            weights: PointWeights::default(),
            tick: 0,
            evictions: 0,
            refusals: 0,
            opened_this_tick: 0,
            quietest: None,
        }
    }

    /// Allocates and touches all windows now, so that a flood causes no page faults.
    pub(super) fn prepare(&mut self) {
        self.prepare_until(self.free.len().saturating_sub(1));
    }

    /// Allocates those up to this index.
    fn prepare_until(&mut self, index: usize) {
        self.slots.resize_with((index + 1).max(self.slots.len()), || WindowSlot {
            address: Addr::UNSPECIFIED,
            window: HostWindow::new(Addr::UNSPECIFIED, 0),
            in_use: false,
            last_active: 0,
            activity: 0.0,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Windows that a busy host did not get, since all others were about as busy.
    pub(super) fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Opens tick `tick`: all windows slide. Ticks must be opened in order; for gaps call [`Windows::reset`].
    pub(super) fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.opened_this_tick = 0;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !slot.in_use {
                continue;
            }
            if tick.saturating_sub(slot.last_active) > IDLE_TICKS {
                slot.in_use = false;
                self.by_address.remove(&slot.address);
                self.free.push(index);
            } else {
                slot.activity *= FADING;
                slot.window.roll(tick);
            }
        }
        self.quietest = None;
    }

    /// Empties every window: for gaps in time longer than any window, and for clock changes.
    pub(super) fn reset(&mut self) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.in_use {
                slot.in_use = false;
                self.free.push(index);
            }
        }
        // The order of free slots must not depend on history.
        self.free.sort_unstable_by(|a, b| b.cmp(a));
        self.by_address.clear();
    }

    /// The slot at `index`, while it still belongs to `address`.
    pub(super) fn get_mut(&mut self, index: usize, address: Addr) -> Option<&mut WindowSlot> {
        self.slots.get_mut(index).filter(|slot| slot.in_use && slot.address == address)
    }

    pub(super) fn index_of(&self, address: Addr) -> Option<usize> {
        self.by_address.get(&address).copied()
    }

    pub(super) fn of(&self, address: Addr) -> Option<&HostWindow> {
        self.slots.get(self.index_of(address)?).map(|slot| &*slot.window)
    }

    /// Windows with traffic within the last second, in the order in which their hosts became busy.
    pub(super) fn active(&self) -> impl Iterator<Item = &HostWindow> {
        let is_active =
            |slot: &&WindowSlot| slot.in_use && self.tick.saturating_sub(slot.last_active) < TICKS_PER_SECOND as u64;
        self.slots.iter().filter(is_active).map(|slot| &*slot.window)
    }

    /// Sets the points that hosts get for their packets.
    pub(super) fn set_weights(&mut self, weights: PointWeights) {
        self.weights = weights;
        self.slots.iter_mut().filter(|slot| slot.in_use).for_each(|slot| slot.window.forget_points());
    }

    /// Counts packets of the open tick in the windows at `index`, which `absorb` adds.
    pub(super) fn count(&mut self, index: usize, packets: u64, absorb: impl FnOnce(&mut HostWindow)) {
        if let Some(slot) = self.slots.get_mut(index) {
            absorb(&mut slot.window);
            slot.window.weigh(&self.weights);
            slot.was_active(self.tick, packets);
        }
    }

    /// All windows in use.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &HostWindow> {
        self.slots.iter().filter(|slot| slot.in_use).map(|slot| &*slot.window)
    }

    /// Assigns windows to a newly busy host; where all are in use, those of the least active host if that is clearly
    /// less active. They begin with what the host had in the last tick, as far as that is known.
    pub(super) fn add(&mut self, address: Addr, activity: f32, last: Option<&mut LastTick>) -> Option<usize> {
        if self.opened_this_tick >= NEW_PER_TICK {
            return None;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => match self.least_active(activity) {
                Some(index) => index,
                None => {
                    self.refusals += 1;
                    return None;
                }
            },
        };
        self.opened_this_tick += 1;
        self.prepare_until(index);
        let slot = self.slots.get_mut(index)?;
        slot.address = address;
        match last.map(|last| last.of(address)) {
            Some((before, now)) => {
                slot.window.reuse(address, self.tick.wrapping_sub(1));
                slot.window.roll(self.tick.wrapping_sub(1));
                before.for_each(|host| slot.window.absorb_quiet(host.counts, host.at, host.scale));
                slot.window.weigh(&self.weights);
                slot.window.roll(self.tick);
                now.for_each(|host| slot.window.absorb_quiet(host.counts, host.at, host.scale));
                slot.window.weigh(&self.weights);
            }
            None => {
                slot.window.reuse(address, self.tick);
                slot.window.roll(self.tick);
            }
        }
        slot.in_use = true;
        slot.last_active = self.tick;
        // This tick's packets are included and will be added once more: a new host gets time before it can be replaced.
        slot.activity = activity;
        self.by_address.insert(address, index);
        Some(index)
    }

    fn least_active(&mut self, activity: f32) -> Option<usize> {
        let quietest = self.quietest.or_else(|| {
            let slots = self.slots.iter().enumerate().map(|(index, slot)| (slot.activity, index));
            slots.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        });
        let (least, index) = quietest?;
        // Only a clearly busier host replaces another: two similar ones must not alternate.
        if least * 3.0 > activity {
            self.quietest = quietest;
            return None;
        }
        self.quietest = None;
        self.evictions += 1;
        self.by_address.remove(&self.slots.get(index)?.address);
        Some(index)
    }
}
