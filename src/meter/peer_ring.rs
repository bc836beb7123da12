//! The peers of an attacked host over the last second, counted packet by packet.

use super::peer_table::{CloseRegisters, PeerCount, PeerTable};
use crate::base::{Addr, TICKS_PER_SECOND};
use crate::packet::Class;
use std::collections::{BTreeMap, BTreeSet};

/// One tick of a ring.
#[derive(Clone, Default)]
struct PeerTick {
    /// Number of the tick.
    tick: u64,
    counts: Vec<PeerCount>,
    registers: CloseRegisters,
    is_full: bool,
}

/// The peer tables of one host in one direction that the workers handed over in the last second.
#[derive(Default)]
pub(super) struct PeerRing([PeerTick; TICKS_PER_SECOND]);

/// Peers with their packets over some ticks. Of a peer there may be several counts: of several ticks, classes, services.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerSum {
    /// None of them too high.
    pub counts: Vec<PeerCount>,
    /// The distinct peers, also those beyond the capacity of the tables. Of all classes.
    pub registers: CloseRegisters,
    /// Some peers found no room in a table.
    pub is_full: bool,
}

impl PeerRing {
    pub(super) fn absorb(&mut self, tick: u64, table: &PeerTable) {
        let Some(slot) = self.0.get_mut((tick % TICKS_PER_SECOND as u64) as usize) else { return };
        if slot.tick != tick {
            slot.tick = tick;
            slot.counts.clear();
            slot.registers.clear();
            slot.is_full = false;
        }
        slot.counts.extend(table.counts());
        slot.registers.merge(&table.registers);
        slot.is_full |= table.is_full();
    }

    /// Whether all of it is older than a second at tick `now`.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.0.iter().all(|slot| now.saturating_sub(slot.tick) >= TICKS_PER_SECOND as u64)
    }

    /// Peers that completed at least half of their handshakes in the second that ends with tick `now`.
    pub(super) fn clients(&self, now: u64) -> BTreeSet<Addr> {
        let recent = || {
            let slots = self.0.iter().filter(|slot| now.saturating_sub(slot.tick) < TICKS_PER_SECOND as u64);
            slots.flat_map(|slot| &slot.counts)
        };
        // Of the peers of a flood few complete any.
        let mut steps: BTreeMap<Addr, (u64, u64)> = BTreeMap::new();
        for count in recent().filter(|count| count.is_of_handshakes()) {
            let (completed, _) = steps.entry(count.peer).or_default();
            *completed += u64::from(count.packets);
        }
        if steps.is_empty() {
            return BTreeSet::new();
        }
        for count in recent().filter(|count| !count.is_of_handshakes() && count.is_of(&[Class::TcpSyn])) {
            if let Some((_, begun)) = steps.get_mut(&count.peer) {
                *begun += u64::from(count.packets);
            }
        }
        steps.retain(|_, (completed, begun)| *completed > 0 && 2 * *completed >= *begun);
        steps.into_keys().collect()
    }

    /// Adds the counts of tick `tick` that `is_meant`; returns whether a worker had a table in it.
    pub(super) fn add_to(&self, sum: &mut PeerSum, tick: u64, is_meant: impl Fn(&PeerCount) -> bool) -> bool {
        let slot = self.0.get((tick % TICKS_PER_SECOND as u64) as usize).filter(|slot| slot.tick == tick);
        let Some(slot) = slot else { return false };
        sum.counts.extend(slot.counts.iter().filter(|count| is_meant(count)));
        sum.registers.merge(&slot.registers);
        sum.is_full |= slot.is_full;
        true
    }
}
