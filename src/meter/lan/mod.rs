//! Segment: what the merger knows of the links themselves, over time: who claims which address, where stations are, who
//! offers leases and routes, and how loud everyone is. Measurements only; what they mean is for detectors.
//!
//! Everything here is bounded: see the caps in each file. Interfaces of one bridge are one segment ([`CapturedInterface`]).
//!
//! - [`claims`]: stations and the addresses that they claim
//! - [`dhcp`]: servers, leases, clients
//! - [`places`]: at which port a station's frames come in
//! - [`rates`]: broadcast, multicast, ARP and strangers over the last second
//! - [`routers`]: router advertisements, and whether routers that are asked for answer

mod bounded;
pub mod claims;
pub mod dhcp;
pub mod rates;
pub mod routers;
pub mod station_ports;

pub use claims::{Claim, Claimant};
pub use dhcp::{Asker, Asking, Server};
pub use rates::{LinkSecond, Noise, Rates};
pub use routers::{Gateway, Router};
pub use station_ports::Move;

use super::attempts::LinearCounter;
use super::hash::Hasher;
use super::link::{AssignedAddrs, COUNTERS, ForeignUse, LinkReport, share};
use super::report::StationCounts;
use crate::base::{Addr, CapturedInterface, CountPolicy, InterfaceRole, Mac, Timestamp};
use crate::capture::FrameDirection;
use crate::packet::{Control, ControlKind};
use bounded::Bounded;
use std::sync::Arc;

/// Stations of which it is remembered since when they have been heard.
const HEARD: usize = 8192;
/// Control frames that are remembered, and seconds within which another interface shows a copy.
const SHOWN: usize = 2048;
const COPIES: f64 = 0.05;
/// Seconds for which what was left out may be missed: as long as a question may wait for its answer.
const LEFT_OUT: f64 = 6.0;
/// Spanning-tree speakers of a tick.
const SPEAKERS: usize = 32;
/// Addresses of guests that are told of a tick.
const FOREIGN: usize = 256;

/// A segment and a VLAN on it: addresses mean the same station only there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BroadcastDomain {
    pub segment: u16,
    pub vlan: u16,
}

/// What is known of a station's voice.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeardStation {
    pub first: Timestamp,
    /// By family of the address that it sent with: IPv4 (ARP, too), IPv6.
    pub last: [Timestamp; 2],
    /// It has sent something else than DHCP.
    pub talks: bool,
    /// Frames to it alone that were seen, saturating.
    spoken_to: u32,
    spoken_at: Timestamp,
    /// Source addresses of its frames: the first of each tick.
    sources: LinearCounter,
}

/// Frames to a station alone after which answers to it are taken to be seen, and seconds for which that holds.
const SPOKEN_TO: u32 = 4;
const SPOKEN_FOR: f64 = 300.0;

/// Source addresses from which on a station passes on what others send.
const ROUTES: f64 = 8.0;

impl HeardStation {
    /// Whether what others answer it is seen here: at a port of a switch, answers to others are not.
    pub fn answers_are_seen(&self, now: Timestamp) -> bool {
        self.spoken_to >= SPOKEN_TO && now.seconds_since(self.spoken_at) <= SPOKEN_FOR
    }

    /// So many frames to it alone were seen up to now.
    fn is_spoken_to(&mut self, frames: u32, now: Timestamp) {
        if frames == 0 {
            return;
        }
        // Few at long intervals are what a switch floods.
        let lasts = now.seconds_since(self.spoken_at) <= SPOKEN_FOR;
        self.spoken_to = frames.saturating_add(if lasts { self.spoken_to } else { 0 });
        self.spoken_at = now;
    }

    /// Whether it sends for others: a router.
    pub fn routes(&self) -> bool {
        self.sources.estimate() >= ROUTES
    }
}

/// Who has been heard.
pub(super) struct HeardAll(Bounded<(u16, Mac), HeardStation>);

impl HeardAll {
    pub fn of(&self, place: BroadcastDomain, mac: Mac) -> Option<&HeardStation> {
        self.0.get(&(place.segment, mac))
    }
}

/// Who speaks spanning tree where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BridgeSpeaker {
    pub place: BroadcastDomain,
    pub interface: u16,
    pub mac: Mac,
    pub entered: bool,
    pub first: Timestamp,
    pub frames: u32,
}

/// An address that a guest claims without having been given it.
pub type ForeignClaim = (ForeignUse, ControlKind);

pub struct LanState {
    hasher: Hasher,
    tick: u64,
    views: Arc<[CapturedInterface]>,
    granted: Arc<AssignedAddrs>,
    heard: HeardAll,
    /// Control frames of late, with the interface that showed them first.
    shown: Bounded<(BroadcastDomain, u64), (u16, Timestamp)>,
    claims: claims::Claims,
    dhcp: dhcp::Dhcp,
    routers: routers::Routers,
    places: station_ports::StationPorts,
    rates: rates::AllRates,
    speakers: Vec<BridgeSpeaker>,
    foreign: Vec<ForeignUse>,
    foreign_claims: Vec<ForeignClaim>,
    /// Of the open tick, by time.
    controls: Vec<Control>,
    whole: bool,
    /// By share of stations: when something that one of them said was last left out.
    left_out: Box<[Timestamp]>,
}

impl LanState {
    pub fn new(hasher: Hasher) -> LanState {
        LanState {
            hasher,
            tick: 0,
            views: Arc::default(),
            granted: Arc::default(),
            heard: HeardAll(Bounded::new(HEARD)),
            shown: Bounded::new(SHOWN),
            claims: claims::Claims::new(),
            dhcp: dhcp::Dhcp::new(),
            routers: routers::Routers::new(),
            places: station_ports::StationPorts::new(),
            rates: rates::AllRates::new(),
            speakers: Vec::new(),
            foreign: Vec::new(),
            foreign_claims: Vec::new(),
            controls: Vec::new(),
            whole: true,
            left_out: vec![Timestamp::ZERO; COUNTERS].into_boxed_slice(),
        }
    }

    /// What is known of the place from now on: interfaces, what guests were given, routers.
    pub fn set_place(&mut self, views: Arc<[CapturedInterface]>, granted: Arc<AssignedAddrs>, gateways: Vec<Addr>) {
        if self.views != views {
            // What was learned by other numbers means nothing any more.
            self.clear();
        }
        self.views = views;
        self.granted = granted;
        self.routers.set_given(gateways);
    }

    pub fn view(&self, interface: u16) -> CapturedInterface {
        self.views.get(usize::from(interface)).copied().unwrap_or(CapturedInterface::alone(interface))
    }

    /// Forgets everything: for clocks that were set.
    pub fn clear(&mut self) {
        self.heard.0.clear();
        self.shown.clear();
        self.claims.clear();
        self.dhcp.clear();
        self.routers.clear();
        self.places.clear();
        self.rates.clear();
        self.clear_tick();
    }

    fn clear_tick(&mut self) {
        self.speakers.clear();
        self.foreign.clear();
        self.foreign_claims.clear();
        self.controls.clear();
        self.whole = true;
    }

    pub(super) fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.claims.open();
        self.dhcp.open();
        self.routers.open();
        self.places.open();
        self.rates.open(tick);
        self.clear_tick();
    }

    pub(super) fn absorb(&mut self, report: &LinkReport, whole: bool) {
        self.controls.extend_from_slice(&report.controls);
        self.whole &= whole;
        for share in report.left_out_of.iter() {
            if let Some(at) = self.left_out.get_mut(share) {
                *at = Timestamp::from_tick(self.tick + 1);
            }
        }
        for counts in &report.interfaces {
            self.rates.link(counts);
        }
        for used in &report.foreign {
            let same = |known: &&mut ForeignUse| (known.mac, known.address) == (used.mac, used.address);
            let at_port = self.view(used.interface).role == InterfaceRole::Port;
            if let Some(known) = self.foreign.iter_mut().find(same) {
                if known.interface == used.interface {
                    known.count.merge(used.count);
                } else if at_port || used.count.packets > known.count.packets {
                    // The same packets from another point of view: best told of where they came in.
                    *known = *used;
                }
            } else if self.foreign.len() < FOREIGN && !self.dhcp.has_leased(used.mac, used.address) {
                self.foreign.push(*used);
            }
        }
    }

    /// All workers have reported; `stations` are those of the tick.
    pub(super) fn close(&mut self, stations: &[StationCounts], now: Timestamp) {
        let mut controls = std::mem::take(&mut self.controls);
        // Workers that share an interface each tell their part.
        controls.sort_by_key(|control| control.time);
        for control in &controls {
            if !self.is_copy(control) {
                self.control(control);
            }
        }
        self.controls = controls;
        for station in stations {
            self.station(station);
        }
        // In the order of their frames: who moves is at the new place in the end.
        let at_ports = |station: &&StationCounts| {
            !station.entered.is_zero()
                && matches!(self.view(station.interface).role, InterfaceRole::Port | InterfaceRole::Uplink)
        };
        let mut entered: Vec<&StationCounts> = stations.iter().filter(at_ports).collect();
        entered.sort_by_key(|station| station.last_entered);
        for station in entered {
            let segment = self.view(station.interface).segment;
            self.places.enters(segment, station.mac, station.interface, station.last_entered);
        }
        let LanState { routers, claims, dhcp, heard, .. } = self;
        claims.close(|place, address, holder| {
            routers.is_gateway(place, address) || heard.of(place, holder).is_some_and(HeardStation::routes)
        });
        dhcp.close(now, heard);
        routers.close(now, heard);
    }

    /// Whether another interface of the segment has just shown the same frame.
    fn is_copy(&mut self, control: &Control) -> bool {
        let place = self.place(control.interface, control.vlan);
        let words = [control.address.bits() as u64, control.target.bits() as u64, control.source_mac.bits()];
        let said = u64::from(control.kind as u8) << 56 | u64::from(control.value);
        let rest = control.destination_mac.bits() ^ control.mac.bits().rotate_left(9);
        let hash = words.iter().fold(said ^ rest, |hash, word| self.hasher.word(hash ^ word).rotate_left(7));
        let known = self.shown.at((place, hash), control.time, || (control.interface, control.time));
        if known.0 != control.interface && control.time.seconds_since(known.1) < COPIES {
            return true;
        }
        *known = (control.interface, control.time);
        false
    }

    fn place(&self, interface: u16, vlan: u16) -> BroadcastDomain {
        BroadcastDomain { segment: self.view(interface).segment, vlan }
    }

    fn control(&mut self, control: &Control) {
        let place = self.place(control.interface, control.vlan);
        if control.kind == ControlKind::Stp {
            self.speaks(control, place);
            return;
        }
        let whole = self.hears_all_of(control.destination_mac, control.time);
        self.claims.take(control, place, &self.heard, whole);
        let answers_are_seen = self.whole
            && self.heard.of(place, control.source_mac).is_some_and(|heard| heard.answers_are_seen(control.time));
        self.routers.take(control, place, answers_are_seen);
        self.dhcp.take(control, place, self.hasher.word(control.mac.bits()));
        if control.is_gratuitous() {
            let hash = self.hasher.address(control.address);
            self.rates.gratuitous(control.interface, control.source_mac, hash, control.time);
        }
        self.hold_against_grants(control);
    }

    /// Whether nothing that a station may have asked lately was left out.
    fn hears_all_of(&self, mac: Mac, now: Timestamp) -> bool {
        let left_out = self.left_out.get(share(self.hasher, mac)).copied().unwrap_or_default();
        self.whole && now.seconds_since(left_out) > LEFT_OUT
    }

    fn hold_against_grants(&mut self, control: &Control) {
        let claims = matches!(
            control.kind,
            ControlKind::ArpRequest
                | ControlKind::ArpReply
                | ControlKind::NeighbourSolicitation
                | ControlKind::NeighbourAdvertisement
                | ControlKind::RouterSolicitation
        );
        // A probe asks whether it may: RFC 5227 §2.1, RFC 4862 §5.4.
        if !claims || control.is_probe() || control.address == Addr::UNSPECIFIED {
            return;
        }
        let (mac, address) = (control.source_mac, control.address);
        if self.granted.allows(mac, address) || self.dhcp.has_leased(mac, address) {
            return;
        }
        let same = |(known, _): &&mut ForeignClaim| (known.mac, known.address) == (mac, address);
        if let Some((known, _)) = self.foreign_claims.iter_mut().find(same) {
            known.count.add(1, 0);
        } else if self.foreign_claims.len() < FOREIGN {
            let mut count = super::counts::Count::default();
            count.add(1, 64);
            let used = ForeignUse {
                interface: control.interface,
                vlan: control.vlan,
                mac,
                address,
                first: control.time,
                count,
                destination: control.target,
            };
            self.foreign_claims.push((used, control.kind));
        }
    }

    fn speaks(&mut self, control: &Control, place: BroadcastDomain) {
        let entered = control.direction == FrameDirection::Ingress;
        let same = |known: &&mut BridgeSpeaker| {
            (known.interface, known.mac, known.entered) == (control.interface, control.source_mac, entered)
        };
        if let Some(known) = self.speakers.iter_mut().find(same) {
            known.frames += 1;
        } else if self.speakers.len() < SPEAKERS {
            self.speakers.push(BridgeSpeaker {
                place,
                interface: control.interface,
                mac: control.source_mac,
                entered,
                first: control.time,
                frames: 1,
            });
        }
    }

    fn station(&mut self, station: &StationCounts) {
        let view = self.view(station.interface);
        if view.counted != CountPolicy::Nothing {
            self.rates.station(station);
        }
        let key = (view.segment, station.mac);
        let spoken_to = station.received.packets.min(1 << 20) as u32;
        if station.sent.packets == 0 {
            if let Some(heard) = self.heard.0.get_mut(&key) {
                heard.is_spoken_to(spoken_to, Timestamp::from_tick(self.tick));
            }
            return;
        }
        let (first, last) = (station.first, station.last);
        let talks = station.sent.packets > u64::from(station.dhcp);
        let new = || HeardStation {
            first,
            last: Default::default(),
            talks: false,
            spoken_to: 0,
            spoken_at: first,
            sources: LinearCounter::default(),
        };
        let heard = self.heard.0.at(key, last, new);
        if !station.address.is_group_or_none() {
            heard.sources.add(self.hasher.address(station.address));
        }
        heard.talks |= talks;
        heard.is_spoken_to(spoken_to, Timestamp::from_tick(self.tick));
        if station.address != Addr::UNSPECIFIED
            && let Some(of_family) = heard.last.get_mut(usize::from(!station.address.is_v4()))
        {
            *of_family = last.max(*of_family);
        }
    }

    /// Claims of this tick that are contested, or that nobody asked for.
    pub fn claims(&self) -> &[Claim] {
        self.claims.of_tick()
    }

    /// Stations that came in at another port in this tick.
    pub fn moves(&self) -> &[Move] {
        self.places.moves()
    }

    /// The interface at which a station's frames came in last, where that was seen.
    pub fn port_of(&self, segment: u16, mac: Mac) -> Option<u16> {
        self.places.of(segment, mac)
    }

    /// Whether a station passes on what others send.
    pub fn is_router(&self, interface: u16, mac: Mac) -> bool {
        let place = self.place(interface, 0);
        self.heard.of(place, mac).is_some_and(HeardStation::routes)
    }

    /// Since when a station has been heard.
    pub fn heard_since(&self, place: BroadcastDomain, mac: Mac) -> Option<Timestamp> {
        self.heard.of(place, mac).map(|heard| heard.first)
    }

    pub fn dhcp_servers(&self) -> impl Iterator<Item = &Server> {
        self.dhcp.servers()
    }

    /// Segments on which clients asked in this tick.
    pub fn dhcp_asking(&self) -> &[Asking] {
        self.dhcp.asking()
    }

    /// Clients that asked in this tick.
    pub fn dhcp_askers(&self) -> &[Asker] {
        self.dhcp.askers()
    }

    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.routers()
    }

    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.routers.gateways()
    }

    /// Who speaks spanning tree in this tick.
    pub fn bridge_speakers(&self) -> &[BridgeSpeaker] {
        &self.speakers
    }

    /// Addresses that guests used as sources in this tick without having been given or having leased them.
    pub fn foreign_sources(&self) -> &[ForeignUse] {
        &self.foreign
    }

    /// The same of addresses that they claimed by ARP or neighbour discovery.
    pub fn foreign_claims(&self) -> &[ForeignClaim] {
        &self.foreign_claims
    }

    /// Loud stations, by interface.
    pub fn noisy(&self) -> impl Iterator<Item = (u16, Mac, &Rates)> {
        self.rates.stations()
    }

    /// Interfaces on which there was broadcast, multicast or ARP.
    pub fn noise(&self) -> impl Iterator<Item = (u16, &Rates)> {
        self.rates.interfaces()
    }

    /// Interfaces as a whole.
    pub fn links(&self) -> impl Iterator<Item = (u16, &LinkSecond)> {
        self.rates.links()
    }

    /// Entries in use, and how many gave way, over all tables here.
    pub fn table(&self) -> (usize, usize, u64) {
        let entries = self.heard.0.len() + self.claims.len() + self.dhcp.len();
        let evictions = self.heard.0.evictions()
            + self.claims.evictions()
            + self.dhcp.evictions()
            + self.routers.evictions()
            + self.places.evictions()
            + self.rates.evictions();
        (entries, HEARD + claims::Claims::CAPACITY + dhcp::Dhcp::CAPACITY, evictions)
    }
}
