//! The merger: takes every worker's report of a tick, keeps the shared tables and the windows of busy hosts, and gives
//! detectors one immutable [`Window`].

use super::active::{ActiveHosts, NO_WINDOW};
use super::attempts::ConnectionAttempts;
use super::hash::Hasher;
use super::host::HostWindow;
use super::lan::LanState;
use super::link::AssignedAddrs;
use super::prefixes::{Host, HostTickOf, PrefixLengths, Prefixes, Received};
use super::report::{Evictions, StationCounts, TickReport, Totals};
use super::requests::{RecentRequests, Request};
use super::set_table::{NO_SLOT, SlotIndex};
use super::shared::{HostTable, KeyedState, StationEntry, StationTable};
use super::windows::{WindowSlot, Windows};
use crate::base::{Addr, CapturedInterface, Mac, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Packets in about a second from which on a host gets windows.
const BUSY: f32 = 10.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterSizes {
    /// Hosts in the shared table.
    pub hosts: usize,
    /// Hosts with windows.
    pub busy_hosts: usize,
    pub stations: usize,
    /// Prefixes with windows.
    pub prefixes: usize,
    pub prefix_lengths: PrefixLengths,
}

/// Everything measured up to the end of one tick.
pub struct Window<'a> {
    pub tick: u64,
    /// The moment up to which everything is counted: the end of the tick, or the last packet of the capture.
    pub end: Timestamp,
    pub totals: &'a Totals,
    /// Stations that sent or received in this tick.
    pub stations: &'a [StationCounts],
    /// Senders that opened something in this tick and much lately.
    pub contacts: &'a [ConnectionAttempts],
    /// Names by interface index, as far as they are known.
    pub interfaces: &'a [String],
    meter: &'a Meter,
}

impl<'a> Window<'a> {
    pub fn interface(&self, index: u16) -> Option<&'a str> {
        self.interfaces.get(usize::from(index)).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// One name for all interfaces of a bridge: that of the first of them which is captured, so that what is seen on
    /// several of them is one.
    pub fn segment_name(&self, interface: u16) -> String {
        let first = self.segments().view(interface).segment;
        self.interface(first).unwrap_or("unknown").to_owned()
    }

    /// Busy hosts with traffic within the last second, in the order in which they became busy.
    pub fn hosts(&self) -> impl Iterator<Item = &'a HostWindow> + use<'a> {
        self.meter.windows.active()
    }

    /// A uniform sample of what our hosts received in this tick.
    pub fn received(&self) -> &'a [Received] {
        &self.meter.received
    }

    /// Busy prefixes of which many hosts received something lately, with about how many.
    pub fn prefixes(&self) -> impl Iterator<Item = (&'a HostWindow, f64)> + use<'a> {
        self.meter.prefixes.busy()
    }

    /// Length in bits of the prefix that an address is counted in.
    pub fn prefix_length(&self, address: Addr) -> u8 {
        self.meter.prefixes.lengths().of(address)
    }

    /// Sampled requests of the last `ticks` ticks (ten at most) that went to `address`, or came from it.
    pub fn requests(&self, ticks: usize, address: Addr, from_it: bool) -> impl Iterator<Item = &'a Request> + use<'a> {
        let requests = self.meter.requests.last(self.tick, ticks);
        requests.filter(move |request| address == if from_it { request.source } else { request.target })
    }

    /// What is known of the links themselves.
    pub fn segments(&self) -> &'a LanState {
        &self.meter.segments
    }

    /// Windows of one host, while it is busy.
    pub fn host(&self, address: Addr) -> Option<&'a HostWindow> {
        self.meter.windows.of(address)
    }
}

pub struct Meter {
    sizes: MeterSizes,
    active: ActiveHosts,
    hosts: Arc<HostTable>,
    station_table: Arc<StationTable>,
    windows: Windows,
    prefixes: Prefixes,
    requests: RecentRequests,
    totals: Totals,
    evictions: Evictions,
    new_stations: u64,
    stations: HashMap<(u16, Mac), usize, KeyedState>,
    tick_stations: Vec<StationCounts>,
    tick: u64,
    /// Of the open tick.
    contacts: Vec<ConnectionAttempts>,
    received: Vec<Received>,
    segments: LanState,
}

impl Meter {
    /// All windows are made and touched here, so that a flood finds memory ready.
    pub fn new(sizes: MeterSizes, hasher: Hasher) -> Self {
        // Touched in full, like everything else.
        let mut tick_stations = vec![StationCounts::default(); sizes.stations];
        tick_stations.clear();
        Meter {
            active: ActiveHosts::new(sizes.hosts, hasher),
            hosts: Arc::new(HostTable::of_hosts(sizes.hosts, hasher)),
            station_table: Arc::new(StationTable::of_stations(sizes.stations, hasher)),
            windows: Windows::new(sizes.busy_hosts, hasher),
            prefixes: Prefixes::new(sizes.prefixes, sizes.prefix_lengths, hasher),
            requests: RecentRequests::default(),
            totals: Totals::default(),
            evictions: Evictions::default(),
            new_stations: 0,
            stations: HashMap::with_capacity_and_hasher(sizes.stations, KeyedState::new(hasher)),
            tick_stations,
            tick: 0,
            contacts: Vec::new(),
            received: Vec::new(),
            segments: LanState::new(hasher),
            sizes,
        }
    }

    /// The shared tables, for readers.
    pub fn tables(&self) -> (Arc<HostTable>, Arc<StationTable>) {
        (Arc::clone(&self.hosts), Arc::clone(&self.station_table))
    }

    /// Stations seen for the first time (or again after eviction), since the start.
    pub fn new_stations(&self) -> u64 {
        self.new_stations
    }

    /// Losses of the workers' tables, and windows of hosts and of prefixes that gave way to busier ones.
    pub fn evictions(&self) -> (Evictions, u64, u64) {
        (self.evictions, self.windows.evictions(), self.prefixes.evictions())
    }

    pub fn busy_hosts(&self) -> usize {
        self.windows.len()
    }

    pub fn busy_prefixes(&self) -> usize {
        self.prefixes.len()
    }

    pub fn sizes(&self) -> MeterSizes {
        self.sizes
    }

    /// True where no window holds anything: ticks without packets need not be looked at.
    pub fn is_idle(&self) -> bool {
        self.windows.len() == 0
    }

    /// What is known of the place from now on: what the interfaces are to each other, which addresses guests were given,
    /// and which are routers'.
    pub fn set_place(&mut self, views: Arc<[CapturedInterface]>, granted: Arc<AssignedAddrs>, gateways: Vec<Addr>) {
        self.segments.set_place(views, granted, gateways);
    }

    pub fn segments(&self) -> &LanState {
        &self.segments
    }

    /// Stations of the last tick.
    pub fn stations(&self) -> &[StationCounts] {
        &self.tick_stations
    }

    /// Opens tick `tick`: every window moves on. Ticks must come in order; gaps are for [`Meter::forget`].
    pub fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.totals = Totals::default();
        self.stations.clear();
        self.tick_stations.clear();
        self.contacts.clear();
        self.received.clear();
        self.requests.open(tick);
        self.active.open(tick, &self.hosts);
        self.windows.open(tick);
        self.prefixes.open(tick);
        self.prefixes.gather();
        self.segments.open(tick);
    }

    /// Empties every window: for gaps in time longer than any window, and for clocks that were set.
    pub fn forget(&mut self) {
        self.windows.forget();
        self.prefixes.forget();
        self.requests.forget();
    }

    /// Adds one worker's report to the open tick.
    pub fn absorb(&mut self, report: &mut TickReport) {
        self.totals.merge(&report.totals);
        self.evictions.merge(report.evictions);
        self.evictions.requests += self.requests.absorb(self.tick, &report.requests);
        let at = report.first.unwrap_or(Timestamp::from_tick(self.tick));
        let tick = self.tick;
        for host in &report.hosts {
            let (index, activity, new) = self.active.count(host, self.tick, &self.hosts);
            if new && let Some(active) = self.active.get_mut(index) {
                active.window = self.windows.index_of(host.address).map_or(NO_WINDOW, |window| window as u32);
            }
            if host.detailed {
                continue;
            }
            let counts = HostTickOf::Quiet(host);
            self.prefixes.count(Host { address: host.address, counts, at, scale: report.scale });
            if let Some(slot) = self.windows_of(index, host.address, activity, BUSY) {
                slot.window.absorb_quiet(host, at, report.scale);
                slot.was_active(tick, u64::from(host.received.packets.saturating_add(host.sent.packets)));
            }
        }
        for host in &mut report.details {
            let packets = host.received.packets() + host.sent.packets();
            let counts = HostTickOf::Busy(host);
            self.prefixes.count(Host { address: host.address, counts, at, scale: report.scale });
            let index = self.active.find(host.address).unwrap_or(NO_SLOT);
            let activity = self.active.get_mut(index).map_or(0.0, |active| active.activity_at(tick));
            if let Some(slot) = self.windows_of(index, host.address, activity, 0.0) {
                slot.window.absorb(host);
                slot.was_active(tick, packets);
            }
        }
        for station in &report.stations {
            self.station(station);
        }
        for contact in &report.contacts {
            self.contact(contact);
        }
        self.received.extend(report.received.samples());
        self.segments.absorb(&report.link, report.scale.is_whole());
    }

    /// All workers have reported the open tick.
    pub fn close(&mut self, end: Timestamp) {
        self.prefixes.close(&self.received);
        self.segments.close(&self.tick_stations, end);
    }

    fn contact(&mut self, contact: &ConnectionAttempts) {
        let same = |known: &&mut ConnectionAttempts| {
            (known.kind, known.source, known.mac) == (contact.kind, contact.source, contact.mac)
        };
        match self.contacts.iter_mut().find(same) {
            Some(known) => known.merge(contact),
            None => self.contacts.push(*contact),
        }
    }

    /// The windows of a host, opened where it has none and is active enough.
    fn windows_of(&mut self, index: SlotIndex, address: Addr, activity: f32, least: f32) -> Option<&mut WindowSlot> {
        let known = match self.active.get_mut(index) {
            Some(active) => active.window as usize,
            // It gave way to more active ones within this very tick.
            None => self.windows.index_of(address).unwrap_or(usize::MAX),
        };
        let window = if self.windows.get_mut(known, address).is_some() {
            known
        } else if activity >= least {
            let window = self.windows.add(address, activity)?;
            if let Some(active) = self.active.get_mut(index) {
                active.window = window as u32;
            }
            window
        } else {
            return None;
        };
        self.windows.get_mut(window, address)
    }

    fn station(&mut self, counts: &StationCounts) {
        let key = (counts.interface, counts.mac);
        let mut new = false;
        self.station_table.update(
            key,
            self.tick,
            || {
                new = true;
                StationEntry {
                    totals: StationCounts { interface: key.0, mac: key.1, ..StationCounts::default() },
                    ..Default::default()
                }
            },
            |entry| entry.add(self.tick, counts),
        );
        self.new_stations += u64::from(new);
        match self.stations.get(&key).and_then(|&at| self.tick_stations.get_mut(at)) {
            Some(known) => {
                if known.sent.is_zero() || (!counts.sent.is_zero() && counts.first < known.first) {
                    (known.first, known.class, known.vlan) = (counts.first, counts.class, counts.vlan);
                    known.address = counts.address;
                }
                known.last = known.last.max(counts.last);
                known.last_entered = known.last_entered.max(counts.last_entered);
                known.sent.merge(counts.sent);
                known.received.merge(counts.received);
                known.left.merge(counts.left);
                known.entered.merge(counts.entered);
                known.new |= counts.new;
                for (sum, part) in [
                    (&mut known.broadcast, counts.broadcast),
                    (&mut known.multicast, counts.multicast),
                    (&mut known.arp, counts.arp),
                    (&mut known.nd, counts.nd),
                    (&mut known.dhcp, counts.dhcp),
                ] {
                    *sum = sum.saturating_add(part);
                }
                known.spoofed = known.spoofed.saturating_add(counts.spoofed);
                if counts.spoofed > 0 {
                    known.spoofed_as = counts.spoofed_as;
                }
            }
            None => {
                self.stations.insert(key, self.tick_stations.len());
                self.tick_stations.push(*counts);
            }
        }
    }

    /// The measurements at the end of the open tick.
    pub fn window<'a>(&'a self, end: Timestamp, interfaces: &'a [String]) -> Window<'a> {
        let (totals, stations, contacts) = (&self.totals, &self.tick_stations, &self.contacts);
        Window { tick: self.tick, end, totals, stations, contacts, interfaces, meter: self }
    }
}
