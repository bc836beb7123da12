//! Routers: which stations advertise themselves as routers, and whether queried routers still reply.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use super::stations::KnownStations;
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Control, ControlKind};

const ROUTERS: usize = 64;
/// Stations remembered as hosts.
const HOSTS: usize = 1024;
/// Prefixes kept per router.
const PREFIXES: usize = 4;
/// The router flag of neighbour advertisements (RFC 4861 §4.4), as in [`Control::value`].
const IS_ROUTER: u16 = 0x80;
/// Querying stations kept per router.
const QUERIERS: usize = 8;
/// Seconds within which an advertisement belongs to a solicitation (RFC 4861 §6.2.6: 0.5 s plus network delay).
const REPLY_SECONDS: f64 = 2.0;
/// Seconds within which queries belong together.
const QUERY_SECONDS: f64 = 10.0;
/// Minimum interval between multicast advertisements in seconds (RFC 4861 §10, MIN_DELAY_BETWEEN_RAS).
const MIN_INTERVAL_SECONDS: f64 = 3.0;

/// What a station was heard as before it advertised itself as a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeardAs {
    /// Nothing that tells.
    #[default]
    Unknown,
    /// It looked up a router from an address of that router's prefix.
    Client,
    /// It advertised an address of its own without the router flag.
    Host,
}

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
    /// Whether any advertisement had a lifetime above 0.
    pub has_served: bool,
    /// The station that holds its address, where this one never did anything with the address but withdraw it.
    pub usurps: Option<Mac>,
    /// Whether `usurps` became known in this tick.
    pub exposed_now: bool,
    /// What the station was heard as before its first advertisement.
    pub heard_as: HeardAs,
    /// Prefixes that it advertised lately, the last one first; [`Addr::UNSPECIFIED`] fills the rest.
    pub prefixes: [Addr; PREFIXES],
    /// The shortest time in seconds between two unsolicited advertisements in a row; infinite before the second.
    pub interval: f64,
    /// Time of its last unsolicited advertisement.
    unsolicited: Option<Timestamp>,
    /// Another station that answers for its address, or has served under it.
    holder: Option<Mac>,
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
    /// Stations that behaved as hosts.
    hosts: Bounded<(BroadcastDomain, Mac), HeardAs>,
}

impl Routers {
    pub(super) fn new() -> Routers {
        Routers {
            routers: Bounded::new(ROUTERS),
            gateways: Bounded::new(ROUTERS),
            configured: Vec::new(),
            solicited: Bounded::new(ROUTERS),
            hosts: Bounded::new(HOSTS),
        }
    }

    pub(super) fn set_configured(&mut self, configured: Vec<Addr>) {
        self.configured = configured;
    }

    pub(super) fn clear(&mut self) {
        self.routers.clear();
        self.gateways.clear();
        self.solicited.clear();
        self.hosts.clear();
    }

    pub(super) fn open(&mut self) {
        for (_, router) in self.routers.values_mut() {
            router.advertisements_now = 0;
            router.exposed_now = false;
        }
        for (_, gateway) in self.gateways.values_mut() {
            gateway.queries_now = 0;
        }
    }

    pub(super) fn evictions(&self) -> u64 {
        self.routers.evictions() + self.gateways.evictions() + self.hosts.evictions()
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
                self.note_client(control, domain);
            }
            ControlKind::NeighbourAdvertisement => self.note_answer(control, domain),
            _ => {}
        }
        // Any frame with the router's own address shows that it is alive. Another station's withdrawal does not.
        let claims = !matches!(control.kind, ControlKind::DhcpRequest | ControlKind::DhcpOffer | ControlKind::DhcpAck);
        let withdraws = control.kind == ControlKind::RouterAdvertisement && control.value == 0;
        if claims
            && !control.is_probe()
            && let Some(gateway) = self.gateways.get_mut(&(domain, control.address))
            && !(withdraws && gateway.mac.is_some_and(|mac| mac != control.mac))
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

    /// A station with an address of a router's prefix looks that router up: it is its client.
    fn note_client(&mut self, control: &Control, domain: BroadcastDomain) {
        let serves = |router: &Router| {
            (router.domain, router.address) == (domain, control.target)
                && router.mac != control.source_mac
                && router.prefixes.iter().any(|prefix| is_in(control.address, *prefix))
        };
        if !control.target.is_v4() && self.routers().any(serves) {
            self.hosts.get_or_insert((domain, control.source_mac), control.time, || HeardAs::Client);
        }
    }

    /// A neighbour advertisement tells whether its sender is a router, and who holds an address.
    fn note_answer(&mut self, control: &Control, domain: BroadcastDomain) {
        if control.mac != control.source_mac {
            return;
        }
        if control.value & IS_ROUTER == 0 {
            *self.hosts.get_or_insert((domain, control.mac), control.time, HeardAs::default) = HeardAs::Host;
        }
        self.note_holder(domain, control.address, control.mac);
    }

    fn note_holder(&mut self, domain: BroadcastDomain, address: Addr, holder: Mac) {
        for (_, router) in self.routers.values_mut() {
            if (router.domain, router.address) == (domain, address) && router.mac != holder {
                router.holder = Some(holder);
            }
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
        let heard_as = self.hosts.get(&(domain, control.source_mac)).copied().unwrap_or_default();
        let another = |router: &&Router| {
            (router.domain, router.address) == (domain, control.address) && router.mac != control.source_mac
        };
        let holder = self.routers().filter(another).find(|router| router.has_served).map(|router| router.mac);
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
            has_served: false,
            usurps: None,
            exposed_now: false,
            heard_as,
            prefixes: Default::default(),
            interval: f64::INFINITY,
            unsolicited: None,
            holder,
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
        if !solicited {
            let interval = router.unsolicited.map_or(f64::INFINITY, |last| now.seconds_since(last));
            router.interval = router.interval.min(interval);
            router.unsolicited = Some(now);
        }
        for prefix in [control.router, control.target].into_iter().filter(|prefix| *prefix != Addr::UNSPECIFIED) {
            let at = router.prefixes.iter().position(|known| *known == prefix).unwrap_or(PREFIXES - 1);
            router.prefixes.get_mut(..=at).into_iter().for_each(|part| part.rotate_right(1));
            router.prefixes.first_mut().into_iter().for_each(|first| *first = prefix);
        }
        router.has_served |= control.value > 0;
        if router.has_served {
            router.usurps = None;
        } else {
            router.usurps = router.usurps.or(router.holder);
        }
        if control.value > 0 {
            self.note_holder(domain, control.address, control.source_mac);
            let gateway = self.gateway(control, domain, control.address, false);
            gateway.expired = None;
        } else if let Some(gateway) = self.gateways.get_mut(&(domain, control.address))
            && gateway.mac.is_none_or(|mac| mac == control.mac)
        {
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
        for (_, router) in self.routers.values_mut() {
            // An address that was made from another station's MAC address is that station's.
            let origin = interface_mac(router.address).filter(|mac| *mac != router.mac && !router.has_served);
            if router.usurps.is_none()
                && let Some(origin) = origin.filter(|mac| stations.of(router.domain, *mac).is_some())
            {
                (router.usurps, router.exposed_now) = (Some(origin), true);
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

/// Whether an address is of a prefix, as far as 64 bits tell (RFC 4862 §5.5.3, RFC 2464 §4).
fn is_in(address: Addr, prefix: Addr) -> bool {
    prefix != Addr::UNSPECIFIED && address.network(64) == prefix.network(64)
}

/// The MAC address from which an IPv6 address was made (RFC 4291 appendix A), if it was.
fn interface_mac(address: Addr) -> Option<Mac> {
    let [.., a, b, c, 0xff, 0xfe, d, e, f] = address.bits().to_be_bytes() else { return None };
    Some(Mac([a ^ 2, b, c, d, e, f]))
}

fn saw_alive(gateway: &mut Gateway, now: Timestamp) {
    gateway.last_seen = Some(now);
    gateway.first_query = None;
    gateway.queries = 0;
    gateway.queriers.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::FrameDirection;
    use crate::meter::hash::Hasher;
    use crate::meter::report::StationCounts;
    use crate::packet::control::SOLICITED;

    const ROUTER: Mac = Mac([0, 0, 0x5e, 0, 0x53, 1]);
    const GUEST: Mac = Mac([0x52, 0x54, 0, 0, 0, 0x66]);
    const DOMAIN: BroadcastDomain = BroadcastDomain { segment: 0, vlan: 0 };
    const PREFIX: Addr = Addr::from_v6_bits(0x2001_0db8_0010 << 80);
    /// Not made from a MAC address.
    const ONE: Addr = Addr::from_v6_bits(0xfe80 << 112 | 1);

    fn frame(seconds: u64, kind: ControlKind, mac: Mac, address: Addr, value: u16) -> Control {
        Control {
            time: Timestamp::from_parts(seconds, 0),
            kind,
            direction: FrameDirection::Unknown,
            interface: 0,
            vlan: 0,
            source_mac: mac,
            destination_mac: Mac([0x33, 0x33, 0, 0, 0, 1]),
            address,
            mac,
            target: PREFIX,
            router: Addr::UNSPECIFIED,
            dns: Addr::UNSPECIFIED,
            ttl: 255,
            value,
        }
    }

    fn advertised(seconds: u64, mac: Mac, address: Addr, lifetime: u16) -> Control {
        frame(seconds, ControlKind::RouterAdvertisement, mac, address, lifetime)
    }

    fn usurpers(frames: &[Control]) -> Vec<(Mac, Mac)> {
        let mut routers = Routers::new();
        frames.iter().for_each(|frame| routers.record(frame, DOMAIN, false));
        let mut stations = KnownStations::new();
        let mut counts = StationCounts { mac: ROUTER, ..StationCounts::default() };
        counts.sent.packets = 1;
        stations.count(0, &counts, Timestamp::from_parts(1, 0), Hasher::fixed());
        routers.close(Timestamp::from_parts(100, 0), &stations);
        routers.routers().filter_map(|router| Some((router.mac, router.usurps?))).collect()
    }

    #[test]
    fn whoever_only_withdraws_anothers_address_is_no_router() {
        let served = advertised(1, ROUTER, ONE, 1_800);
        let killed = advertised(2, GUEST, ONE, 0);
        assert_eq!(usurpers(&[served, killed]), [(GUEST, ROUTER)]);
        // The forged one comes first.
        let race = [advertised(0, GUEST, ONE, 0), served, killed];
        assert_eq!(usurpers(&race[..2]), [], "a router that stops, and its successor, look the same");
        assert_eq!(usurpers(&race), [(GUEST, ROUTER)]);
        // The router advertises nothing, but answers for its address.
        let answer = frame(1, ControlKind::NeighbourAdvertisement, ROUTER, ONE, IS_ROUTER);
        assert_eq!(usurpers(&[advertised(0, GUEST, ONE, 0), answer, killed]), [(GUEST, ROUTER)]);
    }

    #[test]
    fn an_address_made_from_a_stations_mac_is_its_own() {
        let own = Addr::from_v6_bits(0xfe80 << 112 | 0x0200_5eff_fe00_5301);
        assert_eq!(interface_mac(own), Some(ROUTER));
        assert_eq!(usurpers(&[advertised(0, GUEST, own, 0)]), [(GUEST, ROUTER)]);
        assert_eq!(usurpers(&[advertised(0, ROUTER, own, 0)]), []);
    }

    #[test]
    fn a_router_may_withdraw_itself_and_another_follow_it() {
        let successor = advertised(3, GUEST, ONE, 1_800);
        assert_eq!(usurpers(&[advertised(1, ROUTER, ONE, 1_800), advertised(2, ROUTER, ONE, 0), successor]), []);
        assert_eq!(usurpers(&[advertised(1, ROUTER, ONE, 1_800), successor, advertised(4, ROUTER, ONE, 0)]), []);
    }

    #[test]
    fn what_a_router_was_before_is_known() {
        let router = advertised(1, ROUTER, ONE, 1_800);
        let lookup = |source| Control {
            target: ONE,
            ..frame(2, ControlKind::NeighbourSolicitation, GUEST, Addr::from_v6_bits(PREFIX.bits() | source), 0)
        };
        let other = Addr::from_v6_bits(0xfe80 << 112 | 66);
        let answer = frame(2, ControlKind::NeighbourAdvertisement, GUEST, other, SOLICITED);
        for (before, heard_as) in
            [(lookup(66), HeardAs::Client), (answer, HeardAs::Host), (lookup(1 << 64), HeardAs::Unknown)]
        {
            let mut routers = Routers::new();
            for frame in [router, before, advertised(9, GUEST, other, 1_800), advertised(17, GUEST, other, 1_800)] {
                routers.record(&frame, DOMAIN, false);
            }
            let begun = routers.routers().find(|router| router.mac == GUEST).unwrap();
            assert_eq!((begun.heard_as, begun.interval, begun.prefixes[0]), (heard_as, 8.0, PREFIX));
        }
    }
}
