//! Baseline: what is usual for a host, by hour of the week. It raises limits that would be too low for a busy host; the
//! shape that a detector asks for stays the same.
//!
//! Learned is the highest second of each minute, of each [`Quantity`] in each direction. While a host has an open
//! incident it teaches nothing, and neither does the minute in which that opened nor the one before it. All time is
//! packet time; [`Baseline::to_bytes`] and [`Baseline::from_bytes`] keep it over restarts.

mod format;
mod measure;
#[cfg(test)]
mod tests;
mod weekly_profile;

pub use format::FormatError;
pub use measure::Quantity;

use crate::base::{Addr, Direction, Timestamp};
use crate::inventory::Site;
use crate::meter::{HostDirection, Window};
use crate::packet::Class;
use std::collections::BTreeMap;
use weekly_profile::{SLOTS, WeeklyProfile};

/// Directions that are learned, apart from each other.
const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];
const MODELS: usize = DIRECTIONS.len() * Quantity::COUNT;

/// Figures that are never higher than this teach nothing: every default is far above, and most hosts have no more.
const WORTH_LEARNING: f32 = 20.0;
/// Days of standstill that take away half of what is known.
const HALF_LIFE_DAYS: f64 = 14.0;
/// Days after which nothing of it is worth anything.
const HORIZON_DAYS: f64 = 60.0;
/// Seconds of a minute that must have been seen for it to count.
const WHOLE_MINUTE: u32 = 50;

/// Hours since Monday, 00:00 UTC. The epoch was a Thursday.
pub fn hour_of_week(time: Timestamp) -> usize {
    let hours = time.nanos() / 3_600_000_000_000;
    ((hours + 72) % SLOTS as u64) as usize
}

fn minute_of(time: Timestamp) -> u64 {
    time.nanos() / 60_000_000_000
}

type Figures = [[f32; Quantity::COUNT]; DIRECTIONS.len()];

/// What is known of one host: 14 profiles of 168 slots of 12 octets at most, 28 KiB. The 256 hosts of the default are
/// thus 7 MiB at worst; a profile takes memory from its first minute worth learning, and most hosts have two or three.
#[derive(Debug, Default)]
struct Host {
    profiles: [Option<Box<WeeklyProfile>>; MODELS],
    /// The most that is usual in the present hour; 0 where that is not known.
    levels: Figures,
    /// Highest second of the present minute, and of the one before it, which counts once this one ends well too.
    maxima: Figures,
    waiting: Option<(u64, Figures)>,
    /// Whether an incident spoiled the present minute.
    spoiled: bool,
    /// Packets a second of about the last hour.
    activity: f32,
    /// Packets of the present minute.
    packets: u64,
}

/// What may be called usual of one host in one direction, now.
#[derive(Clone, Copy)]
pub struct LearnedLevels<'a>(&'a [f32; Quantity::COUNT]);

impl LearnedLevels<'_> {
    /// The most that is usual; `None` where too little was seen to tell.
    pub fn of(&self, measure: Quantity) -> Option<f64> {
        self.0.get(measure.index()).copied().filter(|level| *level > 0.0).map(f64::from)
    }
}

/// Everything learned.
#[derive(Debug, Default)]
pub struct Baseline {
    hosts: BTreeMap<Addr, Host>,
    capacity: usize,
    /// When what was loaded was saved, until the first moment tells how old it is.
    saved: Option<Timestamp>,
    minute: Option<u64>,
    /// Seconds seen of the present minute, and the last of them.
    seconds: u32,
    last_second: u64,
    evictions: u64,
}

impl Baseline {
    pub fn new(capacity: usize) -> Baseline {
        Baseline { capacity: capacity.max(1), ..Baseline::default() }
    }

    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Hosts that gave way to more active ones.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// What is usual for a host at present.
    pub fn levels(&self, host: Addr, direction: Direction) -> Option<LearnedLevels<'_>> {
        let at = DIRECTIONS.iter().position(|known| *known == direction)?;
        self.hosts.get(&host)?.levels.get(at).map(LearnedLevels)
    }

    /// What is usual for a host at any other time: for those who ask.
    pub fn level_at(&self, host: Addr, direction: Direction, measure: Quantity, time: Timestamp) -> Option<f64> {
        let at = DIRECTIONS.iter().position(|known| *known == direction)?;
        let profile = self.hosts.get(&host)?.profiles.get(at * Quantity::COUNT + measure.index())?.as_deref()?;
        Some(profile.level(hour_of_week(time))).filter(|level| *level > 0.0).map(f64::from)
    }

    /// Looks at a window; to be called at least once a second of packet time, more often does nothing. `open` are the
    /// hosts with an incident: they teach nothing.
    pub fn observe<O: Fn(Addr) -> bool>(&mut self, window: &Window<'_>, site: &Site, open: impl FnOnce() -> O) {
        let second = window.end.nanos() / 1_000_000_000;
        if second == self.last_second {
            return;
        }
        self.last_second = second;
        self.grow_old(window.end);
        let minute = minute_of(window.end);
        if self.minute != Some(minute) {
            self.end_minute(minute);
        }
        self.seconds += 1;
        let open = open();
        for (address, host) in &mut self.hosts {
            if open(*address) {
                host.spoil();
            }
        }
        for window in window.hosts() {
            let address = window.address();
            if address.is_group_or_none() || !(site.networks.is_unknown() || site.networks.contains(address)) {
                continue;
            }
            let flows = DIRECTIONS.map(|direction| window.in_direction(direction));
            let packets: u64 = flows.iter().map(HostDirection::forward_packets).sum();
            let Some(host) = self.place(address, packets) else { continue };
            host.packets += packets;
            for (flow, maxima) in flows.iter().zip(&mut host.maxima) {
                if flow.forward_packets() == 0 {
                    continue;
                }
                let spread = || super::shape::SampleProfile::of_flow(flow, &[Class::Udp, Class::Quic]).many_flows();
                for (maximum, value) in maxima.iter_mut().zip(measure::of_second(flow, spread)) {
                    *maximum = maximum.max(value);
                }
            }
        }
    }

    /// The entry of a host; where all are taken, that of the least active, if it is far less so.
    fn place(&mut self, address: Addr, packets: u64) -> Option<&mut Host> {
        if !self.hosts.contains_key(&address) && self.hosts.len() >= self.capacity {
            let by_activity = |a: &(&Addr, &Host), b: &(&Addr, &Host)| a.1.activity.total_cmp(&b.1.activity);
            let (&least, host) = self.hosts.iter().min_by(by_activity)?;
            // A newcomer's rate is that of one second: many times that of an hour's mean is asked for, so that a host
            // that is known for weeks does not give way to a scan's target.
            if packets as f32 <= host.activity * 10.0 + WORTH_LEARNING {
                return None;
            }
            self.hosts.remove(&least);
            self.evictions += 1;
        }
        // Of newcomers the busier ones stay.
        let activity = packets as f32 / 60.0;
        Some(self.hosts.entry(address).or_insert_with(|| Host { activity, ..Host::default() }))
    }

    /// A minute is over: what is certain of it is learned, and the levels of the hour to come are looked up.
    fn end_minute(&mut self, next: u64) {
        let ended = self.minute.filter(|_| self.seconds >= WHOLE_MINUTE);
        let (hour, known) = (hour_of_week(Timestamp::from_parts(next * 60, 0)), self.minute.is_some());
        for host in self.hosts.values_mut() {
            if known {
                host.end_minute(ended);
            }
            host.look_up(hour);
        }
        self.minute = Some(next);
        self.seconds = 0;
    }

    /// What was loaded is as old as the first moment message: it fades, and in the end it goes.
    pub fn grow_old(&mut self, now: Timestamp) {
        let Some(saved) = self.saved.take() else { return };
        let days = now.seconds_since(saved) / 86_400.0;
        if days > HORIZON_DAYS {
            self.hosts.clear();
        } else if days > 1.0 {
            let keep = 0.5f64.powf((days - 1.0) / HALF_LIFE_DAYS) as f32;
            self.hosts.values_mut().flat_map(|host| host.profiles.iter_mut().flatten()).for_each(|p| p.age(keep));
        }
    }

    /// The clock was set: the present minute has no meaning.
    pub fn forget_minute(&mut self) {
        self.minute = None;
        self.last_second = 0;
        for host in self.hosts.values_mut() {
            (host.maxima, host.waiting, host.packets) = Default::default();
        }
    }
}

impl Host {
    fn spoil(&mut self) {
        self.spoiled = true;
        self.waiting = None;
    }

    /// `ended` is the number of the minute, where enough of it was seen.
    fn end_minute(&mut self, ended: Option<u64>) {
        if let Some((minute, figures)) = self.waiting.take() {
            self.learn(minute, &figures);
        }
        let (figures, spoiled) = (std::mem::take(&mut self.maxima), std::mem::take(&mut self.spoiled));
        self.waiting = ended.filter(|_| !spoiled).map(|minute| (minute, figures));
        // An hour's fading mean.
        self.activity += (std::mem::take(&mut self.packets) as f32 / 60.0 - self.activity) / 60.0;
    }

    fn learn(&mut self, minute: u64, figures: &Figures) {
        let slot = hour_of_week(Timestamp::from_parts(minute * 60, 0));
        for (profile, &figure) in self.profiles.iter_mut().zip(figures.as_flattened()) {
            match profile {
                Some(profile) => profile.learn(slot, figure),
                None if figure >= WORTH_LEARNING => profile.get_or_insert_default().learn(slot, figure),
                None => {}
            }
        }
    }

    fn look_up(&mut self, hour: usize) {
        for (level, profile) in self.levels.as_flattened_mut().iter_mut().zip(&self.profiles) {
            *level = profile.as_deref().map_or(0.0, |profile| profile.level(hour));
        }
    }
}
