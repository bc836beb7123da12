//! Claims: which station says that an address is its own, who says so, too, and whether anyone had asked.
//!
//! Nothing is judged here. A claim is *confirmed* where it answers a query that was seen, or is made before everyone;
//! *announced* where it is made before everyone unasked; *forged* where one station alone is told what it did not ask.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use super::stations::KnownStations;
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Control, ControlKind};

/// Seconds for which claims count against each other.
const MEMORY_SECONDS: f64 = 60.0;
/// Seconds within which an answer belongs to a query.
const REPLY_SECONDS: f64 = 5.0;
/// Seconds within which two answers belong to the same query.
const SAME_QUERY_SECONDS: f64 = 1.0;
/// Seconds after which an address whose holder no next_stride claims it is the claimant's.
const RELEASE_SECONDS: f64 = 30.0;
/// Seconds that a station must have been heard for its queries to be taken as all seen.
const AUDIBLE_SECONDS: f64 = 1.5;
const BINDINGS: usize = 4096;
const QUERIES: usize = 2048;
/// Addresses of a station that are kept.
const OWN_ADDRESSES: usize = 4;
/// Forged claims of a station that are kept.
const FORGED: usize = 8;

/// One station's claim to one address.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Claimant {
    /// As claimed; and the station that sent the claim, mostly the same.
    pub mac: Mac,
    pub sender: Mac,
    pub first: Timestamp,
    pub last: Timestamp,
    pub confirmed: u32,
    pub announced: u32,
    pub forged: u32,
    /// Questions that another had answered within a second.
    pub doubled: u32,
    /// Of the forged ones, those whose victim is audible and had not asked.
    pub forged_to_audible: u32,
    /// Whom the last forged one was sent to.
    pub victim: Mac,
}

/// A claim of this tick that another station contests, or that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    pub domain: BroadcastDomain,
    pub interface: u16,
    pub address: Addr,
    /// The address of a router.
    pub is_gateway: bool,
    /// Who claims it now.
    pub claimant: Claimant,
    /// Who had it before, and may still say so.
    pub holder: Option<Claimant>,
    /// Whether that one claimed it again after the claimant first did.
    pub contested: bool,
    /// Claims that the two made in turns, within a minute.
    pub turns: u32,
    /// Other addresses that the claimant, and the holder, have for good.
    pub claimant_others: usize,
    pub holder_others: usize,
    /// Addresses that the claimant forged lately, of the same family, and how many stations it told.
    pub forged_addresses: usize,
    pub forged_victims: usize,
    /// It also told the station of this address that the victim's address is its own: it wants to be between both.
    pub between: Option<Addr>,
    /// How many stations tested whether some address is free and were answered by it lately.
    pub probes_answered: usize,
    /// Claims in this tick.
    pub count: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Binding {
    holder: Claimant,
    rival: Option<Claimant>,
    turns: u32,
    last_was_rival: bool,
    interface: u16,
}

#[derive(Clone, Copy, Debug)]
struct Query {
    at: Timestamp,
    /// Who answered first, and when.
    answered: Option<(Mac, Timestamp)>,
    is_probe: bool,
}

/// What one station forged, and what it has for good.
#[derive(Clone, Debug, Default)]
struct Station {
    own: Vec<Addr>,
    /// Address, victim's MAC, victim's address where told, when.
    forged: Vec<(Addr, Mac, Addr, Timestamp)>,
    /// Addresses that others probed for and that it answered for.
    probes: Vec<(Addr, Mac, Timestamp)>,
}

pub(super) struct Claims {
    bindings: Bounded<(BroadcastDomain, Addr), Binding>,
    queries: Bounded<(BroadcastDomain, Addr, Mac), Query>,
    stations: Bounded<(BroadcastDomain, Mac), Station>,
    /// Addresses touched in this tick: worth a look.
    touched: Vec<(BroadcastDomain, Addr, Mac)>,
    tick: Vec<Claim>,
}

impl Claims {
    /// Most that [`Claims::len`] counts.
    pub const CAPACITY: usize = BINDINGS;

    pub fn new() -> Claims {
        Claims {
            bindings: Bounded::new(BINDINGS),
            queries: Bounded::new(QUERIES),
            stations: Bounded::new(BINDINGS),
            touched: Vec::new(),
            tick: Vec::new(),
        }
    }

    pub fn open(&mut self) {
        self.touched.clear();
        self.tick.clear();
    }

    pub fn clear(&mut self) {
        self.open();
        self.bindings.clear();
        self.queries.clear();
        self.stations.clear();
    }

    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    pub fn evictions(&self) -> u64 {
        self.bindings.evictions() + self.queries.evictions() + self.stations.evictions()
    }

    /// Claims of this tick that are contested or unasked for.
    pub fn of_tick(&self) -> &[Claim] {
        &self.tick
    }

    /// Takes note of a frame. `whole` where every frame is seen: else what was asked is not known.
    pub fn record(&mut self, control: &Control, domain: BroadcastDomain, stations: &KnownStations, whole: bool) {
        let is_query = matches!(control.kind, ControlKind::ArpRequest | ControlKind::NeighbourSolicitation);
        if is_query && !control.is_gratuitous() && control.target != Addr::UNSPECIFIED {
            let query = Query { at: control.time, answered: None, is_probe: control.is_probe() };
            *self.queries.get_or_insert((domain, control.target, control.source_mac), control.time, || query) = query;
            // Answers go to whom the query names, which for shared addresses of routers is not who sends it.
            if control.mac != control.source_mac && control.mac != Mac::ZERO {
                *self.queries.get_or_insert((domain, control.target, control.mac), control.time, || query) = query;
            }
        }
        if control.address == Addr::UNSPECIFIED || control.is_probe() || control.mac == Mac::ZERO {
            return;
        }
        match control.kind {
            ControlKind::ArpRequest if control.is_gratuitous() => self.claim(control, domain, ClaimKind::Announced),
            // A query sent to one station alone tells that one alone who is_query.
            ControlKind::ArpRequest | ControlKind::NeighbourSolicitation | ControlKind::RouterSolicitation => {
                let kind = if control.destination_mac.is_group() { ClaimKind::Confirmed } else { ClaimKind::Neutral };
                self.claim(control, domain, kind);
            }
            ControlKind::ArpReply | ControlKind::NeighbourAdvertisement => self.reply(control, domain, stations, whole),
            ControlKind::RouterAdvertisement => self.claim(control, domain, ClaimKind::Confirmed),
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
            // Answered long ago, by another: nobody was waiting for this one.
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

    /// An announcement, or the answer to a probe, which has no address to answer to (RFC 4861 §7.2.4).
    fn reply_to_group(&mut self, control: &Control, domain: BroadcastDomain) {
        let tests = self.queries.iter().find(|((of, target, sender), query)| {
            (*of, *target) == (domain, control.address)
                && *sender != control.source_mac
                && query.is_probe
                && control.time.seconds_since(query.at) <= SAME_QUERY_SECONDS
        });
        let prober = tests.map(|((_, _, sender), _)| *sender);
        let prober = prober.filter(|_| control.kind == ControlKind::NeighbourAdvertisement);
        self.claim(control, domain, ClaimKind::Announced);
        if let Some(prober) = prober {
            self.probe_answered(control, domain, prober);
        }
    }

    /// A station answers one that tests whether an address is free.
    fn probe_answered(&mut self, control: &Control, domain: BroadcastDomain, prober: Mac) {
        let station = self.stations.get_or_insert((domain, control.source_mac), control.time, Station::default);
        station.probes.retain(|(address, _, at)| {
            *address != control.address && control.time.seconds_since(*at) <= MEMORY_SECONDS
        });
        if station.probes.len() < FORGED {
            station.probes.push((control.address, prober, control.time));
        }
    }

    fn forge(&mut self, control: &Control, domain: BroadcastDomain, stations: &KnownStations) {
        let (now, victim) = (control.time, control.destination_mac);
        // What it has for good it may repeat.
        let known = self.bindings.get(&(domain, control.address));
        if known.is_some_and(|known| known.holder.mac == control.mac && known.holder.confirmed > 0) {
            self.claim(control, domain, ClaimKind::Neutral);
            return;
        }
        let audible =
            stations.of(domain, victim).is_some_and(|known| now.seconds_since(known.first) >= AUDIBLE_SECONDS);
        let station = self.stations.get_or_insert((domain, control.source_mac), now, Station::default);
        station.forged.retain(|(address, to, _, at)| {
            (*address, *to) != (control.address, victim) && now.seconds_since(*at) <= MEMORY_SECONDS
        });
        if station.forged.len() >= FORGED {
            station.forged.remove(0);
        }
        station.forged.push((control.address, victim, control.target, now));
        self.claim(control, domain, if audible { ClaimKind::ForgedToAudible } else { ClaimKind::Forged });
    }

    fn claim(&mut self, control: &Control, domain: BroadcastDomain, kind: ClaimKind) {
        let (address, now) = (control.address, control.time);
        let binding = self.bindings.get_or_insert((domain, address), now, Binding::default);
        binding.interface = control.interface;
        let is_holder = binding.holder.mac == control.mac || binding.holder.mac == Mac::ZERO;
        if let Some(rival) = binding.rival
            && !is_holder
            && rival.mac == control.mac
            && now.seconds_since(binding.holder.last.max(rival.first)) > RELEASE_SECONDS
        {
            // The holder lets it go.
            *binding = Binding { holder: rival, interface: binding.interface, ..Binding::default() };
        }
        let is_holder = binding.holder.mac == control.mac || binding.holder.mac == Mac::ZERO;
        if binding.rival.is_some_and(|rival| now.seconds_since(rival.last.max(binding.holder.last)) > MEMORY_SECONDS) {
            binding.rival = None;
            binding.turns = 0;
        }
        let claimant = if is_holder {
            &mut binding.holder
        } else {
            match &mut binding.rival {
                Some(rival) if rival.mac == control.mac => rival,
                place => {
                    binding.turns = 0;
                    place.insert(Claimant::default())
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
        let lasting = matches!(kind, ClaimKind::Confirmed | ClaimKind::Announced) && is_holder;
        self.touched.push((domain, address, control.mac));
        if lasting {
            let station = self.stations.get_or_insert((domain, control.mac), now, Station::default);
            if !station.own.contains(&address) && station.own.len() < OWN_ADDRESSES {
                station.own.push(address);
            }
        }
    }

    /// All frames of the tick have been told: says what is worth a look.
    pub fn close(&mut self, is_gateway: impl Fn(BroadcastDomain, Addr, Mac) -> bool) {
        self.touched.sort_unstable();
        for group in self.touched.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(domain, address, _)) = group.first() else { continue };
            let Some(binding) = self.bindings.get(&(domain, address)) else { continue };
            let (claimant, holder) = match binding.rival {
                // The forger may have been the first that was heard.
                Some(rival) if binding.holder.forged > 0 && rival.forged == 0 => (binding.holder, Some(rival)),
                Some(rival) => (rival, Some(binding.holder)),
                None => (binding.holder, None),
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
            // One that tests many addresses is a switch that looks who is there.
            let probes = || station.probes.iter().filter(|(probed, ..)| probed.is_v4() == address.is_v4());
            let between = forged()
                .filter(|(forged, ..)| *forged == address)
                .find_map(|(_, _, told, _)| forged().find(|(other, _, to, _)| other == told && *to == address))
                .map(|(other, ..)| *other);
            self.tick.push(Claim {
                domain,
                interface: binding.interface,
                address,
                is_gateway: is_gateway(domain, address, holder.map_or(claimant.mac, |holder| holder.mac)),
                claimant,
                holder,
                contested: holder.is_some_and(|holder| holder.last > claimant.first),
                turns: binding.turns,
                claimant_others: others(claimant.mac),
                holder_others: holder.map_or(0, |holder| others(holder.mac)),
                forged_addresses: distinct(forged().map(|(forged, ..)| forged.bits()).collect()),
                forged_victims: distinct(forged().map(|(_, victim, ..)| u128::from(victim.bits())).collect()),
                between,
                probes_answered: distinct(probes().map(|(_, prober, _)| u128::from(prober.bits())).collect()),
                count: group.len() as u32,
            });
        }
    }
}

/// How a claim is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClaimKind {
    Confirmed,
    /// Confirmed, after another answered the same query.
    Doubled,
    Announced,
    Forged,
    ForgedToAudible,
    /// Neither speaks for it nor against it.
    Neutral,
}
