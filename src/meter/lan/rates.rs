//! Rates of frames that stations should send rarely: broadcast, multicast, ARP, announcements; by station and by
//! interface, over the last second.

use super::bounded::Bounded;
use crate::base::{Mac, TICKS_PER_SECOND, Timestamp};
use crate::meter::joined_groups::{GROUP_BUCKETS, GroupStreams};
use crate::meter::linear_counter::LinearCounter;
use crate::meter::link::LinkCounts;
use crate::meter::report::StationCounts;
use std::collections::BTreeMap;

/// Frames of one kind within a tick from which a station is tracked.
const FOLLOWED_FRAMES: u32 = 5;
const STATIONS: usize = 512;
/// Interfaces that are tracked.
const INTERFACES: usize = 64;
/// Joined groups that excuse a sender: of more, an eighth of their frames counts at least.
const MOST_WANTED: u32 = 8;
/// Ticks after which an interface counts as known.
const WARM_TICKS: u64 = 600;

/// The kind of frames that a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateKind {
    /// Frames to the broadcast address, of any content.
    Broadcast,
    /// Frames to other group addresses, of any content.
    Multicast,
    /// ARP and RARP frames, unicast ones included.
    Arp,
    /// Gratuitous ARP and unsolicited neighbour advertisements.
    Gratuitous,
}

impl RateKind {
    /// All kinds, in the order of their discriminants.
    pub const ALL: [RateKind; 4] = [RateKind::Broadcast, RateKind::Multicast, RateKind::Arp, RateKind::Gratuitous];
}

/// Numbers of the last ten ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RecentTicks([u32; TICKS_PER_SECOND]);

impl RecentTicks {
    fn add(&mut self, tick: u64, number: u32) {
        if let Some(slot) = self.0.get_mut((tick % TICKS_PER_SECOND as u64) as usize) {
            *slot = slot.saturating_add(number);
        }
    }

    fn open(&mut self, tick: u64) {
        if let Some(slot) = self.0.get_mut((tick % TICKS_PER_SECOND as u64) as usize) {
            *slot = 0;
        }
    }

    pub(super) fn per_second(&self) -> u32 {
        self.0.iter().fold(0, |sum, number| sum.saturating_add(*number))
    }

    /// First tick of the last second since which the number stays above a quarter of the peak.
    fn onset(&self, tick: u64) -> u64 {
        let peak = self.0.iter().max().copied().unwrap_or(0);
        let is_near_peak = |back: &u64| self.in_tick(tick.wrapping_sub(*back)) > peak / 4;
        let steady = (0..TICKS_PER_SECOND as u64).take_while(is_near_peak).count() as u64;
        tick.saturating_sub(steady.saturating_sub(1))
    }

    fn in_tick(&self, tick: u64) -> u32 {
        self.0.get((tick % TICKS_PER_SECOND as u64) as usize).copied().unwrap_or(0)
    }
}

/// Rates of one station on one interface, or of one interface as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    counts: [RecentTicks; RateKind::ALL.len()],
    bytes: u64,
    vlan: u16,
    tick: u64,
    /// Announced addresses, in this second and in the previous one.
    announced: [(u64, u32, LinearCounter); 2],
    /// The second in which it began to announce, of those without a pause.
    announces_since: u64,
    /// ARP frames whose content was inspected.
    inspected: RecentTicks,
    /// Multicast frames to groups that stations have joined.
    joined: RecentTicks,
    /// The same by hash of the group, in this second and in the previous one.
    groups: [(u64, [u32; GROUP_BUCKETS]); 2],
}

impl Rates {
    /// Frames within the last second.
    pub fn per_second(&self, kind: RateKind) -> u32 {
        self.counts.get(kind as usize).map_or(0, RecentTicks::per_second)
    }

    /// Multicast frames within the last second that no station has joined a group for, and those of the busiest joined group: where
    /// the hash puts several groups together, of these.
    pub fn multicast_per_group(&self) -> u32 {
        let (all, joined) = (self.per_second(RateKind::Multicast), self.joined.per_second());
        let busiest = self.groups.iter().flat_map(|(_, buckets)| buckets).max().copied().unwrap_or(0);
        // Who floods may join groups itself, and spread over them.
        all.saturating_sub(joined).saturating_add(busiest.min(joined).max(joined / MOST_WANTED))
    }

    /// Whether most of its ARP announces addresses, as far as it was inspected: of a burst only a part is.
    pub fn mostly_announces(&self) -> bool {
        let announced = self.per_second(RateKind::Gratuitous);
        announced > 0 && u64::from(announced) * 2 >= u64::from(self.inspected.per_second())
    }

    /// Seconds for which it has been announcing addresses without a pause of a second.
    pub fn announcing_seconds(&self) -> u64 {
        (self.tick / TICKS_PER_SECOND as u64).saturating_sub(self.announces_since)
    }

    /// Frames in the current tick.
    pub fn in_tick(&self, kind: RateKind) -> u32 {
        self.counts.get(kind as usize).map_or(0, |ticks| ticks.in_tick(self.tick))
    }

    /// Start of the present rate, within the last second.
    pub fn onset(&self, kind: RateKind) -> Timestamp {
        let tick = self.counts.get(kind as usize).map_or(self.tick, |ticks| ticks.onset(self.tick));
        Timestamp::from_tick(tick)
    }

    /// Mean length of its frames in bytes.
    pub fn mean_length(&self) -> u64 {
        let frames: u64 = self.counts.iter().map(|ticks| u64::from(ticks.in_tick(self.tick))).sum();
        self.bytes / frames.max(1)
    }

    /// VLAN of its last frames.
    pub fn vlan(&self) -> u16 {
        self.vlan
    }

    /// Mean announcements per address within about a second.
    pub fn announcements_of_each(&self) -> f64 {
        let of = |(_, count, addresses): &(u64, u32, LinearCounter)| f64::from(*count) / addresses.estimate().max(1.0);
        self.announced.iter().map(of).fold(0.0, f64::max)
    }

    fn add(&mut self, kind: RateKind, tick: u64, number: u32) {
        if let Some(ticks) = self.counts.get_mut(kind as usize) {
            ticks.add(tick, number);
        }
    }

    fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.bytes = 0;
        self.counts.iter_mut().for_each(|ticks| ticks.open(tick));
        self.inspected.open(tick);
        self.joined.open(tick);
    }

    fn is_silent(&self) -> bool {
        self.counts.iter().all(|ticks| ticks.per_second() == 0)
    }

    fn join(&mut self, tick: u64, streams: &GroupStreams) {
        self.joined.add(tick, streams.frames);
        let second = tick / TICKS_PER_SECOND as u64;
        let [now, before] = &mut self.groups;
        if now.0 != second {
            *before = *now;
            *now = (second, [0; GROUP_BUCKETS]);
        }
        for (mine, theirs) in now.1.iter_mut().zip(streams.buckets) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn announce(&mut self, tick: u64, hash: u64) {
        let second = tick / TICKS_PER_SECOND as u64;
        let [now, before] = &mut self.announced;
        if now.0 != second {
            if now.0 + 1 != second {
                self.announces_since = second;
            }
            *before = *now;
            *now = (second, 0, LinearCounter::default());
        }
        now.1 = now.1.saturating_add(1);
        now.2.add(hash);
    }
}

/// Full seconds over which new stations are counted as well.
pub const LONG_SECONDS: usize = 10;

/// Stations that are new on an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewStations {
    /// Frames of stations that were not in the table.
    pub unknown: u64,
    /// Stations that were new and still known at the end of their tick.
    pub new: u64,
    /// Of these, the ones that sent a few frames at most and received none.
    pub mute: u64,
    /// Frames to stations that have never sent.
    pub to_unknown: u64,
}

/// Counts of an interface as a whole over the last second.
#[derive(Clone, Debug, Default)]
pub struct LinkSecond {
    ticks: [LinkCounts; TICKS_PER_SECOND],
    /// New stations per tick, and those of them that sent few frames and received none.
    new_stations: [(u32, u32); TICKS_PER_SECOND],
    /// Stations that sent frames.
    active_stations: [u32; TICKS_PER_SECOND],
    /// The last full seconds.
    full: [NewStations; LONG_SECONDS],
    tick: u64,
    began: u64,
}

impl LinkSecond {
    fn open(&mut self, tick: u64) {
        if tick.is_multiple_of(TICKS_PER_SECOND as u64) {
            let full = self.full_second();
            if let Some(slot) = self.full.get_mut((tick / TICKS_PER_SECOND as u64) as usize % LONG_SECONDS) {
                *slot = full;
            }
        }
        self.tick = tick;
        let at = (tick % TICKS_PER_SECOND as u64) as usize;
        if let Some(counts) = self.ticks.get_mut(at) {
            *counts = LinkCounts::default();
        }
        if let Some(new_stations) = self.new_stations.get_mut(at) {
            *new_stations = (0, 0);
        }
        if let Some(active_stations) = self.active_stations.get_mut(at) {
            *active_stations = 0;
        }
    }

    fn now_mut(&mut self) -> Option<&mut LinkCounts> {
        self.ticks.get_mut((self.tick % TICKS_PER_SECOND as u64) as usize)
    }

    /// Start of the first of the latest consecutive ticks that match.
    pub fn since(&self, matches: impl Fn(&LinkCounts) -> bool) -> Timestamp {
        let of = |back: u64| self.ticks.get((self.tick.wrapping_sub(back) % TICKS_PER_SECOND as u64) as usize);
        let ticks = (0..TICKS_PER_SECOND as u64).take_while(|&back| of(back).is_some_and(&matches)).count() as u64;
        Timestamp::from_tick(self.tick.saturating_sub(ticks.saturating_sub(1)))
    }

    /// This tick alone.
    pub fn now(&self) -> LinkCounts {
        self.ticks.get((self.tick % TICKS_PER_SECOND as u64) as usize).cloned().unwrap_or_default()
    }

    /// The last second.
    pub fn second(&self) -> LinkCounts {
        let mut sum = LinkCounts::default();
        // Oldest first: the remaining single sender is the latest.
        for back in (0..TICKS_PER_SECOND as u64).rev() {
            if let Some(counts) = self.ticks.get((self.tick.wrapping_sub(back) % TICKS_PER_SECOND as u64) as usize) {
                sum.merge(counts);
            }
        }
        sum
    }

    /// New stations within the last second that were still known at the end of their tick: their number, and the
    /// fraction that sent a few frames only and received none.
    pub fn new_stations(&self) -> (u32, f64) {
        let (all, quiet) = self.new_stations.iter().fold((0, 0), |sum, tick| (sum.0 + tick.0, sum.1 + tick.1));
        (all, f64::from(quiet) / f64::from(all.max(1)))
    }

    fn full_second(&self) -> NewStations {
        let (new, mute) = self.new_stations.iter().fold((0, 0), |sum, tick| (sum.0 + tick.0, sum.1 + tick.1));
        NewStations {
            unknown: self.ticks.iter().map(|tick| tick.unknown_macs).sum(),
            new: new.into(),
            mute: mute.into(),
            to_unknown: self.ticks.iter().map(|tick| tick.unknown_unicast.packets).sum(),
        }
    }

    /// New stations of the last ten full seconds.
    pub fn long(&self) -> NewStations {
        self.full.iter().fold(NewStations::default(), |sum, second| NewStations {
            unknown: sum.unknown + second.unknown,
            new: sum.new + second.new,
            mute: sum.mute + second.mute,
            to_unknown: sum.to_unknown + second.to_unknown,
        })
    }

    /// Whether it has been captured for long enough to know most stations of a large segment.
    pub fn is_warm(&self) -> bool {
        self.tick.saturating_sub(self.began) >= WARM_TICKS
    }

    fn is_silent(&self) -> bool {
        self.active_stations.iter().all(|number| *number == 0)
    }

    /// Stations that sent frames per tick, on average over the last second.
    pub fn active_stations(&self) -> f64 {
        self.active_stations.iter().map(|number| f64::from(*number)).sum::<f64>() / TICKS_PER_SECOND as f64
    }
}

/// Frames of a new station within the tick, at most, to count as few.
const FEW_FRAMES: u64 = 3;

pub(super) struct RateTable {
    stations: Bounded<(u16, Mac), Rates>,
    interfaces: BTreeMap<u16, Rates>,
    links: BTreeMap<u16, LinkSecond>,
    tick: u64,
}

impl RateTable {
    pub(super) fn new() -> RateTable {
        RateTable { stations: Bounded::new(STATIONS), interfaces: BTreeMap::new(), links: BTreeMap::new(), tick: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.stations.clear();
        self.interfaces.clear();
        self.links.clear();
    }

    pub(super) fn evictions(&self) -> u64 {
        self.stations.evictions()
    }

    pub(super) fn open(&mut self, tick: u64) {
        // Ticks without packets are opened as well.
        for passed in self.tick.max(tick.saturating_sub(TICKS_PER_SECOND as u64)) + 1..=tick {
            let stations = self.stations.values_mut().map(|(_, rates)| rates);
            stations.chain(self.interfaces.values_mut()).for_each(|rates| rates.open(passed));
            self.links.values_mut().for_each(|link| link.open(passed));
        }
        self.tick = tick;
        self.stations.retain(|_, rates| !rates.is_silent());
        self.interfaces.retain(|_, rates| !rates.is_silent());
        self.links.retain(|_, link| !link.is_silent() || link.began + WARM_TICKS > tick);
    }

    pub(super) fn link(&mut self, counts: &LinkCounts) {
        let Some(link) = self.link_of(counts.interface) else { return };
        if let Some(now) = link.now_mut() {
            now.merge(counts);
        }
    }

    /// The counts of an interface; interfaces beyond the cap are not tracked.
    fn link_of(&mut self, interface: u16) -> Option<&mut LinkSecond> {
        let tick = self.tick;
        if self.links.len() >= INTERFACES && !self.links.contains_key(&interface) {
            return None;
        }
        let link = self.links.entry(interface).or_insert_with(|| LinkSecond { began: tick, ..LinkSecond::default() });
        link.tick = tick;
        Some(link)
    }

    pub(super) fn gratuitous(&mut self, interface: u16, mac: Mac, hash: u64, at: Timestamp) {
        let tick = self.tick;
        let station = self.stations.get_or_insert((interface, mac), at, || Rates { tick, ..Rates::default() });
        station.add(RateKind::Gratuitous, tick, 1);
        station.announce(tick, hash);
    }

    /// Counts an ARP frame whose content was inspected.
    pub(super) fn inspected_arp(&mut self, interface: u16, mac: Mac, at: Timestamp) {
        let tick = self.tick;
        let station = self.stations.get_or_insert((interface, mac), at, || Rates { tick, ..Rates::default() });
        station.inspected.add(tick, 1);
    }

    /// Counts frames to joined groups.
    pub(super) fn joined(&mut self, streams: &GroupStreams) {
        let tick = self.tick;
        let key = (streams.interface, streams.mac);
        let station = self.stations.get_or_insert(key, streams.at, || Rates { tick, ..Rates::default() });
        station.join(tick, streams);
        if self.interfaces.len() < INTERFACES || self.interfaces.contains_key(&streams.interface) {
            self.interfaces.entry(streams.interface).or_default().join(tick, streams);
        }
    }

    /// Adds the frames that a station sent in this tick on an interface whose frames count.
    pub(super) fn station(&mut self, counts: &StationCounts) {
        let tick = self.tick;
        let numbers = [
            (RateKind::Broadcast, counts.broadcast),
            (RateKind::Multicast, counts.multicast),
            (RateKind::Arp, counts.arp),
        ];
        let Some(link) = self.link_of(counts.interface) else { return };
        let at = (tick % TICKS_PER_SECOND as u64) as usize;
        if let Some(active_stations) = link.active_stations.get_mut(at) {
            *active_stations += u32::from(counts.sent.packets > 0);
        }
        if counts.new
            && let Some((all, quiet)) = link.new_stations.get_mut(at)
        {
            *all += 1;
            *quiet += u32::from(counts.sent.packets <= FEW_FRAMES && counts.received.is_zero());
        }
        if numbers.iter().all(|(_, number)| *number == 0) {
            return;
        }
        let interface = self.interfaces.entry(counts.interface).or_default();
        interface.tick = tick;
        let bytes = counts.sent.bytes;
        for (kind, number) in numbers {
            interface.add(kind, tick, number);
        }
        interface.bytes += bytes;
        let key = (counts.interface, counts.mac);
        if self.stations.get(&key).is_some() || numbers.iter().any(|(_, number)| *number >= FOLLOWED_FRAMES) {
            let station = self.stations.get_or_insert(key, counts.first, || Rates { tick, ..Rates::default() });
            station.vlan = counts.vlan;
            station.bytes += bytes;
            for (kind, number) in numbers {
                station.add(kind, tick, number);
            }
        }
    }

    /// Stations with high rates.
    pub(super) fn stations(&self) -> impl Iterator<Item = (u16, Mac, &Rates)> {
        self.stations.iter().map(|((interface, mac), rates)| (*interface, *mac, rates))
    }

    pub(super) fn interfaces(&self) -> impl Iterator<Item = (u16, &Rates)> {
        self.interfaces.iter().map(|(interface, rates)| (*interface, rates))
    }

    pub(super) fn links(&self) -> impl Iterator<Item = (u16, &LinkSecond)> {
        self.links.iter().map(|(interface, link)| (*interface, link))
    }
}
