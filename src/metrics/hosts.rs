//! Series of single hosts: those in `metrics.hosts` and targets of incidents, at most [`MAX_HOSTS`].

use super::catalogue as spec;
use super::series::{Maker, growth, lock};
use crate::base::Addr;
use crate::meter::Count;
use prometheus::{Error, IntCounter, IntCounterVec};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Maximum number of hosts with series; each has four.
pub const MAX_HOSTS: usize = 200;

struct Watched {
    group: String,
    /// The latest lifetime totals.
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
    pub(super) fn new(make: &Maker<'_>) -> Result<Self, Error> {
        Ok(HostSeries {
            receive_packets: make.counters(spec::HOST_RECEIVE_PACKETS)?,
            receive_bytes: make.counters(spec::HOST_RECEIVE_BYTES)?,
            transmit_packets: make.counters(spec::HOST_TRANSMIT_PACKETS)?,
            transmit_bytes: make.counters(spec::HOST_TRANSMIT_BYTES)?,
            refused: make.counter(spec::HOST_SERIES_REFUSED)?,
            watched: Mutex::new(BTreeMap::new()),
        })
    }

    pub(super) fn watch(&self, address: Addr, group: &str) -> bool {
        let mut watched = lock(&self.watched);
        let (received, sent) = match watched.get(&address) {
            Some(known) if known.group == group => return true,
            // The group is a label, so the old series end and new ones start from the current totals.
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
        let counter = |family: &IntCounterVec| family.get_metric_with_label_values(&[host.as_str(), group]);
        Ok(Watched {
            group: group.to_owned(),
            received,
            sent,
            receive_packets: counter(&self.receive_packets)?,
            receive_bytes: counter(&self.receive_bytes)?,
            transmit_packets: counter(&self.transmit_packets)?,
            transmit_bytes: counter(&self.transmit_bytes)?,
        })
    }

    fn remove(&self, address: Addr, group: &str) {
        let host = address.to_string();
        for family in [&self.receive_packets, &self.receive_bytes, &self.transmit_packets, &self.transmit_bytes] {
            // Fails only if there is no such series.
            let _ = family.remove_label_values(&[host.as_str(), group]);
        }
    }

    pub(super) fn totals(&self, address: Addr, received: Count, sent: Count) {
        let mut watched = lock(&self.watched);
        let Some(host) = watched.get_mut(&address) else { return };
        // Both directions share one table entry, so either one going down means that all four were reset.
        let is_reset = received.packets < host.received.packets || sent.packets < host.sent.packets;
        let (last_received, last_sent) = if is_reset { Default::default() } else { (host.received, host.sent) };
        host.receive_packets.inc_by(growth(last_received.packets, received.packets));
        host.receive_bytes.inc_by(growth(last_received.bytes, received.bytes));
        host.transmit_packets.inc_by(growth(last_sent.packets, sent.packets));
        host.transmit_bytes.inc_by(growth(last_sent.bytes, sent.bytes));
        (host.received, host.sent) = (received, sent);
    }

    pub(super) fn addresses(&self) -> Vec<Addr> {
        lock(&self.watched).keys().copied().collect()
    }
}
