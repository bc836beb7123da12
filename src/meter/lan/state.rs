//! The state of all LANs over time: combines the tables of this folder.

use super::bounded::Bounded;
use super::claims::{Claim, Claims};
use super::dhcp::{Dhcp, DhcpClient, DhcpRequests, DhcpServer};
use super::domain::BroadcastDomain;
use super::leaks::{Leak, Leaks};
use super::pairings::{Context, PairingEvent, Pairings};
use super::rates::{LinkSecond, RateTable, Rates};
use super::routers::{Gateway, Router, Routers};
use super::station_ports::{Move, StationPorts};
use super::stations::{KnownStation, KnownStations};
use crate::base::{Addr, CapturedInterface, CountPolicy, InterfaceRole, Mac, Pairing, Timestamp};
use crate::capture::FrameDirection;
use crate::meter::counts::Count;
use crate::meter::hash::Hasher;
use crate::meter::link::{AssignedAddrs, ForeignUse, LinkReport, STATION_BUCKETS, station_bucket};
use crate::meter::report::StationCounts;
use crate::packet::{Control, ControlKind};
use std::sync::Arc;

/// Control frames kept to detect copies, and seconds within which another interface shows a copy.
const RECENT_CONTROLS: usize = 2048;
const COPY_SECONDS: f64 = 0.05;
/// Seconds for which a skipped frame may be missed: as long as a query may wait for its reply.
const SKIPPED_SECONDS: f64 = 6.0;
/// Senders of spanning-tree frames per tick.
const STP_SENDERS: usize = 32;
/// Not assigned addresses of guests per tick.
const FOREIGN: usize = 256;

/// A station that sends spanning-tree frames on one interface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StpSender {
    /// Segment and VLAN of the frames.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed the frames.
    pub interface: u16,
    /// Source MAC address of the frames.
    pub mac: Mac,
    /// Whether the frames entered this machine.
    pub is_ingress: bool,
    /// Time of its first frame in this tick.
    pub first: Timestamp,
    /// Spanning-tree frames in this tick.
    pub frames: u32,
}

/// An address that is not assigned to the guest that claims it.
pub type ForeignClaim = (ForeignUse, ControlKind);

/// Stations, claims, leases, routers and rates of all captured segments.
pub struct LanState {
    hasher: Hasher,
    tick: u64,
    interfaces: Arc<[CapturedInterface]>,
    assigned: Arc<AssignedAddrs>,
    stations: KnownStations,
    /// Recent control frames, with the interface that showed them first.
    recent: Bounded<(BroadcastDomain, u64), (u16, Timestamp)>,
    claims: Claims,
    pairings: Pairings,
    dhcp: Dhcp,
    routers: Routers,
    ports: StationPorts,
    leaks: Leaks,
    rates: RateTable,
    stp_senders: Vec<StpSender>,
    foreign: Vec<ForeignUse>,
    foreign_claims: Vec<ForeignClaim>,
    /// Of the open tick, by time.
    controls: Vec<Control>,
    whole: bool,
    /// By bucket of stations: time of the last skipped control frame.
    skipped: Box<[Timestamp]>,
}

impl LanState {
    /// Empty state, in which each interface is a segment of its own and no guest has assigned addresses.
    pub fn new(hasher: Hasher) -> LanState {
        LanState {
            hasher,
            tick: 0,
            interfaces: Arc::default(),
            assigned: Arc::default(),
            stations: KnownStations::new(),
            recent: Bounded::new(RECENT_CONTROLS),
            claims: Claims::new(),
            pairings: Pairings::new(),
            dhcp: Dhcp::new(),
            routers: Routers::new(),
            ports: StationPorts::new(),
            leaks: Leaks::new(),
            rates: RateTable::new(),
            stp_senders: Vec::new(),
            foreign: Vec::new(),
            foreign_claims: Vec::new(),
            controls: Vec::new(),
            whole: true,
            skipped: vec![Timestamp::ZERO; STATION_BUCKETS].into_boxed_slice(),
        }
    }

    /// Replaces the captured interfaces, the addresses assigned to guests, and the known routers' addresses.
    pub fn set_topology(
        &mut self,
        interfaces: Arc<[CapturedInterface]>,
        assigned: Arc<AssignedAddrs>,
        gateways: Vec<Addr>,
    ) {
        let is_extended = interfaces.starts_with(&self.interfaces);
        if !is_extended {
            // State learned with other interface numbers is invalid. Interfaces that are added change nothing of it.
            self.clear();
        }
        // Saved and imported pairings have the number of their interface, which may be a port of a bridge.
        let added = interfaces.iter().enumerate().skip(self.interfaces.len());
        if !is_extended || added.into_iter().any(|(number, added)| usize::from(added.segment) != number) {
            self.pairings
                .renumber(|segment| interfaces.get(usize::from(segment)).map_or(segment, |known| known.segment));
        }
        self.interfaces = interfaces;
        self.assigned = assigned;
        self.routers.set_configured(gateways);
    }

    /// Role and segment of an interface; an unknown one is a segment of its own.
    pub fn interface(&self, interface: u16) -> CapturedInterface {
        self.interfaces.get(usize::from(interface)).copied().unwrap_or(CapturedInterface::alone(interface))
    }

    /// Drops all state except the pairings, which are known for days.
    pub fn clear(&mut self) {
        self.stations.clear();
        self.recent.clear();
        self.claims.clear();
        self.dhcp.clear();
        self.routers.clear();
        self.ports.clear();
        self.leaks.clear();
        self.rates.clear();
        self.clear_tick();
    }

    fn clear_tick(&mut self) {
        self.stp_senders.clear();
        self.foreign.clear();
        self.foreign_claims.clear();
        self.controls.clear();
        self.whole = true;
    }

    pub(in crate::meter) fn open(&mut self, tick: u64) {
        self.tick = tick;
        self.claims.open();
        self.pairings.open();
        self.dhcp.open();
        self.routers.open();
        self.ports.open();
        self.leaks.open();
        self.rates.open(tick);
        self.clear_tick();
    }

    pub(in crate::meter) fn absorb(&mut self, report: &LinkReport, whole: bool) {
        self.controls.extend_from_slice(&report.controls);
        self.whole &= whole;
        for bucket in report.skipped_buckets.iter() {
            if let Some(at) = self.skipped.get_mut(bucket) {
                *at = Timestamp::from_tick(self.tick + 1);
            }
        }
        for counts in &report.interfaces {
            self.rates.link(counts);
        }
        for streams in &report.streams {
            self.rates.joined(streams);
        }
        for used in &report.foreign {
            let same = |known: &&mut ForeignUse| (known.mac, known.address) == (used.mac, used.address);
            let at_port = self.interface(used.interface).role == InterfaceRole::Port;
            if let Some(known) = self.foreign.iter_mut().find(same) {
                if known.interface == used.interface {
                    known.count.merge(used.count);
                } else if at_port || used.count.packets > known.count.packets {
                    // The same packets on another interface: report them where they entered.
                    *known = *used;
                }
            } else if self.foreign.len() < FOREIGN {
                self.foreign.push(*used);
            }
        }
    }

    /// Closes the tick after all workers have reported; `stations` are those of the tick.
    pub(in crate::meter) fn close(&mut self, stations: &[StationCounts], now: Timestamp) {
        let mut controls = std::mem::take(&mut self.controls);
        // Workers that share an interface each report a part.
        controls.sort_by_key(|control| control.time);
        for control in &controls {
            if !self.is_copy(control) {
                self.control(control);
            }
        }
        self.controls = controls;
        // Only now: a client uses its lease within milliseconds of the reply.
        let dhcp = &self.dhcp;
        self.foreign.retain(|used| !dhcp.has_leased(used.mac, used.address));
        for station in stations {
            self.station(station);
        }
        // In the order of their frames: a station that moves is at its new port in the end.
        let at_ports = |station: &&StationCounts| {
            !station.entered.is_zero()
                && matches!(self.interface(station.interface).role, InterfaceRole::Port | InterfaceRole::Uplink)
        };
        let mut entered: Vec<&StationCounts> = stations.iter().filter(at_ports).collect();
        entered.sort_by_key(|station| station.last_entered);
        for station in entered {
            let segment = self.interface(station.interface).segment;
            self.ports.record(segment, station.mac, station.interface, station.last_entered);
        }
        let LanState { routers, claims, pairings, dhcp, stations: known, .. } = self;
        let is_gateway = |domain, address, holder| {
            routers.is_gateway(domain, address) || known.of(domain, holder).is_some_and(KnownStation::is_router)
        };
        for claim in claims.honest() {
            let context = Context {
                is_leased: dhcp.has_leased(claim.mac, claim.address),
                is_gateway: |holder| is_gateway(claim.domain, claim.address, holder),
                last_frame: |holder| known.of(claim.domain, holder).map(KnownStation::last_v4),
            };
            pairings.record(claim, &context);
        }
        claims.close(now, known, is_gateway);
        dhcp.close(now, known);
        routers.close(now, known);
    }

    /// Whether another interface of the segment has just shown the same frame.
    fn is_copy(&mut self, control: &Control) -> bool {
        let domain = self.domain(control.interface, control.vlan);
        let words = [control.address.bits() as u64, control.target.bits() as u64, control.source_mac.bits()];
        let content = u64::from(control.kind as u8) << 56 | u64::from(control.value);
        let rest = control.destination_mac.bits() ^ control.mac.bits().rotate_left(9);
        let hash = words.iter().fold(content ^ rest, |hash, word| self.hasher.word(hash ^ word).rotate_left(7));
        let known = self.recent.get_or_insert((domain, hash), control.time, || (control.interface, control.time));
        if known.0 != control.interface && control.time.seconds_since(known.1) < COPY_SECONDS {
            return true;
        }
        *known = (control.interface, control.time);
        false
    }

    fn domain(&self, interface: u16, vlan: u16) -> BroadcastDomain {
        BroadcastDomain { segment: self.interface(interface).segment, vlan }
    }

    fn control(&mut self, control: &Control) {
        let domain = self.domain(control.interface, control.vlan);
        if control.kind == ControlKind::Stp {
            self.stp(control, domain);
            return;
        }
        let whole = self.sees_all_of(control.destination_mac, control.time);
        self.claims.record(control, domain, &self.stations, whole);
        let replies_are_seen = self.whole
            && self
                .stations
                .of(domain, control.source_mac)
                .is_some_and(|station| station.replies_are_seen(control.time));
        self.routers.record(control, domain, replies_are_seen);
        if matches!(control.kind, ControlKind::DhcpRequest | ControlKind::DhcpOffer | ControlKind::DhcpAck) {
            let sender = self.stations.of(domain, control.source_mac);
            let from_router = sender.is_some_and(KnownStation::is_router)
                || self.routers.gateways().any(|known| known.mac == Some(control.source_mac));
            self.dhcp.record(control, domain, self.hasher.word(control.mac.bits()), from_router);
        }
        if matches!(control.kind, ControlKind::ArpRequest | ControlKind::ArpReply) {
            self.rates.inspected_arp(control.interface, control.source_mac, control.time);
        }
        if control.is_gratuitous() {
            let hash = self.hasher.address(control.address);
            self.rates.gratuitous(control.interface, control.source_mac, hash, control.time);
        }
        self.check_claimed_address(control);
    }

    /// Whether no recent query of a station can have been skipped.
    fn sees_all_of(&self, mac: Mac, now: Timestamp) -> bool {
        let skipped = self.skipped.get(station_bucket(self.hasher, mac)).copied().unwrap_or_default();
        self.whole && now.seconds_since(skipped) > SKIPPED_SECONDS
    }

    fn check_claimed_address(&mut self, control: &Control) {
        let claims = matches!(
            control.kind,
            ControlKind::ArpRequest
                | ControlKind::ArpReply
                | ControlKind::NeighbourSolicitation
                | ControlKind::NeighbourAdvertisement
                | ControlKind::RouterSolicitation
        );
        // A probe does not claim yet: RFC 5227 §2.1, RFC 4862 §5.4.
        if !claims || control.is_probe() || control.address == Addr::UNSPECIFIED {
            return;
        }
        let (mac, address) = (control.source_mac, control.address);
        if self.assigned.allows(mac, address) || self.dhcp.has_leased(mac, address) {
            return;
        }
        let same = |(known, _): &&mut ForeignClaim| (known.mac, known.address) == (mac, address);
        if let Some((known, _)) = self.foreign_claims.iter_mut().find(same) {
            known.count.add(1, 0);
        } else if self.foreign_claims.len() < FOREIGN {
            let mut count = Count::default();
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

    fn stp(&mut self, control: &Control, domain: BroadcastDomain) {
        let is_ingress = control.direction == FrameDirection::Ingress;
        let same = |known: &&mut StpSender| {
            (known.interface, known.mac, known.is_ingress) == (control.interface, control.source_mac, is_ingress)
        };
        if let Some(known) = self.stp_senders.iter_mut().find(same) {
            known.frames += 1;
        } else if self.stp_senders.len() < STP_SENDERS {
            self.stp_senders.push(StpSender {
                domain,
                interface: control.interface,
                mac: control.source_mac,
                is_ingress,
                first: control.time,
                frames: 1,
            });
        }
    }

    fn station(&mut self, station: &StationCounts) {
        let interface = self.interface(station.interface);
        if interface.counted != CountPolicy::Nothing {
            self.rates.station(station);
        }
        self.leaks.record(station, self.tick);
        self.stations.count(interface.segment, station, Timestamp::from_tick(self.tick), self.hasher);
        if let Some(address) = station.sends_ip_from() {
            let domain = BroadcastDomain { segment: interface.segment, vlan: station.vlan };
            if !self.stations.of(domain, station.mac).is_some_and(KnownStation::is_router) {
                self.claims.used(domain, address, station.mac, station.last);
            }
        }
    }

    /// Claims of this tick that are contested or unsolicited.
    pub fn claims(&self) -> &[Claim] {
        self.claims.of_tick()
    }

    /// New pairings of IPv4 and MAC addresses in this tick, and changed ones; at most 64.
    pub fn pairing_events(&self) -> &[PairingEvent] {
        self.pairings.events()
    }

    /// Every known pairing, with its segment and VLAN.
    pub fn pairings(&self) -> impl Iterator<Item = (BroadcastDomain, Pairing)> {
        self.pairings.iter()
    }

    /// The broadcast domains with pairings, and since when each is observed.
    pub fn observed_domains(&self) -> impl Iterator<Item = (BroadcastDomain, Timestamp)> {
        self.pairings.domains()
    }

    /// Adds a pairing that was known before this run.
    pub(in crate::meter) fn add_pairing(&mut self, interface: u16, vlan: u16, pairing: &Pairing) {
        let domain = self.domain(interface, vlan);
        self.pairings.add(domain, pairing);
    }

    /// The pairings of a broadcast domain were observed since this time, in an earlier run.
    pub(in crate::meter) fn observed_since(&mut self, interface: u16, vlan: u16, since: Timestamp) {
        let domain = self.domain(interface, vlan);
        self.pairings.observed_since(domain, since);
    }

    /// Stations whose frames entered at another port in this tick.
    pub fn moves(&self) -> &[Move] {
        self.ports.moves()
    }

    /// Stations that in this tick sent from addresses which are not ours, to hosts of the Internet.
    pub fn leaks(&self) -> &[Leak] {
        self.leaks.of_tick()
    }

    /// The interface at which a station's frames entered last, where known.
    pub fn port_of(&self, segment: u16, mac: Mac) -> Option<u16> {
        self.ports.of(segment, mac)
    }

    /// Whether a station forwards traffic of others.
    pub fn is_router(&self, interface: u16, mac: Mac) -> bool {
        let domain = self.domain(interface, 0);
        self.stations.of(domain, mac).is_some_and(KnownStation::is_router)
    }

    /// Time at which a station was first seen.
    pub fn known_since(&self, domain: BroadcastDomain, mac: Mac) -> Option<Timestamp> {
        self.stations.of(domain, mac).map(|station| station.first)
    }

    /// Known DHCP servers, at most 64, whether they replied in this tick or not.
    pub fn dhcp_servers(&self) -> impl Iterator<Item = &DhcpServer> {
        self.dhcp.servers()
    }

    /// Broadcast domains with DHCP requests in this tick or with clients of the last two minutes.
    pub fn dhcp_requests(&self) -> &[DhcpRequests] {
        self.dhcp.requests()
    }

    /// Clients that sent DHCP requests in this tick.
    pub fn dhcp_clients(&self) -> &[DhcpClient] {
        self.dhcp.clients()
    }

    /// Known routers that advertise themselves by IPv6, at most 64.
    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.routers()
    }

    /// Known router addresses, configured or learned from traffic, at most 64.
    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.routers.gateways()
    }

    /// Senders of spanning-tree frames in this tick.
    pub fn stp_senders(&self) -> &[StpSender] {
        &self.stp_senders
    }

    /// Source addresses in this tick that were neither assigned to the guest that used them nor leased by it.
    pub fn foreign_sources(&self) -> &[ForeignUse] {
        &self.foreign
    }

    /// The same for addresses claimed by ARP or neighbour discovery.
    pub fn foreign_claims(&self) -> &[ForeignClaim] {
        &self.foreign_claims
    }

    /// Stations with high rates, by interface.
    pub fn station_rates(&self) -> impl Iterator<Item = (u16, Mac, &Rates)> {
        self.rates.stations()
    }

    /// Rates of interfaces with broadcast, multicast or ARP frames.
    pub fn interface_rates(&self) -> impl Iterator<Item = (u16, &Rates)> {
        self.rates.interfaces()
    }

    /// Counts of interfaces as a whole.
    pub fn links(&self) -> impl Iterator<Item = (u16, &LinkSecond)> {
        self.rates.links()
    }

    /// Entries in use, their upper limit, and evictions, over all tables here.
    pub fn table(&self) -> (usize, usize, u64) {
        let entries = self.stations.len() + self.claims.len() + self.pairings.len() + self.dhcp.len();
        let evictions = self.stations.evictions()
            + self.claims.evictions()
            + self.pairings.evictions()
            + self.dhcp.evictions()
            + self.routers.evictions()
            + self.ports.evictions()
            + self.leaks.evictions()
            + self.rates.evictions();
        let capacity = KnownStations::CAPACITY + Claims::CAPACITY + Pairings::CAPACITY + Dhcp::CAPACITY;
        (entries, capacity, evictions)
    }
}
