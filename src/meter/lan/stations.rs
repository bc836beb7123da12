//! The stations of a LAN: since when each is known, what it sends, and whether replies to it are seen.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use crate::base::{Addr, Mac, Timestamp};
use crate::meter::hash::Hasher;
use crate::meter::linear_counter::LinearCounter;
use crate::meter::report::StationCounts;

/// Stations kept.
const STATIONS: usize = 8192;

/// The state of one station.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownStation {
    /// Time of its first frame.
    pub first: Timestamp,
    /// Time of the last frame, by family of its source address: IPv4 (with ARP), IPv6.
    pub last: [Timestamp; 2],
    /// It has sent other frames than DHCP.
    pub sends_other_traffic: bool,
    /// Unicast frames to it, saturating.
    frames_to_it: u32,
    last_frame_to_it: Timestamp,
    /// Source addresses of its IPv4 and IPv6 packets: the first of each tick.
    sources: [LinearCounter; 2],
}

/// Unicast frames to a station after which replies to it count as visible, and seconds for which they do.
const REPLIES_SEEN_FRAMES: u32 = 4;
const REPLIES_SEEN_SECONDS: f64 = 300.0;

/// Source addresses from which a station counts as a router.
const ROUTER_SOURCES: f64 = 8.0;

impl KnownStation {
    /// Whether replies to it are seen here: at a switch port, replies to other stations are not.
    pub(super) fn replies_are_seen(&self, now: Timestamp) -> bool {
        self.frames_to_it >= REPLIES_SEEN_FRAMES && now.seconds_since(self.last_frame_to_it) <= REPLIES_SEEN_SECONDS
    }

    /// Counts unicast frames to it up to now.
    fn count_frames_to_it(&mut self, frames: u32, now: Timestamp) {
        if frames == 0 {
            return;
        }
        // A few at long intervals come from a switch's flooding.
        let lasts = now.seconds_since(self.last_frame_to_it) <= REPLIES_SEEN_SECONDS;
        self.frames_to_it = frames.saturating_add(if lasts { self.frames_to_it } else { 0 });
        self.last_frame_to_it = now;
    }

    /// Whether it sends IP packets of one family from more than `own` addresses, 0 or 1.
    pub(super) fn sends_from_others(&self, own: u8, is_v4: bool) -> bool {
        let [v4, v6] = &self.sources;
        (if is_v4 { v4 } else { v6 }).estimate() > f64::from(own) + 0.5
    }

    /// Time of its last IPv4 or ARP frame.
    pub(super) fn last_v4(&self) -> Timestamp {
        let [last, _] = self.last;
        last
    }

    /// Whether it forwards traffic of others: a router.
    pub(super) fn is_router(&self) -> bool {
        self.sources.iter().map(|sources| sources.estimate()).sum::<f64>() >= ROUTER_SOURCES
    }
}

/// All stations of all segments.
pub(super) struct KnownStations(Bounded<(u16, Mac), KnownStation>);

impl KnownStations {
    pub(super) const CAPACITY: usize = STATIONS;

    pub(super) fn new() -> KnownStations {
        KnownStations(Bounded::new(STATIONS))
    }

    pub(super) fn of(&self, domain: BroadcastDomain, mac: Mac) -> Option<&KnownStation> {
        self.0.get(&(domain.segment, mac))
    }

    /// Adds the counts of a station in the tick that began at `now`.
    pub(super) fn count(&mut self, segment: u16, station: &StationCounts, now: Timestamp, hasher: Hasher) {
        let key = (segment, station.mac);
        let frames_to_it = station.received.packets.min(1 << 20) as u32;
        if station.sent.packets == 0 {
            if let Some(known) = self.0.get_mut(&key) {
                known.count_frames_to_it(frames_to_it, now);
            }
            return;
        }
        let (first, last) = (station.first, station.last);
        let new = || KnownStation {
            first,
            last: Default::default(),
            sends_other_traffic: false,
            frames_to_it: 0,
            last_frame_to_it: first,
            sources: Default::default(),
        };
        let known = self.0.get_or_insert(key, last, new);
        if station.sends_ip_from().is_some()
            && let Some(sources) = known.sources.get_mut(usize::from(!station.address.is_v4()))
        {
            sources.add(hasher.address(station.address));
        }
        known.sends_other_traffic |= station.sent.packets > u64::from(station.dhcp);
        known.count_frames_to_it(frames_to_it, now);
        if station.address != Addr::UNSPECIFIED
            && let Some(of_family) = known.last.get_mut(usize::from(!station.address.is_v4()))
        {
            *of_family = last.max(*of_family);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.0.evictions()
    }
}
