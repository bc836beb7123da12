//! What a baseline knows of each host, and how it learns.

use super::super::quantities::Quantity;
use super::allowance::DayLimit;
use super::weekly_profile::{SLOTS, WeeklyProfile};
use crate::base::{Addr, Direction, Timestamp};
use crate::inventory::Site;
use crate::meter::{HostDirection, Window};
use std::collections::BTreeMap;

/// Directions that are learned, each separately.
const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];
/// Profiles of a host: one per direction and quantity.
pub(super) const PROFILES: usize = DIRECTIONS.len() * Quantity::COUNT;

/// Packets per second below which nothing is learned: every default limit is far above, and most hosts have no more.
const WORTH_LEARNING: f32 = 20.0;
/// Days without a running daemon after which a profile counts half.
const HALF_LIFE_DAYS: f64 = 14.0;
/// Days after which a saved baseline is discarded.
const HORIZON_DAYS: f64 = 60.0;
/// Seconds of a minute that must be captured for it to count.
const WHOLE_MINUTE: u32 = 50;
const SECONDS_PER_MINUTE: f32 = 60.0;
const MINUTES_PER_HOUR: f32 = 60.0;
/// How many times more active than an entry's mean hour a newcomer's second must be to replace it: a host that is known for
/// weeks must not be evicted by the target of a scan.
const NEWCOMER_FACTOR: f32 = 10.0;

/// Hours since Monday, 00:00 UTC. The epoch was a Thursday.
pub fn hour_of_week(time: Timestamp) -> usize {
    let hours = time.nanos() / 3_600_000_000_000;
    ((hours + 72) % SLOTS as u64) as usize
}

pub(super) fn minute_of(time: Timestamp) -> u64 {
    time.nanos() / 60_000_000_000
}

/// The default limit of each quantity, in packets per second: what a learned limit is a multiple of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DefaultLimits(pub [f64; Quantity::COUNT]);

impl Default for DefaultLimits {
    /// Without any: nothing may be learned.
    fn default() -> Self {
        DefaultLimits([0.0; Quantity::COUNT])
    }
}

impl DefaultLimits {
    /// Of the profile at this index.
    fn of_profile(&self, index: usize) -> f32 {
        self.0.get(index % Quantity::COUNT).copied().unwrap_or(0.0) as f32
    }
}

/// Packets per second, by direction and quantity.
type Levels = [[f32; Quantity::COUNT]; DIRECTIONS.len()];

/// What is known of one host: 14 profiles of 168 slots of 12 bytes and 62 days of 8 at most, 35 KiB. The 256 hosts of the default
/// are thus 9 MiB at worst; a profile takes memory from its first minute worth learning, and most hosts have two or three.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub profiles: [Option<Box<WeeklyProfile>>; PROFILES],
    /// The learned level of the present hour; 0 where too little is known.
    pub levels: Levels,
    /// Packets of the present minute.
    pub sums: Levels,
    /// The minute before, which is learned once the present one ends without an incident too.
    pub pending: Option<(u64, Levels)>,
    /// Whether an incident was open in the present minute.
    pub disturbed: bool,
    /// Packets per second over about the last hour.
    pub activity: f32,
    /// Packets of the present minute, whatever they are.
    pub packets: u64,
    /// The first minute that was learned.
    pub first: Option<u64>,
}

/// The learned levels of one host in one direction, now.
#[derive(Clone, Copy)]
pub struct LearnedLevels<'a>(&'a [f32; Quantity::COUNT]);

impl LearnedLevels<'_> {
    /// Packets per second up to which the host's traffic is normal; `None` where too little was captured to say.
    pub fn of(&self, quantity: Quantity) -> Option<f64> {
        self.0.get(quantity.index()).copied().filter(|level| *level > 0.0).map(f64::from)
    }
}

/// Everything learned.
#[derive(Debug, Default)]
pub struct Baseline {
    pub(super) hosts: BTreeMap<Addr, Host>,
    capacity: usize,
    limits: DefaultLimits,
    /// When a loaded baseline was saved, until the first timestamp gives its age.
    pub(super) saved: Option<Timestamp>,
    minute: Option<u64>,
    /// Seconds captured of the present minute, and the last of them.
    seconds: u32,
    last_second: u64,
    evictions: u64,
}

impl Baseline {
    /// An empty baseline for at most `capacity` hosts; 0 counts as 1. It raises these limits.
    pub fn new(capacity: usize, limits: DefaultLimits) -> Baseline {
        Baseline { capacity: capacity.max(1), limits, ..Baseline::default() }
    }

    /// Number of hosts that have an entry.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether no host has an entry.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Highest number of hosts; beyond it, a far more active host replaces the least active one.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Hosts that were replaced by more active ones.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// The learned levels of a host for the present hour.
    pub fn levels(&self, host: Addr, direction: Direction) -> Option<LearnedLevels<'_>> {
        let at = DIRECTIONS.iter().position(|known| *known == direction)?;
        self.hosts.get(&host)?.levels.get(at).map(LearnedLevels)
    }

    /// What is known of a quantity of a host, with its index among the profiles.
    fn profile(&self, host: Addr, direction: Direction, quantity: Quantity) -> Option<(usize, &WeeklyProfile)> {
        let at = DIRECTIONS.iter().position(|known| *known == direction)?;
        let index = at * Quantity::COUNT + quantity.index();
        Some((index, self.hosts.get(&host)?.profiles.get(index)?.as_deref()?))
    }

    /// The learned level of a host at any time: for `pegel print-limits`.
    pub fn level_at(&self, host: Addr, direction: Direction, quantity: Quantity, time: Timestamp) -> Option<f64> {
        let (index, profile) = self.profile(host, direction, quantity)?;
        let wanted = profile.level(hour_of_week(time));
        let granted = profile.allowance.granted(wanted, self.limits.of_profile(index));
        Some(granted).filter(|level| *level > 0.0).map(f64::from)
    }

    /// The highest learned limit of each day on which there was one above the default, oldest first, and how far above the
    /// default it may be at present.
    pub fn history(&self, host: Addr, direction: Direction, quantity: Quantity) -> Option<(Vec<DayLimit>, f64)> {
        let (_, profile) = self.profile(host, direction, quantity)?;
        Some((profile.allowance.history.iter().copied().collect(), profile.allowance.times.into()))
    }

    /// Learns from a window. To be called at least once per second of packet time; more often has no effect. `open` gives
    /// the hosts with an open incident: nothing is learned from them.
    pub fn observe<O: Fn(Addr) -> bool>(&mut self, window: &Window<'_>, site: &Site, open: impl FnOnce() -> O) {
        let second = window.end.nanos() / 1_000_000_000;
        if second == self.last_second {
            return;
        }
        self.last_second = second;
        self.age(window.end);
        let minute = minute_of(window.end);
        if self.minute != Some(minute) {
            self.end_minute(minute);
        }
        self.seconds += 1;
        let open = open();
        for (address, host) in &mut self.hosts {
            if open(*address) {
                host.discard_minute();
            }
        }
        for window in window.hosts() {
            let address = window.address();
            if address.is_group_or_none() || !(site.networks.is_unknown() || site.networks.contains(address)) {
                continue;
            }
            let directions = DIRECTIONS.map(|direction| window.in_direction(direction));
            let packets: u64 = directions.iter().map(HostDirection::forward_packets).sum();
            let Some(host) = self.entry(address, packets) else { continue };
            host.packets += packets;
            for (direction, sums) in directions.iter().zip(&mut host.sums) {
                if direction.forward_packets() == 0 {
                    continue;
                }
                for (sum, quantity) in sums.iter_mut().zip(Quantity::ALL) {
                    *sum += quantity.measure(direction) as f32;
                }
            }
        }
    }

    /// The entry of a host. Where all are in use it replaces the least active one, if that is far less active.
    pub(super) fn entry(&mut self, address: Addr, packets: u64) -> Option<&mut Host> {
        if !self.hosts.contains_key(&address) && self.hosts.len() >= self.capacity {
            let by_activity = |a: &(&Addr, &Host), b: &(&Addr, &Host)| a.1.activity.total_cmp(&b.1.activity);
            let (&least, host) = self.hosts.iter().min_by(by_activity)?;
            if packets as f32 <= host.activity * NEWCOMER_FACTOR + WORTH_LEARNING {
                return None;
            }
            self.hosts.remove(&least);
            self.evictions += 1;
        }
        // Among newcomers the busier ones stay.
        let activity = packets as f32 / SECONDS_PER_MINUTE;
        Some(self.hosts.entry(address).or_insert_with(|| Host { activity, ..Host::default() }))
    }

    /// Ends a minute: learns the one before, and looks up the levels of the coming hour.
    fn end_minute(&mut self, next: u64) {
        let ended = self.minute.filter(|_| self.seconds >= WHOLE_MINUTE);
        let (seconds, limits) = (self.seconds.max(1) as f32, self.limits);
        let (hour, known) = (hour_of_week(Timestamp::from_parts(next * 60, 0)), self.minute.is_some());
        for host in self.hosts.values_mut() {
            if known {
                host.end_minute(ended, seconds, &limits);
            }
            host.look_up(hour, &limits);
        }
        self.minute = Some(next);
        self.seconds = 0;
    }

    /// Ages a loaded baseline by the time since it was saved; a very old one is discarded.
    pub fn age(&mut self, now: Timestamp) {
        let Some(saved) = self.saved.take() else { return };
        let days = now.seconds_since(saved) / 86_400.0;
        if days > HORIZON_DAYS {
            self.hosts.clear();
        } else if days > 1.0 {
            let keep = 0.5f64.powf((days - 1.0) / HALF_LIFE_DAYS) as f32;
            self.hosts.values_mut().flat_map(|host| host.profiles.iter_mut().flatten()).for_each(|p| p.age(keep));
        }
    }

    /// Discards the present minute: for clocks that were set.
    pub fn forget_minute(&mut self) {
        self.minute = None;
        self.last_second = 0;
        for host in self.hosts.values_mut() {
            (host.sums, host.pending, host.packets) = Default::default();
        }
    }
}

impl Host {
    /// Nothing is learned from this minute, nor from the one before it.
    pub(crate) fn discard_minute(&mut self) {
        self.disturbed = true;
        self.pending = None;
    }

    /// `ended` is the number of the minute, where enough of it was captured.
    /// `seconds` of it were captured.
    pub(crate) fn end_minute(&mut self, ended: Option<u64>, seconds: f32, limits: &DefaultLimits) {
        if let Some((minute, means)) = self.pending.take() {
            self.learn(minute, &means, limits);
        }
        let (mut means, disturbed) = (std::mem::take(&mut self.sums), std::mem::take(&mut self.disturbed));
        means.as_flattened_mut().iter_mut().for_each(|mean| *mean /= seconds);
        self.pending = ended.filter(|_| !disturbed).map(|minute| (minute, means));
        // A moving mean over an hour.
        let rate = std::mem::take(&mut self.packets) as f32 / SECONDS_PER_MINUTE;
        self.activity += (rate - self.activity) / MINUTES_PER_HOUR;
    }

    fn learn(&mut self, minute: u64, means: &Levels, limits: &DefaultLimits) {
        let slot = hour_of_week(Timestamp::from_parts(minute * 60, 0));
        let first = *self.first.get_or_insert(minute);
        for (index, (profile, &mean)) in self.profiles.iter_mut().zip(means.as_flattened()).enumerate() {
            let profile = match profile {
                Some(profile) => profile,
                None if mean >= WORTH_LEARNING => profile.get_or_insert_default(),
                None => continue,
            };
            profile.learn(slot, mean);
            let wanted = profile.level(slot);
            profile.allowance.pass_minute(minute, first, wanted, limits.of_profile(index));
        }
    }

    pub(super) fn look_up(&mut self, hour: usize, limits: &DefaultLimits) {
        for (index, (level, profile)) in self.levels.as_flattened_mut().iter_mut().zip(&self.profiles).enumerate() {
            *level = profile
                .as_deref()
                .map_or(0.0, |profile| profile.allowance.granted(profile.level(hour), limits.of_profile(index)));
        }
    }
}
