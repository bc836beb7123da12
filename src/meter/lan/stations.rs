//! The stations of a LAN: since when each is known, what it sends, and whether replies to it are seen.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use crate::base::{Addr, Mac, Timestamp};
use crate::meter::linear_counter::LinearCounter;
use crate::meter::report::StationCounts;

/// Stations of which it is remembered since when they have been station_state.
const STATIONS: usize = 8192;
/// What is known of a station's voice.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownStation {
    pub first: Timestamp,
    /// By family of the address that it sent with: IPv4 (ARP, too), IPv6.
    pub last: [Timestamp; 2],
    /// It has sent something else than DHCP.
    pub sends_other_traffic: bool,
    /// Frames to it alone that were seen, saturating.
    frames_to_it: u32,
    last_frame_to_it: Timestamp,
    /// Source addresses of its frames: the first of each tick.
    sources: LinearCounter,
}

/// Frames to a station alone after which answers to it are taken to be seen, and seconds for which that holds.
const REPLIES_SEEN_FRAMES: u32 = 4;
const REPLIES_SEEN_SECONDS: f64 = 300.0;

/// Source addresses from which on a station passes on what others send.
const ROUTER_SOURCES: f64 = 8.0;

impl KnownStation {
    /// Whether what others answer it is seen here: at a port of a switch, answers to others are not.
    pub fn replies_are_seen(&self, now: Timestamp) -> bool {
        self.frames_to_it >= REPLIES_SEEN_FRAMES && now.seconds_since(self.last_frame_to_it) <= REPLIES_SEEN_SECONDS
    }

    /// So many frames to it alone were seen up to now.
    fn count_frames_to_it(&mut self, frames: u32, now: Timestamp) {
        if frames == 0 {
            return;
        }
        // Few at long intervals are what a switch floods.
        let lasts = now.seconds_since(self.last_frame_to_it) <= REPLIES_SEEN_SECONDS;
        self.frames_to_it = frames.saturating_add(if lasts { self.frames_to_it } else { 0 });
        self.last_frame_to_it = now;
    }

    /// Whether it sends for others: a router.
    pub fn is_router(&self) -> bool {
        self.sources.estimate() >= ROUTER_SOURCES
    }
}

/// All stations of all segments.
pub(super) struct KnownStations(Bounded<(u16, Mac), KnownStation>);

impl KnownStations {
    pub const CAPACITY: usize = STATIONS;

    pub fn new() -> KnownStations {
        KnownStations(Bounded::new(STATIONS))
    }

    pub fn of(&self, domain: BroadcastDomain, mac: Mac) -> Option<&KnownStation> {
        self.0.get(&(domain.segment, mac))
    }

    /// Counts a tick that began at `now`; `address_hash` is that of the station's network address.
    pub fn count(&mut self, segment: u16, station: &StationCounts, now: Timestamp, address_hash: u64) {
        let key = (segment, station.mac);
        let frames_to_it = station.received.packets.min(1 << 20) as u32;
        if station.sent.packets == 0 {
            if let Some(station_state) = self.0.get_mut(&key) {
                station_state.count_frames_to_it(frames_to_it, now);
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
            sources: LinearCounter::default(),
        };
        let station_state = self.0.get_or_insert(key, last, new);
        if !station.address.is_group_or_none() {
            station_state.sources.add(address_hash);
        }
        station_state.sends_other_traffic |= station.sent.packets > u64::from(station.dhcp);
        station_state.count_frames_to_it(frames_to_it, now);
        if station.address != Addr::UNSPECIFIED
            && let Some(of_family) = station_state.last.get_mut(usize::from(!station.address.is_v4()))
        {
            *of_family = last.max(*of_family);
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn evictions(&self) -> u64 {
        self.0.evictions()
    }
}
