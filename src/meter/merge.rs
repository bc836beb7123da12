//! The merger: takes every worker's report of a tick, keeps the shared tables and the windows of busy hosts, and gives
//! detectors one immutable [`Window`].

use super::active::{ActiveHosts, NO_WINDOW};
use super::hash::Hasher;
use super::host::HostWindow;
use super::report::{Evictions, StationCounts, TickReport, Totals};
use super::set_table::{NO_SLOT, SlotIndex};
use super::shared::{FADING, HostTable, KeyedState, StationEntry, StationTable};
use crate::base::{Addr, Mac, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Packets in about a second from which on a host gets windows.
const BUSY: f32 = 10.0;
/// New windows a tick: a flood over many targets must not make the tick long.
const NEW_WINDOWS_PER_TICK: usize = 256;
/// Ticks without traffic after which every window is empty: the longest is a minute and slides by ten seconds. Hosts then
/// give theirs back.
pub const IDLE_TICKS: u64 = 700;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterSizes {
    /// Hosts in the shared table.
    pub hosts: usize,
    /// Hosts with windows.
    pub busy_hosts: usize,
    pub stations: usize,
}

/// Everything measured up to the end of one tick.
pub struct Window<'a> {
    pub tick: u64,
    /// The moment up to which everything is counted: the end of the tick, or the last packet of the capture.
    pub end: Timestamp,
    pub totals: &'a Totals,
    /// Stations that sent or received in this tick.
    pub stations: &'a [StationCounts],
    /// Names by interface index, as far as they are known.
    pub interfaces: &'a [String],
    meter: &'a Meter,
}

impl<'a> Window<'a> {
    pub fn interface(&self, index: u16) -> Option<&'a str> {
        self.interfaces.get(usize::from(index)).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Busy hosts with traffic within the last second, in the order in which they became busy.
    pub fn hosts(&self) -> impl Iterator<Item = &'a HostWindow> + use<'a> {
        let tick = self.tick;
        self.meter
            .windows
            .iter()
            .filter(move |host| host.in_use && tick.saturating_sub(host.last_active) < 10)
            .map(|host| &*host.window)
    }

    /// Windows of one host, while it is busy.
    pub fn host(&self, address: Addr) -> Option<&'a HostWindow> {
        let index = *self.meter.by_address.get(&address)?;
        self.meter.windows.get(index).map(|slot| &*slot.window)
    }
}

struct WindowSlot {
    address: Addr,
    window: Box<HostWindow>,
    in_use: bool,
    /// Last tick with traffic, and the activity as the shared table reckons it: kept here so that a look at all slots
    /// does not touch all windows.
    last_active: u64,
    activity: f32,
}

impl WindowSlot {
    fn was_active(&mut self, tick: u64, packets: u64) {
        self.last_active = tick;
        self.activity += packets as f32;
    }
}

pub struct Meter {
    sizes: MeterSizes,
    active: ActiveHosts,
    hosts: Arc<HostTable>,
    station_table: Arc<StationTable>,
    windows: Vec<WindowSlot>,
    by_address: HashMap<Addr, usize, KeyedState>,
    free: Vec<usize>,
    totals: Totals,
    evictions: Evictions,
    new_stations: u64,
    stations: HashMap<(u16, Mac), usize, KeyedState>,
    tick_stations: Vec<StationCounts>,
    tick: u64,
    window_evictions: u64,
    opened_this_tick: usize,
    /// Activity and index of the least active window, once it was looked for in this tick.
    quietest: Option<(f32, usize)>,
}

impl Meter {
    /// All windows are made and touched here, so that a flood finds memory ready.
    pub fn new(sizes: MeterSizes, hasher: Hasher) -> Self {
        let windows = (0..sizes.busy_hosts)
            .map(|_| WindowSlot {
                address: Addr::UNSPECIFIED,
                window: HostWindow::new(Addr::UNSPECIFIED, 0),
                in_use: false,
                last_active: 0,
                activity: 0.0,
            })
            .collect();
        // Touched in full, like everything else.
        let mut tick_stations = vec![StationCounts::default(); sizes.stations];
        tick_stations.clear();
        Meter {
            active: ActiveHosts::new(sizes.hosts, hasher),
            hosts: Arc::new(HostTable::of_hosts(sizes.hosts, hasher)),
            station_table: Arc::new(StationTable::of_stations(sizes.stations, hasher)),
            windows,
            by_address: HashMap::with_capacity_and_hasher(sizes.busy_hosts, KeyedState::new(hasher)),
            free: (0..sizes.busy_hosts).rev().collect(),
            totals: Totals::default(),
            evictions: Evictions::default(),
            new_stations: 0,
            stations: HashMap::with_capacity_and_hasher(sizes.stations, KeyedState::new(hasher)),
            tick_stations,
            tick: 0,
            window_evictions: 0,
            opened_this_tick: 0,
            quietest: None,
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

    /// Losses of the workers' tables, and windows that gave way to busier hosts.
    pub fn evictions(&self) -> (Evictions, u64) {
        (self.evictions, self.window_evictions)
    }

    pub fn busy_hosts(&self) -> usize {
        self.by_address.len()
    }

    pub fn sizes(&self) -> MeterSizes {
        self.sizes
    }

    /// True where no window holds anything: ticks without packets need not be looked at.
    pub fn is_idle(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Opens tick `tick`: every window moves on. Ticks must come in order; gaps are for [`Meter::forget`].
    pub fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.totals = Totals::default();
        self.stations.clear();
        self.tick_stations.clear();
        self.opened_this_tick = 0;
        self.active.open(tick, &self.hosts);
        for (index, slot) in self.windows.iter_mut().enumerate() {
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

    /// Empties every window: for gaps in time longer than any window, and for clocks that were set.
    pub fn forget(&mut self) {
        for (index, slot) in self.windows.iter_mut().enumerate() {
            if slot.in_use {
                slot.in_use = false;
                self.free.push(index);
            }
        }
        // The order of free slots must not depend on history.
        self.free.sort_unstable_by(|a, b| b.cmp(a));
        self.by_address.clear();
    }

    /// Adds one worker's report to the open tick.
    pub fn absorb(&mut self, report: &mut TickReport) {
        self.totals.merge(&report.totals);
        self.evictions.merge(report.evictions);
        let at = report.first.unwrap_or(Timestamp::from_tick(self.tick));
        let tick = self.tick;
        for host in &report.hosts {
            let (index, activity, new) = self.active.count(host, self.tick, &self.hosts);
            if new && let Some(active) = self.active.get_mut(index) {
                active.window = self.by_address.get(&host.address).map_or(NO_WINDOW, |&window| window as u32);
            }
            if !host.detailed
                && let Some(slot) = self.windows_of(index, host.address, activity, BUSY)
            {
                slot.window.absorb_quiet(host, at, report.scale);
                slot.was_active(tick, u64::from(host.received.packets.saturating_add(host.sent.packets)));
            }
        }
        for host in &mut report.details {
            let packets = host.received.packets() + host.sent.packets();
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
    }

    /// The windows of a host, opened where it has none and is active enough.
    fn windows_of(&mut self, index: SlotIndex, address: Addr, activity: f32, least: f32) -> Option<&mut WindowSlot> {
        let known = match self.active.get_mut(index) {
            Some(active) => active.window as usize,
            // It gave way to more active ones within this very tick.
            None => self.by_address.get(&address).copied().unwrap_or(usize::MAX),
        };
        let is_his = |slot: &WindowSlot| slot.in_use && slot.address == address;
        let window = if self.windows.get(known).is_some_and(is_his) {
            known
        } else if activity >= least {
            let window = self.open_window(address, activity)?;
            if let Some(active) = self.active.get_mut(index) {
                active.window = window as u32;
            }
            window
        } else {
            return None;
        };
        self.windows.get_mut(window)
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
                known.sent.merge(counts.sent);
                known.received.merge(counts.received);
                known.left.merge(counts.left);
                known.entered.merge(counts.entered);
            }
            None => {
                self.stations.insert(key, self.tick_stations.len());
                self.tick_stations.push(*counts);
            }
        }
    }

    /// Windows for a host that became busy; where all are taken, those of the least active host if it is less active.
    fn open_window(&mut self, address: Addr, activity: f32) -> Option<usize> {
        if self.opened_this_tick >= NEW_WINDOWS_PER_TICK {
            return None;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.least_active(activity)?,
        };
        self.opened_this_tick += 1;
        let slot = self.windows.get_mut(index)?;
        slot.address = address;
        slot.window.reuse(address, self.tick);
        slot.window.roll(self.tick);
        slot.in_use = true;
        slot.last_active = self.tick;
        // This tick's packets are in there and will be added once more: a newcomer may settle before it is displaced.
        slot.activity = activity;
        self.by_address.insert(address, index);
        Some(index)
    }

    fn least_active(&mut self, activity: f32) -> Option<usize> {
        let quietest = self.quietest.or_else(|| {
            let slots = self.windows.iter().enumerate().map(|(index, slot)| (slot.activity, index));
            slots.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        });
        let (least, index) = quietest?;
        // Only a clearly busier host displaces another: two of a kind must not take turns.
        if least * 3.0 > activity {
            self.quietest = quietest;
            return None;
        }
        self.quietest = None;
        self.window_evictions += 1;
        self.by_address.remove(&self.windows.get(index)?.address);
        Some(index)
    }

    /// The measurements at the end of the open tick.
    pub fn window<'a>(&'a self, end: Timestamp, interfaces: &'a [String]) -> Window<'a> {
        let (totals, stations) = (&self.totals, &self.tick_stations);
        Window { tick: self.tick, end, totals, stations, interfaces, meter: self }
    }
}
