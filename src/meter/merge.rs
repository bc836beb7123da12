//! The merger: takes every worker's report of a tick, updates the shared tables and the windows of busy hosts, and
//! gives detectors one immutable [`Window`].

use super::active::{ActiveHosts, NO_WINDOW};
use super::attempts::ConnectionAttempts;
use super::hash::{Hasher, KeyedBuildHasher};
use super::host::HostWindow;
use super::inside::Inside;
use super::lan::LanState;
use super::last_tick::LastTick;
use super::link::AssignedAddrs;
use super::points::PointWeights;
use super::prefixes::{HostTickCounts, HostTraffic, Prefixes};
use super::report::{Evictions, StationCounts, TickReport, Totals};
use super::requests::{RecentRequests, Request};
use super::samples::Received;
use super::set_table::{NO_SLOT, SlotIndex};
use super::shared::{HostTable, StationEntry, StationTable};
use super::sizes::MeterSizes;
use super::windows::Windows;
use crate::base::{Addr, CaptureDirections, CapturedInterface, Mac, Pairing, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Packets within about a second from which a host gets windows.
const BUSY: f32 = 10.0;

/// Hosts that are looked up together.
const AHEAD: usize = 32;

/// Everything measured up to the end of one tick.
pub struct Window<'a> {
    /// Number of the tick: tenths of a second since the epoch.
    pub tick: u64,
    /// Everything up to this time is counted: the end of the tick, or the last packet of the capture.
    pub end: Timestamp,
    /// All traffic of this tick by class, summed over the workers.
    pub totals: &'a Totals,
    /// Stations that sent or received in this tick.
    pub stations: &'a [StationCounts],
    /// Senders with new connection attempts in this tick and many recent ones.
    pub attempts: &'a [ConnectionAttempts],
    /// Names by interface index, as far as known.
    pub interfaces: &'a [String],
    meter: &'a Meter,
}

impl<'a> Window<'a> {
    /// Name of an interface, if known.
    pub fn interface(&self, index: u16) -> Option<&'a str> {
        self.interfaces.get(usize::from(index)).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// One name for all interfaces of a bridge, so that an incident seen on several of them is one: the name of the
    /// first captured one.
    pub fn segment_name(&self, interface: u16) -> String {
        let first = self.lan().interface(interface).segment;
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

    /// Our networks as a whole, measured like one host.
    pub fn inside(&self) -> &'a HostWindow {
        self.meter.inside.window()
    }

    /// A uniform sample of what our hosts received in the last second.
    pub fn received_lately(&self) -> impl Iterator<Item = &'a Received> + use<'a> {
        self.meter.inside.lately()
    }

    /// Busy prefixes with many recently receiving hosts, and the estimated number of these hosts.
    pub fn prefixes(&self) -> impl Iterator<Item = (&'a HostWindow, f64)> + use<'a> {
        self.meter.prefixes.busy()
    }

    /// Length in bits of the prefix that an address belongs to.
    pub fn prefix_length(&self, address: Addr) -> u8 {
        self.meter.prefixes.lengths().of(address)
    }

    /// Sampled requests of the last `ticks` ticks (at most ten) to `address`, or from it.
    pub fn requests(&self, ticks: usize, address: Addr, from_it: bool) -> impl Iterator<Item = &'a Request> + use<'a> {
        let requests = self.meter.requests.last(self.tick, ticks);
        requests.filter(move |request| address == if from_it { request.source } else { request.target })
    }

    /// Whether the capture lately showed conversations with both ends. If not, it may show one direction only, and silence
    /// proves nothing.
    pub fn shows_both_ends(&self) -> bool {
        self.meter.shows_both_ends
    }

    /// Layer-2 state: stations, claims, leases, routers, rates.
    pub fn lan(&self) -> &'a LanState {
        &self.meter.lan
    }

    /// Windows of one host, while it is busy.
    pub fn host(&self, address: Addr) -> Option<&'a HostWindow> {
        self.meter.windows.of(address)
    }
}

/// The merger's state: shared tables, windows and LAN state.
pub struct Meter {
    sizes: MeterSizes,
    active: ActiveHosts,
    hosts: Arc<HostTable>,
    station_table: Arc<StationTable>,
    windows: Windows,
    last_tick: LastTick,
    prefixes: Prefixes,
    requests: RecentRequests,
    totals: Totals,
    evictions: Evictions,
    new_stations: u64,
    stations: HashMap<(u16, Mac), usize, KeyedBuildHasher>,
    tick_stations: Vec<StationCounts>,
    tick: u64,
    /// Of the open tick.
    attempts: Vec<ConnectionAttempts>,
    received: Vec<Received>,
    inside: Inside,
    shows_both_ends: bool,
    lan: LanState,
}

impl Meter {
    /// Tables of these sizes, empty. Windows are allocated when hosts become busy; [`Meter::prepare`] does it now.
    pub fn new(sizes: MeterSizes, hasher: Hasher) -> Self {
        // Touched in full, like everything else.
        let mut tick_stations = vec![StationCounts::default(); sizes.stations];
        tick_stations.clear();
        Meter {
            active: ActiveHosts::new(sizes.hosts, hasher),
            hosts: Arc::new(HostTable::for_hosts(sizes.hosts, hasher)),
            station_table: Arc::new(StationTable::for_stations(sizes.stations, hasher)),
            windows: Windows::new(sizes.busy_hosts, hasher),
            last_tick: LastTick::new(),
            prefixes: Prefixes::new(sizes.prefixes, sizes.prefix_lengths, hasher),
            requests: RecentRequests::default(),
            totals: Totals::default(),
            evictions: Evictions::default(),
            new_stations: 0,
            stations: HashMap::with_capacity_and_hasher(sizes.stations, KeyedBuildHasher::new(hasher)),
            tick_stations,
            tick: 0,
            attempts: Vec::new(),
            received: Vec::new(),
            inside: Inside::new(hasher),
            shows_both_ends: false,
            lan: LanState::new(hasher),
            sizes,
        }
    }

    /// Allocates and touches all windows now, so that a flood causes no page faults.
    pub fn prepare(&mut self) {
        self.windows.prepare();
        self.prefixes.prepare();
    }

    /// The shared tables, for readers.
    pub fn tables(&self) -> (Arc<HostTable>, Arc<StationTable>) {
        (Arc::clone(&self.hosts), Arc::clone(&self.station_table))
    }

    /// Stations seen for the first time (or again after eviction), since the start.
    pub fn new_stations(&self) -> u64 {
        self.new_stations
    }

    /// Losses of the workers' tables, and evicted windows of hosts and of prefixes.
    pub fn evictions(&self) -> (Evictions, u64, u64) {
        (self.evictions, self.windows.evictions(), self.prefixes.evictions())
    }

    /// Windows that busy hosts, and busy prefixes, did not get since all others were about as busy.
    pub fn refusals(&self) -> (u64, u64) {
        (self.windows.refusals(), self.prefixes.refusals())
    }

    /// Hosts with windows.
    pub fn busy_hosts(&self) -> usize {
        self.windows.len()
    }

    /// Prefixes with windows.
    pub fn busy_prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// Sizes of all tables.
    pub fn sizes(&self) -> MeterSizes {
        self.sizes
    }

    /// True where no window is in use: ticks without packets need no inspection.
    pub fn is_idle(&self) -> bool {
        self.windows.len() == 0
    }

    /// Replaces the captured interfaces and their roles, the addresses assigned to guests, and the known routers'
    /// addresses.
    pub fn set_topology(
        &mut self,
        interfaces: Arc<[CapturedInterface]>,
        assigned: Arc<AssignedAddrs>,
        gateways: Vec<Addr>,
    ) {
        self.lan.set_topology(interfaces, assigned, gateways);
    }

    /// Sets how much each packet brings a host nearer to what a detector needs.
    pub fn set_weights(&mut self, weights: PointWeights) {
        self.windows.set_weights(weights);
    }

    /// Adds a pairing that was known before this run, on the segment of an interface; `vlan`: 0 without a tag.
    pub fn add_pairing(&mut self, interface: u16, vlan: u16, pairing: &Pairing) {
        self.lan.add_pairing(interface, vlan, pairing);
    }

    /// The pairings of a segment were observed since this time, in an earlier run.
    pub fn pairings_observed_since(&mut self, interface: u16, vlan: u16, since: Timestamp) {
        self.lan.observed_since(interface, vlan, since);
    }

    /// Layer-2 state.
    pub fn lan(&self) -> &LanState {
        &self.lan
    }

    /// Stations of the last tick.
    pub fn stations(&self) -> &[StationCounts] {
        &self.tick_stations
    }

    /// Opens tick `tick`: all windows slide. Ticks must be opened in order; for gaps call [`Meter::reset`].
    pub fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.totals = Totals::default();
        self.inside.open(tick);
        self.stations.clear();
        self.tick_stations.clear();
        self.attempts.clear();
        self.received.clear();
        self.shows_both_ends = false;
        self.requests.open(tick);
        self.active.open(tick, &self.hosts);
        self.windows.open(tick);
        self.last_tick.open(tick);
        self.prefixes.open(tick);
        self.prefixes.start_collecting();
        self.lan.open(tick);
    }

    /// Empties every window: for gaps in time longer than any window, and for clock changes.
    pub fn reset(&mut self) {
        self.windows.reset();
        self.prefixes.reset();
        self.inside.reset(self.tick);
        self.requests.reset();
    }

    /// Adds one worker's report to the open tick.
    pub fn absorb(&mut self, report: &mut TickReport) {
        self.totals.merge(&report.totals);
        self.evictions.merge(report.evictions);
        self.evictions.requests += self.requests.absorb(self.tick, &report.requests);
        let at = report.first.unwrap_or(Timestamp::from_tick(self.tick));
        let tick = self.tick;
        self.last_tick.keep(report, at);
        // Looked up some at a time, so that their cache misses overlap.
        for (number, host) in report.hosts.iter().enumerate() {
            if number.is_multiple_of(AHEAD) {
                let ahead = report.hosts.get(number..).unwrap_or_default();
                ahead.iter().take(AHEAD).for_each(|host| self.active.touch(host.address));
            }
            let (index, activity, new) = self.active.count(host, self.tick, &self.hosts);
            if new && let Some(active) = self.active.get_mut(index) {
                active.window = self.windows.index_of(host.address).map_or(NO_WINDOW, |window| window as u32);
            }
            if host.detailed {
                continue;
            }
            let counts = HostTickCounts::Quiet(host);
            self.prefixes.count(HostTraffic { address: host.address, counts, at, scale: report.scale });
            let packets = u64::from(host.received.packets.saturating_add(host.sent.packets));
            if let Some(window) = self.window_of(index, host.address, (activity, packets), BUSY) {
                self.windows.count(window, packets, |window| window.absorb_quiet(host, at, report.scale));
            }
        }
        for host in &mut report.details {
            let packets = host.received.packets() + host.sent.packets();
            let counts = HostTickCounts::Busy(host);
            self.prefixes.count(HostTraffic { address: host.address, counts, at, scale: report.scale });
            let index = self.active.find(host.address).unwrap_or(NO_SLOT);
            let activity = self.active.get_mut(index).map_or(0.0, |active| active.activity_at(tick));
            if let Some(window) = self.window_of(index, host.address, (activity, packets), 0.0) {
                self.windows.count(window, packets, |window| window.absorb(host));
            }
        }
        for table in &report.peers {
            if let Some(window) = self.windows.index_of(table.host)
                && let Some(slot) = self.windows.get_mut(window, table.host)
            {
                slot.window.absorb_peers(table);
            }
        }
        for station in &report.stations {
            self.station(station);
        }
        for attempts in &report.attempts {
            self.add_attempts(attempts);
        }
        self.received.extend(report.received.samples());
        self.inside.absorb(&report.inside);
        self.shows_both_ends |= report.directions == CaptureDirections::Both;
        self.lan.absorb(&report.link, report.scale.is_whole());
    }

    /// All workers have reported the open tick.
    pub fn close(&mut self, end: Timestamp) {
        self.prefixes.close(&self.received);
        self.inside.close(&self.totals, &self.received);
        self.lan.close(&self.tick_stations, end);
    }

    fn add_attempts(&mut self, sender: &ConnectionAttempts) {
        let same = |known: &&mut ConnectionAttempts| {
            (known.kind, known.source, known.mac) == (sender.kind, sender.source, sender.mac)
        };
        match self.attempts.iter_mut().find(same) {
            Some(known) => known.merge(sender),
            None => self.attempts.push(*sender),
        }
    }

    /// The index of the windows of a host with this activity and these packets in this report; opens them where it has none and is
    /// active enough.
    fn window_of(
        &mut self,
        index: SlotIndex,
        address: Addr,
        (activity, packets): (f32, u64),
        least: f32,
    ) -> Option<usize> {
        let known = match self.active.get_mut(index) {
            Some(active) => active.window as usize,
            // Evicted by more active hosts within this very tick.
            None => self.windows.index_of(address).unwrap_or(usize::MAX),
        };
        if self.windows.get_mut(known, address).is_some() {
            Some(known)
        } else if activity >= least {
            // What begins suddenly began in the last tick, perhaps; what grew slowly is no flood. One packet in the last tick has
            // faded by a tenth.
            let earlier = activity - packets as f32;
            let began = packets as f32 >= earlier && earlier > 0.85;
            let window = self.windows.add(address, activity, began.then_some(&mut self.last_tick))?;
            if let Some(active) = self.active.get_mut(index) {
                active.window = window as u32;
            }
            Some(window)
        } else {
            None
        }
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
                    known.spoofed_to = counts.spoofed_to;
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
        let (totals, stations, attempts) = (&self.totals, &self.tick_stations, &self.attempts);
        Window { tick: self.tick, end, totals, stations, attempts, interfaces, meter: self }
    }
}
