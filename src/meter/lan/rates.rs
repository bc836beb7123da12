//! How much of what few stations should send at all: broadcast, multicast, ARP, announcements; by station and by interface,
//! over the last second.

use super::bounded::Bounded;
use crate::base::{Mac, Timestamp};
use crate::meter::attempts::LinearCounter;
use crate::meter::link::LinkCounts;
use crate::meter::report::StationCounts;
use std::collections::BTreeMap;

/// Ticks that rates are over.
const TICKS: usize = 10;
/// Frames of one kind within a tick from which on a station is followed.
const NOISY: u32 = 5;
const STATIONS: usize = 512;
/// Interfaces that are followed.
const INTERFACES: usize = 64;
/// Ticks after which an interface is known.
const WARM: u64 = 600;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noise {
    Broadcast,
    Multicast,
    Arp,
    /// Announcements of one's own address.
    Gratuitous,
}

impl Noise {
    pub const ALL: [Noise; 4] = [Noise::Broadcast, Noise::Multicast, Noise::Arp, Noise::Gratuitous];
}

/// Numbers of the last ten ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace([u32; TICKS]);

impl Pace {
    fn add(&mut self, tick: u64, number: u32) {
        if let Some(slot) = self.0.get_mut((tick % TICKS as u64) as usize) {
            *slot = slot.saturating_add(number);
        }
    }

    fn open(&mut self, tick: u64) {
        if let Some(slot) = self.0.get_mut((tick % TICKS as u64) as usize) {
            *slot = 0;
        }
    }

    pub fn per_second(&self) -> u32 {
        self.0.iter().fold(0, |sum, number| sum.saturating_add(*number))
    }

    /// Tick of the last second since which there has been about as much as in the loudest one.
    fn onset(&self, tick: u64) -> u64 {
        let loudest = self.0.iter().max().copied().unwrap_or(0);
        let loud = |back: &u64| self.in_tick(tick.wrapping_sub(*back)) > loudest / 4;
        let steady = (0..TICKS as u64).take_while(loud).count() as u64;
        tick.saturating_sub(steady.saturating_sub(1))
    }

    fn in_tick(&self, tick: u64) -> u32 {
        self.0.get((tick % TICKS as u64) as usize).copied().unwrap_or(0)
    }
}

/// One station on one interface, or one interface as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    paces: [Pace; Noise::ALL.len()],
    octets: u64,
    vlan: u16,
    tick: u64,
    /// Addresses that were announced, in this second and in the one before.
    announced: [(u64, u32, LinearCounter); 2],
}

impl Rates {
    pub fn per_second(&self, noise: Noise) -> u32 {
        self.paces.get(noise as usize).map_or(0, Pace::per_second)
    }

    pub fn in_tick(&self, noise: Noise) -> u32 {
        self.paces.get(noise as usize).map_or(0, |pace| pace.in_tick(self.tick))
    }

    /// Since when there has been about as much as now, as far as the last second tells.
    pub fn onset(&self, noise: Noise) -> Timestamp {
        let tick = self.paces.get(noise as usize).map_or(self.tick, |pace| pace.onset(self.tick));
        Timestamp::from_tick(tick)
    }

    /// Mean length of its frames in octets.
    pub fn mean_length(&self) -> u64 {
        let frames: u64 = self.paces.iter().map(|pace| u64::from(pace.in_tick(self.tick))).sum();
        self.octets / frames.max(1)
    }

    pub fn vlan(&self) -> u16 {
        self.vlan
    }

    /// Announcements of each address within about a second, on average.
    pub fn announcements_of_each(&self) -> f64 {
        let of = |(_, count, addresses): &(u64, u32, LinearCounter)| f64::from(*count) / addresses.estimate().max(1.0);
        self.announced.iter().map(of).fold(0.0, f64::max)
    }

    fn add(&mut self, noise: Noise, tick: u64, number: u32) {
        if let Some(pace) = self.paces.get_mut(noise as usize) {
            pace.add(tick, number);
        }
    }

    fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.octets = 0;
        self.paces.iter_mut().for_each(|pace| pace.open(tick));
    }

    fn is_silent(&self) -> bool {
        self.paces.iter().all(|pace| pace.per_second() == 0)
    }

    fn announce(&mut self, tick: u64, hash: u64) {
        let second = tick / TICKS as u64;
        let [now, before] = &mut self.announced;
        if now.0 != second {
            *before = *now;
            *now = (second, 0, LinearCounter::default());
        }
        now.1 = now.1.saturating_add(1);
        now.2.add(hash);
    }
}

/// What was seen of an interface as a whole in the last second.
#[derive(Clone, Debug, Default)]
pub struct LinkSecond {
    ticks: [LinkCounts; TICKS],
    /// Stations that were new in each tick, and of those the ones that sent little and that nobody spoke to.
    newcomers: [(u32, u32); TICKS],
    /// Stations that spoke at all.
    speakers: [u32; TICKS],
    tick: u64,
    began: u64,
}

impl LinkSecond {
    fn open(&mut self, tick: u64) {
        self.tick = tick;
        let at = (tick % TICKS as u64) as usize;
        if let Some(counts) = self.ticks.get_mut(at) {
            *counts = LinkCounts::default();
        }
        if let Some(newcomers) = self.newcomers.get_mut(at) {
            *newcomers = (0, 0);
        }
        if let Some(speakers) = self.speakers.get_mut(at) {
            *speakers = 0;
        }
    }

    fn now_mut(&mut self) -> Option<&mut LinkCounts> {
        self.ticks.get_mut((self.tick % TICKS as u64) as usize)
    }

    /// The first of the ticks up to now of which each is so.
    pub fn since(&self, is_so: impl Fn(&LinkCounts) -> bool) -> Timestamp {
        let of = |back: u64| self.ticks.get((self.tick.wrapping_sub(back) % TICKS as u64) as usize);
        let ticks = (0..TICKS as u64).take_while(|&back| of(back).is_some_and(&is_so)).count() as u64;
        Timestamp::from_tick(self.tick.saturating_sub(ticks.saturating_sub(1)))
    }

    /// This tick alone.
    pub fn now(&self) -> LinkCounts {
        self.ticks.get((self.tick % TICKS as u64) as usize).cloned().unwrap_or_default()
    }

    /// The last second.
    pub fn second(&self) -> LinkCounts {
        let mut sum = LinkCounts::default();
        // Oldest first: whom a single station is told of is the latest.
        for back in (0..TICKS as u64).rev() {
            if let Some(counts) = self.ticks.get((self.tick.wrapping_sub(back) % TICKS as u64) as usize) {
                sum.merge(counts);
            }
        }
        sum
    }

    /// Of the stations that were new within the last second and still known at the end of their tick: how many there
    /// were, and the share that sent a few frames only and that nobody spoke to.
    pub fn newcomers(&self) -> (u32, f64) {
        let (all, mute) = self.newcomers.iter().fold((0, 0), |sum, tick| (sum.0 + tick.0, sum.1 + tick.1));
        (all, f64::from(mute) / f64::from(all.max(1)))
    }

    /// Whether it has been heard for long enough that most stations of a large segment are known.
    pub fn is_warm(&self) -> bool {
        self.tick.saturating_sub(self.began) >= WARM
    }

    fn is_silent(&self) -> bool {
        self.speakers.iter().all(|number| *number == 0)
    }

    /// Stations that spoke in a tick, on average over the last second.
    pub fn speakers(&self) -> f64 {
        self.speakers.iter().map(|number| f64::from(*number)).sum::<f64>() / TICKS as f64
    }
}

/// Frames of a newcomer within the tick, at most, for it to have sent little.
const LITTLE: u64 = 3;

pub(super) struct AllRates {
    stations: Bounded<(u16, Mac), Rates>,
    interfaces: BTreeMap<u16, Rates>,
    links: BTreeMap<u16, LinkSecond>,
    tick: u64,
}

impl AllRates {
    pub fn new() -> AllRates {
        AllRates { stations: Bounded::new(STATIONS), interfaces: BTreeMap::new(), links: BTreeMap::new(), tick: 0 }
    }

    pub fn clear(&mut self) {
        self.stations.clear();
        self.interfaces.clear();
        self.links.clear();
    }

    pub fn evictions(&self) -> u64 {
        self.stations.evictions()
    }

    pub fn open(&mut self, tick: u64) {
        // Ticks without packets are not told apart from any other.
        for passed in self.tick.max(tick.saturating_sub(TICKS as u64)) + 1..=tick {
            let stations = self.stations.values_mut().map(|(_, rates)| rates);
            stations.chain(self.interfaces.values_mut()).for_each(|rates| rates.open(passed));
            self.links.values_mut().for_each(|link| link.open(passed));
        }
        self.tick = tick;
        self.stations.retain(|_, rates| !rates.is_silent());
        self.interfaces.retain(|_, rates| !rates.is_silent());
        self.links.retain(|_, link| !link.is_silent() || link.began + WARM > tick);
    }

    pub fn link(&mut self, counts: &LinkCounts) {
        let Some(link) = self.link_of(counts.interface) else { return };
        if let Some(now) = link.now_mut() {
            now.merge(counts);
        }
    }

    /// What is known of an interface; a capture with more of them than any machine has is not followed in this.
    fn link_of(&mut self, interface: u16) -> Option<&mut LinkSecond> {
        let tick = self.tick;
        if self.links.len() >= INTERFACES && !self.links.contains_key(&interface) {
            return None;
        }
        let link = self.links.entry(interface).or_insert_with(|| LinkSecond { began: tick, ..LinkSecond::default() });
        link.tick = tick;
        Some(link)
    }

    pub fn gratuitous(&mut self, interface: u16, mac: Mac, hash: u64, at: Timestamp) {
        let tick = self.tick;
        let station = self.stations.at((interface, mac), at, || Rates { tick, ..Rates::default() });
        station.add(Noise::Gratuitous, tick, 1);
        station.announce(tick, hash);
    }

    /// What a station sent in this tick on an interface whose frames are counted.
    pub fn station(&mut self, counts: &StationCounts) {
        let tick = self.tick;
        let numbers =
            [(Noise::Broadcast, counts.broadcast), (Noise::Multicast, counts.multicast), (Noise::Arp, counts.arp)];
        let Some(link) = self.link_of(counts.interface) else { return };
        let at = (tick % TICKS as u64) as usize;
        if let Some(speakers) = link.speakers.get_mut(at) {
            *speakers += u32::from(counts.sent.packets > 0);
        }
        if counts.new
            && let Some((all, mute)) = link.newcomers.get_mut(at)
        {
            *all += 1;
            *mute += u32::from(counts.sent.packets <= LITTLE && counts.received.is_zero());
        }
        if numbers.iter().all(|(_, number)| *number == 0) {
            return;
        }
        let interface = self.interfaces.entry(counts.interface).or_default();
        interface.tick = tick;
        let octets = counts.sent.bytes;
        for (noise, number) in numbers {
            interface.add(noise, tick, number);
        }
        interface.octets += octets;
        let key = (counts.interface, counts.mac);
        if self.stations.get(&key).is_some() || numbers.iter().any(|(_, number)| *number >= NOISY) {
            let station = self.stations.at(key, counts.first, || Rates { tick, ..Rates::default() });
            station.vlan = counts.vlan;
            station.octets += octets;
            for (noise, number) in numbers {
                station.add(noise, tick, number);
            }
        }
    }

    /// Loud stations.
    pub fn stations(&self) -> impl Iterator<Item = (u16, Mac, &Rates)> {
        self.stations.iter().map(|((interface, mac), rates)| (*interface, *mac, rates))
    }

    pub fn interfaces(&self) -> impl Iterator<Item = (u16, &Rates)> {
        self.interfaces.iter().map(|(interface, rates)| (*interface, rates))
    }

    pub fn links(&self) -> impl Iterator<Item = (u16, &LinkSecond)> {
        self.links.iter().map(|(interface, link)| (*interface, link))
    }
}
