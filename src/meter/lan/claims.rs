//! Claims: which station claims an address, which other one does, and whether there was a query.
//!
//! This is no verdict. A claim is *confirmed* where it answers a query that was seen, or is made in a query to the
//! group; *announced* where it is broadcast without a query; *forged* where it is sent to a single station that did not
//! query. Who sends IP packets from an address holds it as well ([`Users`]).

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use super::stations::{KnownStation, KnownStations};
use super::users::{User, Users};
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Control, ControlKind};

/// Seconds for which competing claims count as a conflict.
const CONFLICT_SECONDS: f64 = 60.0;
/// Seconds within which a reply belongs to a query.
const REPLY_SECONDS: f64 = 5.0;
/// Seconds within which two replies belong to the same query.
const SAME_QUERY_SECONDS: f64 = 1.0;
/// Seconds after which an address that its holder no longer claims passes to the claimant.
const RELEASE_SECONDS: f64 = 30.0;
/// Seconds since a station was first seen, after which all its queries count as seen.
const AUDIBLE_SECONDS: f64 = 1.5;
const BINDINGS: usize = 4096;
const QUERIES: usize = 2048;
/// Addresses kept per station.
const OWN_ADDRESSES: usize = 4;
/// Claims of unknown stations that wait for what these send.
const PENDING: usize = 64;
/// Forged claims kept per station.
const FORGED: usize = 8;

/// One station's claim to one address.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Claimant {
    /// The MAC address claimed, and the station that sent the claim, mostly the same.
    pub mac: Mac,
    /// Source MAC address of the frame with the last claim.
    pub sender: Mac,
    /// Time of the first and of the last claim.
    pub first: Timestamp,
    /// Time of the last claim, of any kind.
    pub last: Timestamp,
    /// Number of claims of each kind: see the documentation of this file.
    pub confirmed: u32,
    /// Claims sent to a group without a query.
    pub announced: u32,
    /// Claims sent to a single station that had not queried.
    pub forged: u32,
    /// Replies to a query that another station had answered within a second.
    pub doubled: u32,
    /// Queries sent to single stations with the address as their source: these teach caches as well as replies do.
    pub asked: u32,
    /// Replies by which it first claimed the address, to the station that held it and probed for it.
    pub denied: u32,
    /// Of the forged ones, those to a victim whose queries are all seen and that had not queried.
    pub forged_to_audible: u32,
    /// Receiver of the last forged one.
    pub victim: Mac,
}

/// A claim of this tick that another station contests, or that answers no query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// Segment and VLAN on which the address is claimed.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed the last claim to the address.
    pub interface: u16,
    /// The claimed IPv4 or IPv6 address.
    pub address: Addr,
    /// The address of a router.
    pub is_gateway: bool,
    /// The station that claims it now.
    pub claimant: Claimant,
    /// The station that held it before, and may still claim it.
    pub holder: Option<Claimant>,
    /// Whether the holder claimed or used it again after the claimant first did.
    pub contested: bool,
    /// Whether the holder also claims an address of the claimant: both are NICs of one machine.
    pub related: bool,
    /// Alternations between the two, within a minute.
    pub turns: u32,
    /// Whether the claimant sends IP packets from other addresses: it has them, or forwards.
    pub claimant_sends_from_others: bool,
    /// Other addresses that the claimant, and the holder, hold permanently.
    pub claimant_others: usize,
    /// Other addresses of the same family that the holder holds permanently, 0 to 4; 0 without a holder.
    pub holder_others: usize,
    /// Addresses that the claimant forged lately, of the same family, and the number of stations it sent them to.
    pub forged_addresses: usize,
    /// Distinct stations that these claims were sent to, at most 8.
    pub forged_victims: usize,
    /// Address of the other victim, where the claimant also forged that one to this one: a man in the middle.
    pub between: Option<Addr>,
    /// Stations whose probes for free addresses the claimant answered lately.
    pub probes_answered: usize,
    /// Claims in this tick.
    pub count: u32,
}

/// A claim that an honest station makes: to a group, or in reply to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct HonestClaim {
    pub domain: BroadcastDomain,
    pub interface: u16,
    pub address: Addr,
    pub mac: Mac,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Binding {
    holder: Claimant,
    rival: Option<Claimant>,
    /// Another one, which claimed it before the rival did last.
    third: Option<Claimant>,
    turns: u32,
    last_was_rival: bool,
    interface: u16,
}

#[derive(Clone, Copy, Debug)]
struct Query {
    at: Timestamp,
    /// The station that replied first, and when.
    answered: Option<(Mac, Timestamp)>,
    is_probe: bool,
}

/// Forged claims of one station, and its permanent addresses.
#[derive(Clone, Debug, Default)]
struct Station {
    own: Vec<Addr>,
    /// Address, victim's MAC, victim's address where known, time.
    forged: Vec<(Addr, Mac, Addr, Timestamp)>,
    /// Addresses that others probed for and that it replied for.
    probes: Vec<(Addr, Mac, Timestamp)>,
}

pub(super) struct Claims {
    bindings: Bounded<(BroadcastDomain, Addr), Binding>,
    queries: Bounded<(BroadcastDomain, Addr, Mac), Query>,
    stations: Bounded<(BroadcastDomain, Mac), Station>,
    users: Users,
    /// Addresses claimed without a query, by a station of which nothing else is known: to be looked at again when it sends.
    pending: Vec<(BroadcastDomain, Addr, Timestamp)>,
    /// Addresses claimed in this tick, to be evaluated.
    touched: Vec<(BroadcastDomain, Addr, Mac)>,
    /// Claims of this tick that look honest.
    honest: Vec<HonestClaim>,
    tick: Vec<Claim>,
}

impl Claims {
    /// Upper limit of [`Claims::len`].
    pub(super) const CAPACITY: usize = BINDINGS;

    pub(super) fn new() -> Claims {
        Claims {
            bindings: Bounded::new(BINDINGS),
            queries: Bounded::new(QUERIES),
            stations: Bounded::new(BINDINGS),
            users: Users::new(),
            pending: Vec::new(),
            touched: Vec::new(),
            honest: Vec::new(),
            tick: Vec::new(),
        }
    }

    pub(super) fn open(&mut self) {
        self.touched.clear();
        self.honest.clear();
        self.tick.clear();
    }

    pub(super) fn clear(&mut self) {
        self.open();
        self.bindings.clear();
        self.queries.clear();
        self.stations.clear();
        self.users.clear();
        self.pending.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.bindings.evictions() + self.queries.evictions() + self.stations.evictions() + self.users.evictions()
    }

    /// Claims of this tick that are contested or unsolicited.
    pub(super) fn of_tick(&self) -> &[Claim] {
        &self.tick
    }

    /// A station that is no router sent an IP packet from an address.
    pub(super) fn used(&mut self, domain: BroadcastDomain, address: Addr, mac: Mac, now: Timestamp) {
        self.users.record(domain, address, mac, now);
    }

    /// When a station last sent from an address.
    fn last_use(&self, domain: BroadcastDomain, address: Addr, mac: Mac) -> Timestamp {
        self.users.of(domain, address).filter(|user| user.mac == mac).map_or(Timestamp::ZERO, |user| user.last)
    }

    /// Claims of this tick that look honest, by time.
    pub(super) fn honest(&self) -> &[HonestClaim] {
        &self.honest
    }

    /// Records a frame. `whole` where every frame is captured: otherwise unseen queries may exist.
    pub(super) fn record(&mut self, control: &Control, domain: BroadcastDomain, stations: &KnownStations, whole: bool) {
        let is_query = matches!(control.kind, ControlKind::ArpRequest | ControlKind::NeighbourSolicitation);
        if is_query && !control.is_gratuitous() && control.target != Addr::UNSPECIFIED {
            let query = Query { at: control.time, answered: None, is_probe: control.is_probe() };
            *self.queries.get_or_insert((domain, control.target, control.source_mac), control.time, || query) = query;
            // Replies go to the station that the query names; for shared router addresses this is not its sender.
            if control.mac != control.source_mac && control.mac != Mac::ZERO {
                *self.queries.get_or_insert((domain, control.target, control.mac), control.time, || query) = query;
            }
        }
        if control.address == Addr::UNSPECIFIED || control.is_probe() || control.mac == Mac::ZERO {
            return;
        }
        match control.kind {
            ControlKind::ArpRequest if control.is_gratuitous() => self.claim(control, domain, ClaimKind::Announced),
            // A unicast query reveals the querying station to its receiver alone.
            ControlKind::ArpRequest | ControlKind::NeighbourSolicitation | ControlKind::RouterSolicitation => {
                let aloud = control.destination_mac.is_group();
                self.claim(control, domain, ClaimKind::Asked { aloud });
            }
            ControlKind::ArpReply | ControlKind::NeighbourAdvertisement => self.reply(control, domain, stations, whole),
            // With a lifetime of zero it withdraws a router: that is no use of its address.
            ControlKind::RouterAdvertisement if control.value > 0 => self.claim(control, domain, ClaimKind::Confirmed),
            _ => {}
        }
    }

    fn reply(&mut self, control: &Control, domain: BroadcastDomain, stations: &KnownStations, whole: bool) {
        let (address, now) = (control.address, control.time);
        if control.destination_mac.is_group() {
            self.reply_to_group(control, domain);
            return;
        }
        let is_awaited = |query: &&mut Query| {
            // Answered long ago, by another station: no one was waiting for this reply.
            let settled =
                |(first, at): (Mac, Timestamp)| first != control.mac && now.seconds_since(at) > SAME_QUERY_SECONDS;
            now.seconds_since(query.at) <= REPLY_SECONDS && !query.answered.is_some_and(settled)
        };
        let query = self.queries.get_mut(&(domain, address, control.destination_mac));
        let Some(query) = query.filter(is_awaited) else {
            if whole {
                self.forge(control, domain, stations);
            }
            return;
        };
        let (first, _) = *query.answered.get_or_insert((control.mac, now));
        let doubled = first != control.mac;
        let is_probe = query.is_probe;
        self.claim(control, domain, if doubled { ClaimKind::Doubled } else { ClaimKind::Confirmed });
        if is_probe {
            self.probe_answered(control, domain, control.destination_mac);
        }
    }

    /// An announcement, or the reply to a probe, which has no address to reply to (RFC 4861 §7.2.4).
    fn reply_to_group(&mut self, control: &Control, domain: BroadcastDomain) {
        let is_answer = control.kind == ControlKind::NeighbourAdvertisement;
        let probe = self.queries.iter().filter(|_| is_answer).find(|((of, target, sender), query)| {
            (*of, *target) == (domain, control.address)
                && *sender != control.source_mac
                && query.is_probe
                && control.time.seconds_since(query.at) <= SAME_QUERY_SECONDS
        });
        let prober = probe.map(|((_, _, sender), _)| *sender);
        self.claim(control, domain, ClaimKind::Announced);
        if let Some(prober) = prober {
            self.probe_answered(control, domain, prober);
        }
    }

    /// A station replies to a probe for a free address.
    fn probe_answered(&mut self, control: &Control, domain: BroadcastDomain, prober: Mac) {
        if let Some(binding) = self.bindings.get_mut(&(domain, control.address))
            && binding.holder.mac == prober
            && let Some(rival) = &mut binding.rival
            && (rival.mac, rival.first) == (control.mac, control.time)
        {
            rival.denied += 1;
        }
        let station = self.stations.get_or_insert((domain, control.source_mac), control.time, Station::default);
        station.probes.retain(|(address, _, at)| {
            *address != control.address && control.time.seconds_since(*at) <= CONFLICT_SECONDS
        });
        if station.probes.len() < FORGED {
            station.probes.push((control.address, prober, control.time));
        }
    }

    fn forge(&mut self, control: &Control, domain: BroadcastDomain, stations: &KnownStations) {
        let (now, victim) = (control.time, control.destination_mac);
        // A station may repeat a permanent address.
        let known = self.bindings.get(&(domain, control.address)).map(|known| known.holder);
        let is_used = self.last_use(domain, control.address, control.mac) > Timestamp::ZERO;
        if known.is_some_and(|holder| holder.mac == control.mac && (holder.confirmed > 0 || is_used)) {
            self.claim(control, domain, ClaimKind::Neutral);
            return;
        }
        let audible =
            stations.of(domain, victim).is_some_and(|known| now.seconds_since(known.first) >= AUDIBLE_SECONDS);
        let station = self.stations.get_or_insert((domain, control.source_mac), now, Station::default);
        station.forged.retain(|(address, to, _, at)| {
            (*address, *to) != (control.address, victim) && now.seconds_since(*at) <= CONFLICT_SECONDS
        });
        if station.forged.len() >= FORGED {
            station.forged.remove(0);
        }
        station.forged.push((control.address, victim, control.target, now));
        self.pending.retain(|(in_domain, address, _)| (*in_domain, *address) != (domain, control.address));
        if self.pending.len() < PENDING {
            self.pending.push((domain, control.address, now));
        }
        self.claim(control, domain, if audible { ClaimKind::ForgedToAudible } else { ClaimKind::Forged });
    }

    fn claim(&mut self, control: &Control, domain: BroadcastDomain, kind: ClaimKind) {
        let (address, now) = (control.address, control.time);
        if matches!(kind, ClaimKind::Confirmed | ClaimKind::Announced | ClaimKind::Asked { aloud: true }) {
            let interface = control.interface;
            self.honest.push(HonestClaim { domain, interface, address, mac: control.mac, at: now });
        }
        let user = self.users.of(domain, address);
        let binding = self.bindings.get_or_insert((domain, address), now, || Binding::of(user));
        binding.interface = control.interface;
        if let Some(user) = user.filter(|user| user.mac == binding.holder.mac) {
            binding.holder.last = binding.holder.last.max(user.last);
        }
        let is_holder = binding.holder.mac == control.mac || binding.holder.mac == Mac::ZERO;
        if let Some(rival) = binding.rival
            && !is_holder
            && rival.mac == control.mac
            && now.seconds_since(binding.holder.last.max(rival.first)) > RELEASE_SECONDS
        {
            // The holder has released the address.
            *binding = Binding { holder: rival, interface: binding.interface, ..Binding::default() };
        }
        let is_holder = binding.holder.mac == control.mac || binding.holder.mac == Mac::ZERO;
        if binding.rival.is_some_and(|rival| now.seconds_since(rival.last.max(binding.holder.last)) > CONFLICT_SECONDS)
        {
            (binding.rival, binding.third) = (None, None);
            binding.turns = 0;
        }
        if !is_holder && binding.rival.is_some_and(|rival| rival.mac != control.mac) {
            // Of several claimants each keeps its counts.
            std::mem::swap(&mut binding.rival, &mut binding.third);
        }
        let claimant = if is_holder {
            &mut binding.holder
        } else {
            match &mut binding.rival {
                Some(rival) if rival.mac == control.mac => rival,
                slot => {
                    if binding.third.is_none() {
                        binding.turns = 0;
                    }
                    slot.insert(Claimant::default())
                }
            }
        };
        if claimant.mac == Mac::ZERO {
            *claimant = Claimant { mac: control.mac, sender: control.source_mac, first: now, ..Claimant::default() };
        }
        claimant.last = now;
        claimant.sender = control.source_mac;
        match kind {
            ClaimKind::Confirmed => claimant.confirmed += 1,
            ClaimKind::Asked { aloud } => {
                claimant.confirmed += u32::from(aloud);
                claimant.asked += u32::from(!aloud);
            }
            ClaimKind::Doubled => {
                claimant.confirmed += 1;
                claimant.doubled += 1;
            }
            ClaimKind::Announced => claimant.announced += 1,
            ClaimKind::Forged | ClaimKind::ForgedToAudible => {
                claimant.forged += 1;
                claimant.forged_to_audible += u32::from(kind == ClaimKind::ForgedToAudible);
                claimant.victim = control.destination_mac;
            }
            ClaimKind::Neutral => {}
        }
        if binding.rival.is_some() && binding.last_was_rival == is_holder {
            binding.turns = binding.turns.saturating_add(1);
        }
        binding.last_was_rival = !is_holder;
        let is_open = matches!(kind, ClaimKind::Confirmed | ClaimKind::Announced | ClaimKind::Asked { aloud: true });
        let lasting = is_open && is_holder;
        self.touched.push((domain, address, control.mac));
        if lasting {
            let station = self.stations.get_or_insert((domain, control.mac), now, Station::default);
            if !station.own.contains(&address) && station.own.len() < OWN_ADDRESSES {
                station.own.push(address);
            }
        }
    }

    /// Closes the tick: evaluates the addresses claimed in it.
    pub(super) fn close(
        &mut self,
        now: Timestamp,
        known: &KnownStations,
        is_gateway: impl Fn(BroadcastDomain, Addr, Mac) -> bool,
    ) {
        self.reconsider(now, known);
        self.touched.sort_unstable();
        for group in self.touched.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(domain, address, _)) = group.first() else { continue };
            let Some(binding) = self.bindings.get(&(domain, address)) else { continue };
            let (claimant, holder) = match binding.rival {
                // The forger may have been seen first.
                Some(rival) if binding.holder.forged > 0 && rival.forged == 0 => (binding.holder, Some(rival)),
                Some(rival) => (rival, Some(binding.holder)),
                None => (binding.holder, None),
            };
            let is_router = |mac: Mac| known.of(domain, mac).is_some_and(KnownStation::is_router);
            let user = self.users.of(domain, address).filter(|user| !is_router(user.mac));
            let holder = match (holder, user) {
                (Some(holder), Some(user)) if user.mac == holder.mac => {
                    Some(Claimant { last: holder.last.max(user.last), ..holder })
                }
                // Who has confirmed the address is not dispossessed by packets that anyone can forge.
                (None, Some(user)) if user.mac != claimant.mac && (claimant.forged > 0 || claimant.confirmed == 0) => {
                    Some(Claimant::of(&user))
                }
                (holder, _) => holder,
            };
            let none = Station::default();
            let station = self.stations.get(&(domain, claimant.sender)).unwrap_or(&none);
            if holder.is_none() && claimant.forged == 0 && station.probes.is_empty() {
                continue;
            }
            let others = |mac: Mac| {
                let own = self.stations.get(&(domain, mac)).map_or(&[][..], |station| &station.own);
                own.iter().filter(|own| **own != address && own.is_v4() == address.is_v4()).count()
            };
            let forged = || station.forged.iter().filter(|(forged, ..)| forged.is_v4() == address.is_v4());
            let distinct = |mut values: Vec<u128>| {
                values.sort_unstable();
                values.dedup();
                values.len()
            };
            // A station that probes many addresses is a switch that tracks its hosts.
            let probes = || station.probes.iter().filter(|(probed, ..)| probed.is_v4() == address.is_v4());
            let between = forged()
                .filter(|(forged, ..)| *forged == address)
                .filter(|(_, _, victim, _)| *victim != address)
                .find_map(|(_, _, victim, _)| forged().find(|(other, _, to, _)| other == victim && *to == address))
                .map(|(other, ..)| *other);
            let claim = Claim {
                domain,
                interface: binding.interface,
                address,
                is_gateway: is_gateway(domain, address, holder.map_or(claimant.mac, |holder| holder.mac)),
                claimant,
                holder,
                contested: holder.is_some_and(|holder| holder.last > claimant.first),
                related: holder.is_some_and(|holder| self.are_related(domain, claimant.mac, holder.mac)),
                turns: binding.turns,
                claimant_sends_from_others: self.sends_from_others(domain, claimant.mac, address, known),
                claimant_others: others(claimant.mac),
                holder_others: holder.map_or(0, |holder| others(holder.mac)),
                forged_addresses: distinct(forged().map(|(forged, ..)| forged.bits()).collect()),
                forged_victims: distinct(forged().map(|(_, victim, ..)| u128::from(victim.bits())).collect()),
                between,
                probes_answered: distinct(probes().map(|(_, prober, _)| u128::from(prober.bits())).collect()),
                count: group.len() as u32,
            };
            self.tick.push(claim);
        }
    }

    /// Whether a station sends IP packets from another address than this one.
    fn sends_from_others(&self, domain: BroadcastDomain, mac: Mac, address: Addr, known: &KnownStations) -> bool {
        let own = u8::from(self.users.sent(domain, address, mac));
        known.of(domain, mac).is_some_and(|station| station.sends_from_others(own, address.is_v4()))
    }

    /// Looks again at claims of stations that have begun to send from other addresses.
    fn reconsider(&mut self, now: Timestamp, known: &KnownStations) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|(domain, address, at)| {
            let claimant = self.bindings.get(&(*domain, *address)).map(|binding| binding.holder);
            let Some(claimant) = claimant.filter(|claimant| claimant.forged > 0) else { return false };
            let sends = self.sends_from_others(*domain, claimant.mac, *address, known);
            if sends && !self.touched.iter().any(|(of, touched, _)| (of, touched) == (domain, address)) {
                self.touched.push((*domain, *address, claimant.mac));
            }
            !sends && now.seconds_since(*at) <= CONFLICT_SECONDS
        });
        self.pending = pending;
    }

    /// Whether the holder also claims an address that the claimant holds.
    fn are_related(&self, domain: BroadcastDomain, claimant: Mac, holder: Mac) -> bool {
        let own = self.stations.get(&(domain, claimant)).map_or(&[][..], |station| &station.own);
        own.iter()
            .filter_map(|address| self.bindings.get(&(domain, *address)))
            .any(|binding| binding.holder.mac == holder || binding.rival.is_some_and(|rival| rival.mac == holder))
    }
}

impl Claimant {
    fn of(user: &User) -> Claimant {
        Claimant { mac: user.mac, sender: user.mac, first: user.first, last: user.last, ..Claimant::default() }
    }
}

impl Binding {
    /// Held by the station that uses the address, where one does.
    fn of(user: Option<User>) -> Binding {
        Binding { holder: user.map(|user| Claimant::of(&user)).unwrap_or_default(), ..Binding::default() }
    }
}

/// The way in which a claim is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClaimKind {
    Confirmed,
    /// In a query, which confirms it if all stations may hear it.
    Asked {
        aloud: bool,
    },
    /// Confirmed, after another station replied to the same query.
    Doubled,
    Announced,
    Forged,
    ForgedToAudible,
    /// Neither confirms nor forges.
    Neutral,
}
