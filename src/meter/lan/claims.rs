//! Claims: which station says that an address is its own, who says so, too, and whether anyone had asked.
//!
//! Nothing is judged here. A claim is *confirmed* where it answers a question that was seen, or is made before everyone;
//! *announced* where it is made before everyone unasked; *forged* where one station alone is told what it did not ask.

use super::bounded::Bounded;
use super::{BroadcastDomain, HeardAll};
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Control, ControlKind};

/// Seconds for which claims count against each other.
const MEMORY: f64 = 60.0;
/// Seconds within which an answer belongs to a question.
const ANSWERS: f64 = 5.0;
/// Seconds within which two answers belong to the same question.
const TOGETHER: f64 = 1.0;
/// Seconds after which an address whose holder no longer claims it is the claimant's.
const SETTLES: f64 = 30.0;
/// Seconds that a station must have been heard for its questions to be taken as all seen.
const AUDIBLE: f64 = 1.5;
const BINDINGS: usize = 4096;
const QUESTIONS: usize = 2048;
/// Addresses of a station that are kept.
const OWN: usize = 4;
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
    pub place: BroadcastDomain,
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
struct Question {
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
    questions: Bounded<(BroadcastDomain, Addr, Mac), Question>,
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
            questions: Bounded::new(QUESTIONS),
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
        self.questions.clear();
        self.stations.clear();
    }

    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    pub fn evictions(&self) -> u64 {
        self.bindings.evictions() + self.questions.evictions() + self.stations.evictions()
    }

    /// Claims of this tick that are contested or unasked for.
    pub fn of_tick(&self) -> &[Claim] {
        &self.tick
    }

    /// Takes note of a frame. `whole` where every frame is seen: else what was asked is not known.
    pub fn take(&mut self, control: &Control, place: BroadcastDomain, heard: &HeardAll, whole: bool) {
        let asks = matches!(control.kind, ControlKind::ArpRequest | ControlKind::NeighbourSolicitation);
        if asks && !control.is_gratuitous() && control.target != Addr::UNSPECIFIED {
            let question = Question { at: control.time, answered: None, is_probe: control.is_probe() };
            *self.questions.at((place, control.target, control.source_mac), control.time, || question) = question;
            // Answers go to whom the question names, which for shared addresses of routers is not who sends it.
            if control.mac != control.source_mac && control.mac != Mac::ZERO {
                *self.questions.at((place, control.target, control.mac), control.time, || question) = question;
            }
        }
        if control.address == Addr::UNSPECIFIED || control.is_probe() || control.mac == Mac::ZERO {
            return;
        }
        match control.kind {
            ControlKind::ArpRequest if control.is_gratuitous() => self.claim(control, place, Way::Announced),
            // A question sent to one station alone tells that one alone who asks.
            ControlKind::ArpRequest | ControlKind::NeighbourSolicitation | ControlKind::RouterSolicitation => {
                let way = if control.destination_mac.is_group() { Way::Confirmed } else { Way::Aside };
                self.claim(control, place, way);
            }
            ControlKind::ArpReply | ControlKind::NeighbourAdvertisement => self.answer(control, place, heard, whole),
            ControlKind::RouterAdvertisement => self.claim(control, place, Way::Confirmed),
            _ => {}
        }
    }

    fn answer(&mut self, control: &Control, place: BroadcastDomain, heard: &HeardAll, whole: bool) {
        let (address, now) = (control.address, control.time);
        if control.destination_mac.is_group() {
            self.answer_to_all(control, place);
            return;
        }
        let waits = |question: &&mut Question| {
            // Answered long ago, by another: nobody was waiting for this one.
            let settled = |(first, at): (Mac, Timestamp)| first != control.mac && now.seconds_since(at) > TOGETHER;
            now.seconds_since(question.at) <= ANSWERS && !question.answered.is_some_and(settled)
        };
        let question = self.questions.get_mut(&(place, address, control.destination_mac));
        let Some(question) = question.filter(waits) else {
            if whole {
                self.forge(control, place, heard);
            }
            return;
        };
        let (first, _) = *question.answered.get_or_insert((control.mac, now));
        let doubled = first != control.mac;
        let is_probe = question.is_probe;
        self.claim(control, place, if doubled { Way::Doubled } else { Way::Confirmed });
        if is_probe {
            self.probe_answered(control, place, control.destination_mac);
        }
    }

    /// An announcement, or the answer to a probe, which has no address to answer to (RFC 4861 §7.2.4).
    fn answer_to_all(&mut self, control: &Control, place: BroadcastDomain) {
        let tests = self.questions.iter().find(|((of, asked, who), question)| {
            (*of, *asked) == (place, control.address)
                && *who != control.source_mac
                && question.is_probe
                && control.time.seconds_since(question.at) <= TOGETHER
        });
        let prober = tests.map(|((_, _, who), _)| *who);
        let prober = prober.filter(|_| control.kind == ControlKind::NeighbourAdvertisement);
        self.claim(control, place, Way::Announced);
        if let Some(prober) = prober {
            self.probe_answered(control, place, prober);
        }
    }

    /// A station answers one that tests whether an address is free.
    fn probe_answered(&mut self, control: &Control, place: BroadcastDomain, prober: Mac) {
        let station = self.stations.at((place, control.source_mac), control.time, Station::default);
        station
            .probes
            .retain(|(address, _, at)| *address != control.address && control.time.seconds_since(*at) <= MEMORY);
        if station.probes.len() < FORGED {
            station.probes.push((control.address, prober, control.time));
        }
    }

    fn forge(&mut self, control: &Control, place: BroadcastDomain, heard: &HeardAll) {
        let (now, victim) = (control.time, control.destination_mac);
        // What it has for good it may repeat.
        let known = self.bindings.get(&(place, control.address));
        if known.is_some_and(|known| known.holder.mac == control.mac && known.holder.confirmed > 0) {
            self.claim(control, place, Way::Aside);
            return;
        }
        let audible = heard.of(place, victim).is_some_and(|heard| now.seconds_since(heard.first) >= AUDIBLE);
        let station = self.stations.at((place, control.source_mac), now, Station::default);
        station.forged.retain(|(address, to, _, at)| {
            (*address, *to) != (control.address, victim) && now.seconds_since(*at) <= MEMORY
        });
        if station.forged.len() >= FORGED {
            station.forged.remove(0);
        }
        station.forged.push((control.address, victim, control.target, now));
        self.claim(control, place, if audible { Way::ForgedToAudible } else { Way::Forged });
    }

    fn claim(&mut self, control: &Control, place: BroadcastDomain, way: Way) {
        let (address, now) = (control.address, control.time);
        let binding = self.bindings.at((place, address), now, Binding::default);
        binding.interface = control.interface;
        let is_holder = binding.holder.mac == control.mac || binding.holder.mac == Mac::ZERO;
        if let Some(rival) = binding.rival
            && !is_holder
            && rival.mac == control.mac
            && now.seconds_since(binding.holder.last.max(rival.first)) > SETTLES
        {
            // The holder lets it go.
            *binding = Binding { holder: rival, interface: binding.interface, ..Binding::default() };
        }
        let is_holder = binding.holder.mac == control.mac || binding.holder.mac == Mac::ZERO;
        if binding.rival.is_some_and(|rival| now.seconds_since(rival.last.max(binding.holder.last)) > MEMORY) {
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
        match way {
            Way::Confirmed => claimant.confirmed += 1,
            Way::Doubled => {
                claimant.confirmed += 1;
                claimant.doubled += 1;
            }
            Way::Announced => claimant.announced += 1,
            Way::Forged | Way::ForgedToAudible => {
                claimant.forged += 1;
                claimant.forged_to_audible += u32::from(way == Way::ForgedToAudible);
                claimant.victim = control.destination_mac;
            }
            Way::Aside => {}
        }
        if binding.rival.is_some() && binding.last_was_rival == is_holder {
            binding.turns = binding.turns.saturating_add(1);
        }
        binding.last_was_rival = !is_holder;
        let lasting = matches!(way, Way::Confirmed | Way::Announced) && is_holder;
        self.touched.push((place, address, control.mac));
        if lasting {
            let station = self.stations.at((place, control.mac), now, Station::default);
            if !station.own.contains(&address) && station.own.len() < OWN {
                station.own.push(address);
            }
        }
    }

    /// All frames of the tick have been told: says what is worth a look.
    pub fn close(&mut self, is_gateway: impl Fn(BroadcastDomain, Addr, Mac) -> bool) {
        self.touched.sort_unstable();
        for group in self.touched.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(place, address, _)) = group.first() else { continue };
            let Some(binding) = self.bindings.get(&(place, address)) else { continue };
            let (claimant, holder) = match binding.rival {
                // The forger may have been the first that was heard.
                Some(rival) if binding.holder.forged > 0 && rival.forged == 0 => (binding.holder, Some(rival)),
                Some(rival) => (rival, Some(binding.holder)),
                None => (binding.holder, None),
            };
            let none = Station::default();
            let station = self.stations.get(&(place, claimant.sender)).unwrap_or(&none);
            if holder.is_none() && claimant.forged == 0 && station.probes.is_empty() {
                continue;
            }
            let others = |mac: Mac| {
                let own = self.stations.get(&(place, mac)).map_or(&[][..], |station| &station.own);
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
                place,
                interface: binding.interface,
                address,
                is_gateway: is_gateway(place, address, holder.map_or(claimant.mac, |holder| holder.mac)),
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
enum Way {
    Confirmed,
    /// Confirmed, after another answered the same question.
    Doubled,
    Announced,
    Forged,
    ForgedToAudible,
    /// Neither speaks for it nor against it.
    Aside,
}
