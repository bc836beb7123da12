//! Series of guests: for those that the inventory knows, and only for so many.

use super::catalogue as spec;
use super::catalogue::InventorySource;
use super::series::{Maker, growth, lock, whole};
use crate::base::Mac;
use crate::meter::Count;
use prometheus::{Error, IntCounter, IntCounterVec, IntGauge};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Most guests with series of their own; each costs four.
pub const MAX_GUESTS: usize = 1024;

/// A network card of a guest, with all that it received and sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardTotals {
    pub mac: Mac,
    pub received: Count,
    pub sent: Count,
}

struct Shown {
    receive_packets: IntCounter,
    receive_bytes: IntCounter,
    transmit_packets: IntCounter,
    transmit_bytes: IntCounter,
    /// As last told. By card, so that one that is taken out does not look like counters that start anew.
    cards: BTreeMap<Mac, CardTotals>,
}

impl Shown {
    fn follow(&mut self, cards: &[CardTotals]) {
        for now in cards {
            let last = self.cards.get(&now.mac).copied().unwrap_or_default();
            // All four are of one record, so either going down tells that they started anew.
            let anew = now.received.packets < last.received.packets || now.sent.packets < last.sent.packets;
            let last = if anew { CardTotals::default() } else { last };
            self.receive_packets.inc_by(growth(last.received.packets, now.received.packets));
            self.receive_bytes.inc_by(growth(last.received.bytes, now.received.bytes));
            self.transmit_packets.inc_by(growth(last.sent.packets, now.sent.packets));
            self.transmit_bytes.inc_by(growth(last.sent.bytes, now.sent.bytes));
        }
        self.cards = cards.iter().map(|card| (card.mac, *card)).collect();
    }
}

#[derive(Default)]
struct Known {
    shown: BTreeMap<String, Shown>,
    /// Known but not shown; each is counted once as long as that lasts.
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
    pub fn new(make: &Maker<'_>) -> Result<Self, Error> {
        let problems = make.gauges(spec::INVENTORY_PROBLEMS)?;
        let of = |source: &InventorySource| problems.get_metric_with_label_values(&[source.name()]);
        Ok(GuestSeries {
            guests: make.gauge(spec::GUESTS)?,
            receive_packets: make.counters(spec::GUEST_RECEIVE_PACKETS)?,
            receive_bytes: make.counters(spec::GUEST_RECEIVE_BYTES)?,
            transmit_packets: make.counters(spec::GUEST_TRANSMIT_PACKETS)?,
            transmit_bytes: make.counters(spec::GUEST_TRANSMIT_BYTES)?,
            refused: make.counter(spec::GUEST_SERIES_REFUSED)?,
            problems: InventorySource::ALL.iter().map(of).collect::<Result<_, _>>()?,
            known: Mutex::default(),
        })
    }

    /// Shows these guests and no others.
    pub fn show(&self, guests: &BTreeMap<String, Vec<CardTotals>>) {
        self.guests.set(whole(guests.len() as u64));
        let mut known = lock(&self.known);
        let Known { shown, refused } = &mut *known;
        // Who leaves makes room for the others.
        shown.retain(|label, _| {
            let stays = guests.contains_key(label);
            if !stays {
                self.remove(label);
            }
            stays
        });
        refused.retain(|label| guests.contains_key(label));
        for (label, cards) in guests {
            if let Some(series) = shown.get_mut(label) {
                series.follow(cards);
            } else if shown.len() >= MAX_GUESTS {
                if refused.insert(label.clone()) {
                    self.refused.inc();
                }
            } else if let Ok(mut series) = self.series(label) {
                refused.remove(label);
                series.follow(cards);
                shown.insert(label.clone(), series);
            }
        }
    }

    pub fn problems<'s>(&self, sources: impl Iterator<Item = &'s str> + Clone) {
        for (source, gauge) in InventorySource::ALL.iter().zip(&self.problems) {
            gauge.set(whole(sources.clone().filter(|name| *name == source.name()).count() as u64));
        }
    }

    fn series(&self, label: &str) -> Result<Shown, Error> {
        let of = |family: &IntCounterVec| family.get_metric_with_label_values(&[label]);
        Ok(Shown {
            receive_packets: of(&self.receive_packets)?,
            receive_bytes: of(&self.receive_bytes)?,
            transmit_packets: of(&self.transmit_packets)?,
            transmit_bytes: of(&self.transmit_bytes)?,
            cards: BTreeMap::new(),
        })
    }

    fn remove(&self, label: &str) {
        for family in [&self.receive_packets, &self.receive_bytes, &self.transmit_packets, &self.transmit_bytes] {
            // An error means that there was no such series, which is what is wanted.
            let _ = family.remove_label_values(&[label]);
        }
    }
}
