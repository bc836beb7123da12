//! Series for single hosts: only for those that were named, and only for so many.

use super::catalogue as spec;
use super::series::{Maker, growth, lock};
use crate::base::Addr;
use crate::meter::Count;
use prometheus::{Error, IntCounter, IntCounterVec};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Most hosts with series of their own; each costs four.
pub const MAX_HOSTS: usize = 200;

struct Watched {
    group: String,
    /// Lifetime totals as last told.
    received: Count,
    sent: Count,
    receive_packets: IntCounter,
    receive_bytes: IntCounter,
    transmit_packets: IntCounter,
    transmit_bytes: IntCounter,
}

pub(super) struct HostSeries {
    receive_packets: IntCounterVec,
    receive_bytes: IntCounterVec,
    transmit_packets: IntCounterVec,
    transmit_bytes: IntCounterVec,
    refused: IntCounter,
    watched: Mutex<BTreeMap<Addr, Watched>>,
}

impl HostSeries {
    pub fn new(make: &Maker<'_>) -> Result<Self, Error> {
        Ok(HostSeries {
            receive_packets: make.counters(spec::HOST_RECEIVE_PACKETS)?,
            receive_bytes: make.counters(spec::HOST_RECEIVE_BYTES)?,
            transmit_packets: make.counters(spec::HOST_TRANSMIT_PACKETS)?,
            transmit_bytes: make.counters(spec::HOST_TRANSMIT_BYTES)?,
            refused: make.counter(spec::HOST_SERIES_REFUSED)?,
            watched: Mutex::new(BTreeMap::new()),
        })
    }

    pub fn watch(&self, address: Addr, group: &str) -> bool {
        let mut watched = lock(&self.watched);
        let (received, sent) = match watched.get(&address) {
            Some(known) if known.group == group => return true,
            // Another group is another series: what was counted so far stays with the old one, which ends.
            Some(known) => {
                self.remove(address, &known.group);
                (known.received, known.sent)
            }
            None if watched.len() >= MAX_HOSTS => {
                self.refused.inc();
                return false;
            }
            None => Default::default(),
        };
        let Ok(series) = self.series(address, group, received, sent) else { return false };
        watched.insert(address, series);
        true
    }

    fn series(&self, address: Addr, group: &str, received: Count, sent: Count) -> Result<Watched, Error> {
        let host = address.to_string();
        let of = |family: &IntCounterVec| family.get_metric_with_label_values(&[host.as_str(), group]);
        Ok(Watched {
            group: group.to_owned(),
            received,
            sent,
            receive_packets: of(&self.receive_packets)?,
            receive_bytes: of(&self.receive_bytes)?,
            transmit_packets: of(&self.transmit_packets)?,
            transmit_bytes: of(&self.transmit_bytes)?,
        })
    }

    fn remove(&self, address: Addr, group: &str) {
        let host = address.to_string();
        for family in [&self.receive_packets, &self.receive_bytes, &self.transmit_packets, &self.transmit_bytes] {
            // An error means that there was no such series, which is what is wanted.
            let _ = family.remove_label_values(&[host.as_str(), group]);
        }
    }

    pub fn totals(&self, address: Addr, received: Count, sent: Count) {
        let mut watched = lock(&self.watched);
        let Some(host) = watched.get_mut(&address) else { return };
        // Both directions share one entry of the table, so either going down tells that all four started anew.
        let anew = received.packets < host.received.packets || sent.packets < host.sent.packets;
        let (last_received, last_sent) = if anew { Default::default() } else { (host.received, host.sent) };
        host.receive_packets.inc_by(growth(last_received.packets, received.packets));
        host.receive_bytes.inc_by(growth(last_received.bytes, received.bytes));
        host.transmit_packets.inc_by(growth(last_sent.packets, sent.packets));
        host.transmit_bytes.inc_by(growth(last_sent.bytes, sent.bytes));
        (host.received, host.sent) = (received, sent);
    }

    pub fn addresses(&self) -> Vec<Addr> {
        lock(&self.watched).keys().copied().collect()
    }
}
