//! Series of guests: those in the inventory, at most [`MAX_GUESTS`].

use super::catalogue as spec;
use super::catalogue::InventorySource;
use super::series::{Maker, growth, lock, whole};
use crate::base::Mac;
use crate::meter::Count;
use prometheus::{Error, IntCounter, IntCounterVec, IntGauge};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Maximum number of guests with series; each has four.
pub const MAX_GUESTS: usize = 1024;

/// Lifetime totals of one NIC of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NicTotals {
    /// Its MAC address.
    pub mac: Mac,
    /// Packets to it.
    pub received: Count,
    /// Packets from it.
    pub sent: Count,
}

struct GuestCounters {
    receive_packets: IntCounter,
    receive_bytes: IntCounter,
    transmit_packets: IntCounter,
    transmit_bytes: IntCounter,
    /// The latest totals. By NIC, so that removing one does not look like a reset of the counters.
    nics: BTreeMap<Mac, NicTotals>,
}

impl GuestCounters {
    fn follow(&mut self, nics: &[NicTotals]) {
        for now in nics {
            let last = self.nics.get(&now.mac).copied().unwrap_or_default();
            // All four belong to one record, so either one going down means that the record was reset.
            let is_reset = now.received.packets < last.received.packets || now.sent.packets < last.sent.packets;
            let last = if is_reset { NicTotals::default() } else { last };
            self.receive_packets.inc_by(growth(last.received.packets, now.received.packets));
            self.receive_bytes.inc_by(growth(last.received.bytes, now.received.bytes));
            self.transmit_packets.inc_by(growth(last.sent.packets, now.sent.packets));
            self.transmit_bytes.inc_by(growth(last.sent.bytes, now.sent.bytes));
        }
        self.nics = nics.iter().map(|nic| (nic.mac, *nic)).collect();
    }
}

#[derive(Default)]
struct Known {
    shown: BTreeMap<String, GuestCounters>,
    /// Guests without series. Each is counted once for as long as it has none.
    refused: BTreeSet<String>,
}

pub(super) struct GuestSeries {
    guests: IntGauge,
    receive_packets: IntCounterVec,
    receive_bytes: IntCounterVec,
    transmit_packets: IntCounterVec,
    transmit_bytes: IntCounterVec,
    refused: IntCounter,
    /// By index of [`InventorySource`].
    problems: Vec<IntGauge>,
    known: Mutex<Known>,
}

impl GuestSeries {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self, Error> {
        let problems = make.gauges(spec::INVENTORY_PROBLEMS)?;
        let gauge = |source: &InventorySource| problems.get_metric_with_label_values(&[source.name()]);
        Ok(GuestSeries {
            guests: make.gauge(spec::GUESTS)?,
            receive_packets: make.counters(spec::GUEST_RECEIVE_PACKETS)?,
            receive_bytes: make.counters(spec::GUEST_RECEIVE_BYTES)?,
            transmit_packets: make.counters(spec::GUEST_TRANSMIT_PACKETS)?,
            transmit_bytes: make.counters(spec::GUEST_TRANSMIT_BYTES)?,
            refused: make.counter(spec::GUEST_SERIES_REFUSED)?,
            problems: InventorySource::ALL.iter().map(gauge).collect::<Result<_, _>>()?,
            known: Mutex::default(),
        })
    }

    /// Shows exactly these guests.
    pub(super) fn show(&self, guests: &BTreeMap<String, Vec<NicTotals>>) {
        self.guests.set(whole(guests.len() as u64));
        let mut known = lock(&self.known);
        let Known { shown, refused } = &mut *known;
        // First, to make room for new guests.
        shown.retain(|label, _| {
            let stays = guests.contains_key(label);
            if !stays {
                self.remove(label);
            }
            stays
        });
        refused.retain(|label| guests.contains_key(label));
        for (label, nics) in guests {
            if let Some(series) = shown.get_mut(label) {
                series.follow(nics);
            } else if shown.len() >= MAX_GUESTS {
                if refused.insert(label.clone()) {
                    self.refused.inc();
                }
            } else if let Ok(mut series) = self.series(label) {
                refused.remove(label);
                series.follow(nics);
                shown.insert(label.clone(), series);
            }
        }
    }

    pub(super) fn problems<'s>(&self, sources: impl Iterator<Item = &'s str> + Clone) {
        for (source, gauge) in InventorySource::ALL.iter().zip(&self.problems) {
            gauge.set(whole(sources.clone().filter(|name| *name == source.name()).count() as u64));
        }
    }

    fn series(&self, label: &str) -> Result<GuestCounters, Error> {
        let counter = |family: &IntCounterVec| family.get_metric_with_label_values(&[label]);
        Ok(GuestCounters {
            receive_packets: counter(&self.receive_packets)?,
            receive_bytes: counter(&self.receive_bytes)?,
            transmit_packets: counter(&self.transmit_packets)?,
            transmit_bytes: counter(&self.transmit_bytes)?,
            nics: BTreeMap::new(),
        })
    }

    fn remove(&self, label: &str) {
        for family in [&self.receive_packets, &self.receive_bytes, &self.transmit_packets, &self.transmit_bytes] {
            // Fails only if there is no such series.
            let _ = family.remove_label_values(&[label]);
        }
    }
}
