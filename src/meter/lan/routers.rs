//! Routers: which stations advertise themselves as routers, and whether queried routers still reply.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use super::stations::KnownStations;
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Control, ControlKind};

const ROUTERS: usize = 64;
/// Querying stations kept per router.
const QUERIERS: usize = 8;
/// Seconds within which an advertisement belongs to a solicitation (RFC 4861 §6.2.6: 0.5 s plus network delay).
const REPLY_SECONDS: f64 = 2.0;
/// Seconds within which queries belong together.
const QUERY_SECONDS: f64 = 10.0;
/// Minimum interval between multicast advertisements in seconds (RFC 4861 §10, MIN_DELAY_BETWEEN_RAS).
const MIN_INTERVAL_SECONDS: f64 = 3.0;

/// A router that advertises itself by IPv6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Router {
    /// Segment and VLAN on which it advertises.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed its first advertisement.
    pub interface: u16,
    /// Source MAC address of its advertisements.
    pub mac: Mac,
    /// IPv6 source address of its advertisements.
    pub address: Addr,
    /// Time of its first advertisement.
    pub first: Timestamp,
    /// Time of its last advertisement.
    pub last: Timestamp,
    /// Advertisements since it was first seen, and in this tick.
    pub advertisements: u32,
    /// Advertisements in this tick.
    pub advertisements_now: u32,
    /// Router lifetime in seconds of the last advertisement.
    pub lifetime: u16,
    /// Consecutive multicast advertisements that followed the previous one sooner than the standard allows.
    pub too_frequent: u32,
    /// Solicitations that it answered.
    pub answered: u32,
}

/// A router's address that stations query.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    /// Segment and VLAN of the stations that use it.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed the last query; before any, the frame that named the router.
    pub interface: u16,
    /// IPv4 or IPv6 address of the router.
    pub address: Addr,
    /// Configured by the operator or in the kernel's routing table; otherwise learned from traffic.
    pub is_configured: bool,
    /// MAC address that last claimed the address; `None` before the first claim.
    pub mac: Option<Mac>,
    /// Time of its last frame.
    pub last_seen: Option<Timestamp>,
    /// The first unanswered query, the last, their number, and the querying stations.
    pub first_query: Option<Timestamp>,
    /// Time of the last query; before any, the time at which the address was learned.
    pub last_query: Timestamp,
    /// Unanswered queries since `first_query`; 0 after a sign of life, and restarted after 10 s without a query.
    pub queries: u32,
    /// Queries in this tick whose replies would have been captured.
    pub queries_now: u32,
    /// Distinct stations that sent the unanswered queries; only the first eight.
    pub queriers: Vec<Mac>,
    /// Time at which its advertised lifetime ran out.
    pub expired: Option<Timestamp>,
}

pub(super) struct Routers {
    routers: Bounded<(BroadcastDomain, Addr, Mac), Router>,
    gateways: Bounded<(BroadcastDomain, Addr), Gateway>,
    configured: Vec<Addr>,
    /// The last router solicitation by broadcast domain.
    solicited: Bounded<BroadcastDomain, Timestamp>,
}

impl Routers {
    pub(super) fn new() -> Routers {
        Routers {
            routers: Bounded::new(ROUTERS),
            gateways: Bounded::new(ROUTERS),
            configured: Vec::new(),
            solicited: Bounded::new(ROUTERS),
        }
    }

    pub(super) fn set_configured(&mut self, configured: Vec<Addr>) {
        self.configured = configured;
    }

    pub(super) fn clear(&mut self) {
        self.routers.clear();
        self.gateways.clear();
        self.solicited.clear();
    }

    pub(super) fn open(&mut self) {
        for (_, router) in self.routers.values_mut() {
            router.advertisements_now = 0;
        }
        for (_, gateway) in self.gateways.values_mut() {
            gateway.queries_now = 0;
        }
    }

    pub(super) fn evictions(&self) -> u64 {
        self.routers.evictions() + self.gateways.evictions()
    }

    pub(super) fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.iter().map(|(_, router)| router)
    }

    pub(super) fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.gateways.iter().map(|(_, gateway)| gateway)
    }

    /// Whether an address is known to be a router's.
    pub(super) fn is_gateway(&self, domain: BroadcastDomain, address: Addr) -> bool {
        self.configured.contains(&address) || self.gateways.get(&(domain, address)).is_some()
    }

    /// `replies_are_seen`: replies to the frame's sender cannot be missed.
    pub(super) fn record(&mut self, control: &Control, domain: BroadcastDomain, replies_are_seen: bool) {
        let now = control.time;
        match control.kind {
            ControlKind::RouterAdvertisement => self.advertisement(control, domain),
            ControlKind::RouterSolicitation => *self.solicited.get_or_insert(domain, now, || now) = now,
            ControlKind::DhcpAck | ControlKind::DhcpOffer if control.router != Addr::UNSPECIFIED => {
                self.gateway(control, domain, control.router, false);
            }
            ControlKind::ArpRequest | ControlKind::NeighbourSolicitation if !control.is_gratuitous() => {
                self.query(control, domain, replies_are_seen);
            }
            _ => {}
        }
        // Any frame with the router's own address shows that it is alive.
        let claims = !matches!(control.kind, ControlKind::DhcpRequest | ControlKind::DhcpOffer | ControlKind::DhcpAck);
        if claims
            && !control.is_probe()
            && let Some(gateway) = self.gateways.get_mut(&(domain, control.address))
        {
            gateway.mac = Some(control.mac).filter(|mac| *mac != Mac::ZERO).or(gateway.mac);
            saw_alive(gateway, now);
        }
    }

    fn gateway(
        &mut self,
        control: &Control,
        domain: BroadcastDomain,
        address: Addr,
        is_configured: bool,
    ) -> &mut Gateway {
        self.gateways.get_or_insert((domain, address), control.time, || Gateway {
            domain,
            interface: control.interface,
            address,
            is_configured,
            mac: None,
            last_seen: None,
            first_query: None,
            last_query: control.time,
            queries: 0,
            queries_now: 0,
            queriers: Vec::new(),
            expired: None,
        })
    }

    fn query(&mut self, control: &Control, domain: BroadcastDomain, counts: bool) {
        let (target, now) = (control.target, control.time);
        if self.configured.contains(&target) {
            self.gateway(control, domain, target, true);
        }
        let Some(gateway) = self.gateways.get_mut(&(domain, target)) else { return };
        if !counts || gateway.mac == Some(control.source_mac) || control.is_probe() {
            return;
        }
        if now.seconds_since(gateway.last_query) > QUERY_SECONDS {
            // Occasional queries are separate cases.
            gateway.first_query = None;
            gateway.queries = 0;
            gateway.queriers.clear();
        }
        gateway.last_query = now;
        gateway.interface = control.interface;
        gateway.first_query.get_or_insert(now);
        gateway.queries = gateway.queries.saturating_add(1);
        gateway.queries_now += 1;
        if gateway.queriers.len() < QUERIERS && !gateway.queriers.contains(&control.source_mac) {
            gateway.queriers.push(control.source_mac);
        }
    }

    fn advertisement(&mut self, control: &Control, domain: BroadcastDomain) {
        let now = control.time;
        let solicited = self.solicited.get(&domain).is_some_and(|at| now.seconds_since(*at) <= REPLY_SECONDS);
        let key = (domain, control.address, control.source_mac);
        if self.routers.len() >= ROUTERS && self.routers.get(&key).is_none() {
            // A flood of made-up routers is sudden: keep those that were there before.
            self.routers.evict_unless(|router| now.seconds_since(router.first) > REPLY_SECONDS);
        }
        let router = self.routers.get_or_insert(key, now, || Router {
            domain,
            interface: control.interface,
            mac: control.source_mac,
            address: control.address,
            first: now,
            last: now,
            advertisements: 0,
            advertisements_now: 0,
            lifetime: 0,
            too_frequent: 0,
            answered: 0,
        });
        let apart = now.seconds_since(router.last);
        let too_frequent =
            router.advertisements > 0 && apart < MIN_INTERVAL_SECONDS * 0.9 && control.destination_mac.is_group();
        router.too_frequent = if too_frequent { router.too_frequent + 1 } else { 0 };
        router.answered += u32::from(solicited);
        router.advertisements += 1;
        router.advertisements_now += 1;
        router.lifetime = control.value;
        router.last = now;
        if control.value > 0 {
            let gateway = self.gateway(control, domain, control.address, false);
            gateway.expired = None;
        } else if let Some(gateway) = self.gateways.get_mut(&(domain, control.address)) {
            // It announces that it is no longer a default router.
            gateway.expired = None;
        }
    }

    /// Closes the tick after all its frames have been recorded.
    pub(super) fn close(&mut self, now: Timestamp, stations: &KnownStations) {
        for (_, gateway) in self.gateways.values_mut() {
            // Each address family separately: a router may fail for one of them only.
            let family = usize::from(!gateway.address.is_v4());
            let known = gateway.mac.and_then(|mac| stations.of(gateway.domain, mac));
            let last_sent = known.and_then(|station| station.last.get(family).copied());
            if let Some(last_sent) = last_sent
                && gateway.first_query.is_some_and(|first| last_sent > first)
            {
                saw_alive(gateway, last_sent);
            }
        }
        for ((domain, address, _), router) in self.routers.iter() {
            let ends = router.last.plus_seconds(f64::from(router.lifetime));
            if router.lifetime > 0
                && now > ends
                && let Some(gateway) = self.gateways.get_mut(&(*domain, *address))
            {
                gateway.expired = Some(ends);
            }
        }
    }
}

fn saw_alive(gateway: &mut Gateway, now: Timestamp) {
    gateway.last_seen = Some(now);
    gateway.first_query = None;
    gateway.queries = 0;
    gateway.queriers.clear();
}
