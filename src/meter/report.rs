//! The hand-over from a worker to the merger: one tick, copied out of the tally.

use super::counts::{Count, HostTick, SmallCount};
use super::log::{LOG, LogEntry};
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Anomaly, Class};

/// All traffic of a tick by class: towards our networks, from them, and merely passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    pub received: [Count; Class::COUNT],
    pub transmitted: [Count; Class::COUNT],
    /// Neither from nor to an inside network.
    pub transit: Count,
    pub anomalies: [u64; Anomaly::COUNT],
    /// Every frame, whatever it holds.
    pub frames: Count,
}

impl Default for Totals {
    fn default() -> Self {
        Totals {
            received: [Count::default(); Class::COUNT],
            transmitted: [Count::default(); Class::COUNT],
            transit: Count::default(),
            anomalies: [0; Anomaly::COUNT],
            frames: Count::default(),
        }
    }
}

impl Totals {
    pub fn merge(&mut self, other: &Totals) {
        for (mine, theirs) in self.received.iter_mut().zip(&other.received) {
            mine.merge(*theirs);
        }
        for (mine, theirs) in self.transmitted.iter_mut().zip(&other.transmitted) {
            mine.merge(*theirs);
        }
        for (mine, theirs) in self.anomalies.iter_mut().zip(&other.anomalies) {
            *mine += theirs;
        }
        self.transit.merge(other.transit);
        self.frames.merge(other.frames);
    }
}

/// Entries that gave way to others before their counts were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evictions {
    pub hosts: u64,
    /// Packets of hosts for which no detail was free.
    pub details: u64,
    pub stations: u64,
}

impl Evictions {
    pub fn merge(&mut self, other: Evictions) {
        self.hosts += other.hosts;
        self.details += other.details;
        self.stations += other.stations;
    }
}

/// One host in one tick.
#[derive(Clone, Copy, Debug)]
pub struct HostCounts {
    pub address: Addr,
    pub received: SmallCount,
    pub sent: SmallCount,
    /// There is a [`HostTick`] for this host in the same report, which holds all of it.
    pub detailed: bool,
    pub(super) log_len: u8,
    pub(super) log: [LogEntry; LOG],
}

impl HostCounts {
    /// Writes the little that is known of a host that was not busy into an empty `tick`: classes and services, but no
    /// peers.
    pub fn write(&self, tick: &mut HostTick, at: Timestamp) {
        tick.first = at;
        let mean = |count: SmallCount| count.bytes / count.packets.max(1);
        let (mean_sent, mean_received) = (mean(self.sent), mean(self.received));
        for &entry in self.log.iter().take(usize::from(self.log_len)) {
            entry.apply(tick, if entry.is_sent() { mean_sent } else { mean_received });
        }
    }
}

/// One station (MAC address on one interface) in one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StationCounts {
    pub interface: u16,
    pub mac: Mac,
    pub first: Timestamp,
    pub last: Timestamp,
    pub sent: Count,
    pub received: Count,
    /// Of `sent`, the frames that left this machine, by the kernel's word.
    pub left: Count,
    /// Of `sent`, the frames that entered it, by the kernel's word.
    pub entered: Count,
    pub broadcast: u32,
    pub multicast: u32,
    pub arp: u32,
    pub nd: u32,
    pub dhcp: u32,
    /// Class, VLAN and network address of the first frame of the tick.
    pub class: u8,
    pub vlan: u16,
    pub address: Addr,
}

/// What one worker saw in one tick.
#[derive(Clone, Debug, Default)]
pub struct TickReport {
    pub tick: u64,
    /// Time of the first and last packet; none where the tick was empty.
    pub first: Option<Timestamp>,
    pub last: Timestamp,
    pub totals: Totals,
    pub evictions: Evictions,
    pub hosts: Vec<HostCounts>,
    /// Boxes change hands and are never copied: the merger keeps these and leaves others in their place.
    pub details: Vec<Box<HostTick>>,
    /// Boxes for the details of the next tick, with whatever is in them.
    #[expect(clippy::vec_box, reason = "boxes change hands, records are not copied")]
    pub(super) spare: Vec<Box<HostTick>>,
    pub stations: Vec<StationCounts>,
    /// Entries in use in the worker's tables.
    pub host_entries: usize,
    pub station_entries: usize,
}

impl TickReport {
    /// Empties the report, keeping its memory.
    pub fn clear(&mut self) {
        self.first = None;
        self.hosts.clear();
        self.spare.append(&mut self.details);
        self.stations.clear();
    }
}
