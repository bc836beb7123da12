//! Pairings: which station used which IPv4 address, over days and restarts, and what changes. The events are those of
//! arpwatch(8): new station, changed Ethernet address, flip flop.
//!
//! Of IPv6 and IPv4 link-local addresses (RFC 3927) only the station is kept: hosts change these addresses every day
//! (RFC 8981), so that a new one says nothing.

use super::bounded::Bounded;
use super::claims::HonestClaim;
use super::domain::BroadcastDomain;
use crate::base::{Addr, Mac, Pairing, Timestamp};

/// Addresses kept. Those used for less than [`LASTING_SECONDS`] are evicted first, then those last used longest ago.
const ADDRESSES: usize = 8192;
/// Stations kept; evicted in the same order.
const STATIONS: usize = 8192;
/// Broadcast domains kept: a sender may tag its frames with any VLAN.
const DOMAINS: usize = 256;
/// Events kept per tick. More are only counted.
const EVENTS: usize = 64;
/// Seconds without a claim or a frame of the previous station after which an address has changed. Until then, two stations
/// that claim it are in conflict.
const SILENT_SECONDS: f64 = 30.0;
/// Seconds for which a station has used an address, so that a change is an event. Bonds that answer from several MAC
/// addresses in turn never do.
const LASTING_SECONDS: f64 = 600.0;
const SECONDS_PER_MINUTE: usize = 60;

/// What happened to a pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairingChange {
    /// A station, or an address, that was never seen in the broadcast domain.
    New,
    /// Another station uses the address, whose previous one is silent.
    Changed,
    /// The address is used by the station again that used it before the last change.
    FlipFlop,
}

/// A station that used an address, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its MAC address.
    pub mac: Mac,
    /// When it began to; [`Timestamp::ZERO`]: before anything that was captured.
    pub since: Timestamp,
    /// When it last did.
    pub last: Timestamp,
}

impl Holder {
    fn seconds(&self) -> f64 {
        self.last.seconds_since(self.since)
    }

    /// The whole time of both, for the same station.
    fn merged(self, other: Holder) -> Holder {
        Holder { since: self.since.min(other.since), last: self.last.max(other.last), ..self }
    }
}

/// An event of this tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairingEvent {
    /// Segment and VLAN.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed the claim.
    pub interface: u16,
    /// What happened.
    pub change: PairingChange,
    /// The address claimed, IPv4 or IPv6.
    pub address: Addr,
    /// The station that claims it.
    pub mac: Mac,
    /// Whether the station was known before, with another address.
    pub is_known_station: bool,
    /// The station that used the address before.
    pub previous: Option<Holder>,
    /// Time of the claim.
    pub at: Timestamp,
    /// Since when the pairings of the broadcast domain are observed.
    pub observed_since: Timestamp,
    /// Events of this kind in the broadcast domain in the last minute, this one included.
    pub in_last_minute: u32,
}

/// What the rest of the LAN state knows of a claim.
pub(super) struct Context<G, F> {
    /// Whether the claimant has leased the address by DHCP.
    pub is_leased: bool,
    /// Whether the address, of this station, is a router's.
    pub is_gateway: G,
    /// When this station sent its last IPv4 frame, if that is known.
    pub last_frame: F,
}

#[derive(Clone, Copy, Debug)]
struct Address {
    current: Holder,
    previous: Option<Holder>,
    /// A station that claims it while the current one is not silent, and since when.
    rival: Option<(Mac, Timestamp)>,
}

/// Events of the last minute, by second.
#[derive(Clone, Copy, Debug)]
struct LastMinute {
    second: u64,
    counts: [u16; SECONDS_PER_MINUTE],
}

impl LastMinute {
    const NONE: LastMinute = LastMinute { second: 0, counts: [0; SECONDS_PER_MINUTE] };

    /// Counts an event; returns their number.
    fn add(&mut self, now: Timestamp) -> u32 {
        let second = (now.nanos() / 1_000_000_000).max(self.second);
        let passed = (second - self.second).min(SECONDS_PER_MINUTE as u64);
        for later in (second + 1 - passed)..=second {
            if let Some(count) = self.count(later) {
                *count = 0;
            }
        }
        self.second = second;
        if let Some(count) = self.count(second) {
            *count = count.saturating_add(1);
        }
        self.counts.iter().map(|count| u32::from(*count)).sum()
    }

    fn count(&mut self, second: u64) -> Option<&mut u16> {
        // A remainder of sixty.
        self.counts.get_mut((second % SECONDS_PER_MINUTE as u64) as usize)
    }
}

/// A broadcast domain.
#[derive(Clone, Copy, Debug)]
struct Domain {
    since: Timestamp,
    /// By [`PairingChange`].
    events: [LastMinute; 3],
}

pub(super) struct Pairings {
    addresses: Bounded<(BroadcastDomain, Addr), Address>,
    /// The times at which each was first and last seen.
    stations: Bounded<(BroadcastDomain, Mac), (Timestamp, Timestamp)>,
    domains: Bounded<BroadcastDomain, Domain>,
    events: Vec<PairingEvent>,
}

impl Pairings {
    /// Upper limit of [`Pairings::len`].
    pub(super) const CAPACITY: usize = ADDRESSES + STATIONS;

    pub(super) fn new() -> Pairings {
        Pairings {
            addresses: Bounded::new(ADDRESSES),
            stations: Bounded::new(STATIONS),
            domains: Bounded::new(DOMAINS),
            events: Vec::new(),
        }
    }

    pub(super) fn open(&mut self) {
        self.events.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.addresses.len() + self.stations.len()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.addresses.evictions() + self.stations.evictions() + self.domains.evictions()
    }

    /// Events of this tick.
    pub(super) fn events(&self) -> &[PairingEvent] {
        &self.events
    }

    /// Records a claim.
    pub(super) fn record<G, F>(&mut self, claim: &HonestClaim, context: &Context<G, F>)
    where
        G: Fn(Mac) -> bool,
        F: Fn(Mac) -> Option<Timestamp>,
    {
        let HonestClaim { domain, address, mac, at: now, .. } = *claim;
        self.domains.get_or_insert(domain, now, || Domain { since: now, events: [LastMinute::NONE; 3] });
        let is_known_station = self.saw_station(domain, mac, (now, now));
        if !is_kept(address) {
            if !is_known_station {
                self.event(claim, PairingChange::New, is_known_station, None);
            }
            return;
        }
        let key = (domain, address);
        if self.addresses.get(&key).is_none() {
            self.insert(key, Holder { mac, since: now, last: now });
            // A known station with a new lease is nothing new.
            if !(is_known_station && context.is_leased) {
                self.event(claim, PairingChange::New, is_known_station, None);
            }
            return;
        }
        let new = Holder { mac, since: now, last: now };
        let entry = self.addresses.get_or_insert(key, now, || Address { current: new, previous: None, rival: None });
        let current = entry.current;
        if current.mac == mac {
            entry.current.last = current.last.max(now);
            entry.rival = None;
            return;
        }
        let since = entry.rival.filter(|(rival, _)| *rival == mac).map_or(now, |(_, since)| since);
        entry.rival = Some((mac, since));
        let last_sign = current.last.max((context.last_frame)(current.mac).unwrap_or_default());
        let is_silent = now.seconds_since(last_sign) >= SILENT_SECONDS || now.seconds_since(since) >= SILENT_SECONDS;
        if !is_silent && !context.is_leased {
            return;
        }
        let before = Holder { last: last_sign.min(since).max(current.last), ..current };
        let returned = entry.previous.filter(|previous| previous.mac == mac);
        *entry = Address { current: Holder { mac, since, last: now }, previous: Some(before), rival: None };
        let lasting = returned.unwrap_or(before).seconds() >= LASTING_SECONDS;
        // A router's address is reported by other events, with more detail.
        if lasting && !context.is_leased && !(context.is_gateway)(current.mac) {
            let change = if returned.is_some() { PairingChange::FlipFlop } else { PairingChange::Changed };
            self.event(claim, change, is_known_station, Some(before));
        }
    }

    /// Notes that a station was seen at these times; whether it was known.
    fn saw_station(&mut self, domain: BroadcastDomain, mac: Mac, (first, last): (Timestamp, Timestamp)) -> bool {
        let key = (domain, mac);
        let is_known = self.stations.get(&key).is_some();
        self.stations.make_room(&key, |(first, last)| last.seconds_since(*first) >= LASTING_SECONDS);
        let seen = self.stations.get_or_insert(key, last, || (first, last));
        *seen = (seen.0.min(first), seen.1.max(last));
        is_known
    }

    fn insert(&mut self, key: (BroadcastDomain, Addr), current: Holder) {
        self.addresses.make_room(&key, |entry| entry.current.seconds() >= LASTING_SECONDS);
        let new = || Address { current, previous: None, rival: None };
        self.addresses.get_or_insert(key, current.last, new);
    }

    fn event(&mut self, claim: &HonestClaim, change: PairingChange, is_known_station: bool, previous: Option<Holder>) {
        let HonestClaim { domain, interface, address, mac, at } = *claim;
        let Some(known) = self.domains.get_mut(&domain) else { return };
        let Some(events) = known.events.get_mut(change as usize) else { return };
        let in_last_minute = events.add(at);
        let observed_since = known.since;
        let event = PairingEvent {
            domain,
            interface,
            change,
            address,
            mac,
            is_known_station,
            previous,
            at,
            observed_since,
            in_last_minute,
        };
        if self.events.len() < EVENTS {
            self.events.push(event);
            return;
        }
        let is_same = |known: &&mut PairingEvent| (known.domain, known.change) == (domain, change);
        if let Some(last) = self.events.iter_mut().rev().find(is_same) {
            last.in_last_minute = in_last_minute;
        }
    }

    /// Every pairing: the current station of each address and the one before, and the stations without an address.
    pub(super) fn iter(&self) -> impl Iterator<Item = (BroadcastDomain, Pairing)> {
        let paired = self.addresses.iter().flat_map(|((domain, address), entry)| {
            let pairing = |holder: Holder| {
                let Holder { mac, since, last } = holder;
                (*domain, Pairing { mac, address: Some(*address), since, last })
            };
            [Some(entry.current), entry.previous].into_iter().flatten().map(pairing)
        });
        let stations = self.stations.iter().map(|((domain, mac), (since, last))| {
            (*domain, Pairing { mac: *mac, address: None, since: *since, last: *last })
        });
        paired.chain(stations)
    }

    /// The broadcast domains, and since when each is observed.
    pub(super) fn domains(&self) -> impl Iterator<Item = (BroadcastDomain, Timestamp)> {
        self.domains.iter().map(|(domain, known)| (*domain, known.since))
    }

    /// Adds a pairing that was known before; adding it twice changes nothing.
    pub(super) fn add(&mut self, domain: BroadcastDomain, pairing: &Pairing) {
        let Pairing { mac, address, since, last } = *pairing;
        self.saw_station(domain, mac, (since, last));
        let Some(address) = address.filter(|address| is_kept(*address)) else { return };
        let (key, holder) = ((domain, address), Holder { mac, since, last });
        let Some(entry) = self.addresses.get_mut(&key) else {
            self.insert(key, holder);
            return;
        };
        if entry.current.mac == mac {
            entry.current = entry.current.merged(holder);
        } else if last > entry.current.last {
            *entry = Address { current: holder, previous: Some(entry.current), rival: None };
        } else if let Some(previous) = entry.previous.filter(|previous| previous.mac == mac) {
            entry.previous = Some(previous.merged(holder));
        } else if entry.previous.is_none_or(|previous| last > previous.last) {
            entry.previous = Some(holder);
        }
    }

    /// A broadcast domain was observed since this time, in an earlier run.
    pub(super) fn observed_since(&mut self, domain: BroadcastDomain, since: Timestamp) {
        let new = || Domain { since, events: [LastMinute::NONE; 3] };
        let known = self.domains.get_or_insert(domain, since, new);
        known.since = known.since.min(since);
    }

    /// Segments have other numbers from now on.
    pub(super) fn renumber(&mut self, number: impl Fn(u16) -> u16) {
        let moved = |domain: BroadcastDomain| BroadcastDomain { segment: number(domain.segment), ..domain };
        let pairings: Vec<(BroadcastDomain, Pairing)> = self.iter().collect();
        let domains: Vec<(BroadcastDomain, Timestamp)> = self.domains().collect();
        self.addresses.clear();
        self.stations.clear();
        self.domains.clear();
        for (domain, pairing) in pairings {
            self.add(moved(domain), &pairing);
        }
        for (domain, since) in domains {
            self.observed_since(moved(domain), since);
        }
    }
}

/// Whether the address of a station is kept, and not the station alone.
fn is_kept(address: Addr) -> bool {
    address.is_v4() && !address.is_valid_on_any_link()
}

#[cfg(test)]
mod tests {
    use super::PairingChange::{Changed, FlipFlop, New};
    use super::*;

    const LAN: BroadcastDomain = BroadcastDomain { segment: 0, vlan: 0 };
    const A: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 0xb]);

    fn time(seconds: f64) -> Timestamp {
        Timestamp::from_parts(1_767_225_600, 0).plus_seconds(seconds)
    }

    /// An address of which the tests use only the number.
    fn address(number: u32) -> Addr {
        Addr::from_v4_bits(0x0a00_0000 + number)
    }

    fn claim(number: u32, mac: Mac, seconds: f64) -> HonestClaim {
        HonestClaim { domain: LAN, interface: 0, address: address(number), mac, at: time(seconds) }
    }

    /// The events of one claim in a tick of its own.
    fn recorded(pairings: &mut Pairings, claim: &HonestClaim, is_leased: bool) -> Vec<PairingChange> {
        pairings.open();
        let context = Context { is_leased, is_gateway: |_| false, last_frame: |_| None };
        pairings.record(claim, &context);
        pairings.events().iter().map(|event| event.change).collect()
    }

    fn played(claims: &[(u32, Mac, f64)]) -> Vec<Vec<PairingChange>> {
        let mut pairings = Pairings::new();
        claims.iter().map(|(number, mac, at)| recorded(&mut pairings, &claim(*number, *mac, *at), false)).collect()
    }

    #[test]
    fn a_change_and_the_return_are_events() {
        let events = played(&[(1, A, 0.0), (1, A, 700.0), (1, B, 740.0), (1, B, 741.0), (1, A, 780.0), (1, A, 781.0)]);
        assert_eq!(events, [vec![New], vec![], vec![Changed], vec![], vec![FlipFlop], vec![]]);
    }

    #[test]
    fn an_address_in_conflict_has_not_changed() {
        let mut claims = vec![(1, A, 0.0), (1, A, 700.0)];
        claims.extend((0..40).map(|n| (1, if n % 2 == 0 { B } else { A }, 710.0 + f64::from(n) * 20.0)));
        let events = played(&claims);
        assert!(events[2..].iter().all(Vec::is_empty), "{events:?}");
    }

    #[test]
    fn a_takeover_is_an_event_once_the_first_station_stays_silent() {
        let events = played(&[(1, A, 0.0), (1, A, 700.0), (1, B, 701.0), (1, B, 715.0), (1, B, 732.0)]);
        assert_eq!(events, [vec![New], vec![], vec![], vec![], vec![Changed]]);
    }

    #[test]
    fn a_bond_that_answers_in_turn_causes_no_events() {
        let claims: Vec<(u32, Mac, f64)> =
            (0..100).map(|n| (1, if n % 2 == 0 { A } else { B }, f64::from(n) * 60.0)).collect();
        let events = played(&claims);
        assert!(events[1..].iter().all(Vec::is_empty), "{events:?}");
    }

    #[test]
    fn leased_addresses_change_without_an_event() {
        let mut pairings = Pairings::new();
        for (number, mac, at) in [(1, A, 0.0), (2, B, 0.0), (1, A, 700.0)] {
            recorded(&mut pairings, &claim(number, mac, at), false);
        }
        assert_eq!(recorded(&mut pairings, &claim(1, B, 705.0), true), []);
        assert_eq!(recorded(&mut pairings, &claim(3, A, 706.0), true), [], "a known station, a new lease");
        assert_eq!(recorded(&mut pairings, &claim(4, A, 707.0), false), [New], "no lease was seen");
        assert_eq!(recorded(&mut pairings, &claim(5, Mac([2; 6]), 708.0), true), [New], "a new station");
    }

    #[test]
    fn of_ipv6_only_the_station_counts() {
        let mut pairings = Pairings::new();
        let six =
            |mac, bits, at| HonestClaim { address: Addr::from_v6_bits(0xfdu128 << 120 | bits), ..claim(0, mac, at) };
        assert_eq!(recorded(&mut pairings, &six(A, 1, 0.0), false), [New]);
        assert_eq!(recorded(&mut pairings, &six(A, 2, 1.0), false), []);
        assert_eq!(recorded(&mut pairings, &six(B, 2, 2.0), false), [New]);
    }

    #[test]
    fn what_is_exported_can_be_added_again() {
        let mut pairings = Pairings::new();
        for (number, mac, at) in [(1, A, 0.0), (1, A, 700.0), (1, B, 740.0), (2, A, 741.0)] {
            recorded(&mut pairings, &claim(number, mac, at), false);
        }
        let known: Vec<(BroadcastDomain, Pairing)> = pairings.iter().collect();
        let mut restored = Pairings::new();
        // In any order, and more than once.
        known.iter().rev().chain(&known).for_each(|(domain, pairing)| restored.add(*domain, pairing));
        assert_eq!(restored.iter().collect::<Vec<_>>(), known);
        assert_eq!(recorded(&mut restored, &claim(2, A, 800.0), false), []);
        assert_eq!(recorded(&mut restored, &claim(1, A, 801.0), false), [FlipFlop]);
        pairings.renumber(|segment| segment + 3);
        assert!(pairings.iter().all(|(domain, _)| domain.segment == 3));
        assert_eq!(
            pairings.iter().map(|(_, pairing)| pairing).collect::<Vec<_>>(),
            known.iter().map(|(_, p)| *p).collect::<Vec<_>>()
        );
    }

    #[test]
    fn imported_pairings_count_as_lasting() {
        let mut pairings = Pairings::new();
        pairings.add(LAN, &Pairing { mac: A, address: Some(address(1)), since: Timestamp::ZERO, last: time(0.0) });
        assert_eq!(recorded(&mut pairings, &claim(1, B, 60.0), false), [Changed]);
    }

    #[test]
    fn a_flood_of_addresses_evicts_its_own_first() {
        let mut pairings = Pairings::new();
        for at in [0.0, 700.0] {
            recorded(&mut pairings, &claim(1, A, at), false);
        }
        for number in 2..(2 * ADDRESSES as u32) {
            let mac = Mac([2, 1, 0, 0, (number >> 8) as u8, number as u8]);
            recorded(&mut pairings, &claim(number, mac, 701.0 + f64::from(number) / 1e3), false);
        }
        assert!(pairings.len() <= Pairings::CAPACITY && pairings.evictions() > 0);
        assert_eq!(recorded(&mut pairings, &claim(1, A, 760.0), false), [], "it is still known");
        assert!(recorded(&mut pairings, &claim(1, B, 800.0), false) == [Changed]);
    }

    #[test]
    fn events_of_the_last_minute_are_counted() {
        let mut minute = LastMinute::NONE;
        assert_eq!([0.0, 0.5, 30.0, 59.9].map(|at| minute.add(time(at))), [1, 2, 3, 4]);
        assert_eq!([60.0, 89.0, 90.0, 4000.0].map(|at| minute.add(time(at))), [3, 4, 4, 1]);
        assert_eq!(minute.add(time(10.0)), 2, "late");
    }
}
