//! Routers: who advertises itself as one, and whether those that guests ask for still answer.

use super::bounded::Bounded;
use super::{BroadcastDomain, HeardAll};
use crate::base::{Addr, Mac, Timestamp};
use crate::packet::{Control, ControlKind};

const ROUTERS: usize = 64;
/// Askers that are told apart.
const ASKERS: usize = 8;
/// Seconds within which an advertisement belongs to a solicitation (RFC 4861 §6.2.6: 0.5 s and the time on the way).
const ANSWERS: f64 = 2.0;
/// Seconds within which questions belong together.
const TOGETHER: f64 = 10.0;
/// Least seconds between advertisements to all (RFC 4861 §10, MIN_DELAY_BETWEEN_RAS).
const LEAST_APART: f64 = 3.0;

/// A router that advertises itself by IPv6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Router {
    pub place: BroadcastDomain,
    pub interface: u16,
    pub mac: Mac,
    pub address: Addr,
    pub first: Timestamp,
    pub last: Timestamp,
    pub advertisements: u32,
    pub advertisements_now: u32,
    /// Seconds for which it wants to be the default router, as of the last.
    pub lifetime: u16,
    /// Advertisements to all that followed the one before sooner than the standard allows, in a row.
    pub hasty: u32,
    /// Solicitations that it answered.
    pub answered: u32,
}

/// A router's address that someone asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    pub place: BroadcastDomain,
    pub interface: u16,
    pub address: Addr,
    /// By the operator's or the kernel's word; else it was heard of.
    pub is_given: bool,
    pub mac: Option<Mac>,
    /// When it last gave a sign of life.
    pub alive: Option<Timestamp>,
    /// The first question since then, how many there were, and who asked.
    pub asked: Option<Timestamp>,
    pub last_asked: Timestamp,
    pub questions: u32,
    pub questions_now: u32,
    pub askers: Vec<Mac>,
    /// Its advertised lifetime ran out at this moment.
    pub expired: Option<Timestamp>,
}

pub(super) struct Routers {
    routers: Bounded<(BroadcastDomain, Addr, Mac), Router>,
    gateways: Bounded<(BroadcastDomain, Addr), Gateway>,
    given: Vec<Addr>,
    /// The last solicitation of a router, by segment.
    solicited: Bounded<BroadcastDomain, Timestamp>,
}

impl Routers {
    pub fn new() -> Routers {
        Routers {
            routers: Bounded::new(ROUTERS),
            gateways: Bounded::new(ROUTERS),
            given: Vec::new(),
            solicited: Bounded::new(ROUTERS),
        }
    }

    pub fn set_given(&mut self, given: Vec<Addr>) {
        self.given = given;
    }

    pub fn clear(&mut self) {
        self.routers.clear();
        self.gateways.clear();
        self.solicited.clear();
    }

    pub fn open(&mut self) {
        for (_, router) in self.routers.values_mut() {
            router.advertisements_now = 0;
        }
        for (_, gateway) in self.gateways.values_mut() {
            gateway.questions_now = 0;
        }
    }

    pub fn evictions(&self) -> u64 {
        self.routers.evictions() + self.gateways.evictions()
    }

    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.iter().map(|(_, router)| router)
    }

    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.gateways.iter().map(|(_, gateway)| gateway)
    }

    /// Whether an address is known to be a router's.
    pub fn is_gateway(&self, place: BroadcastDomain, address: Addr) -> bool {
        self.given.contains(&address) || self.gateways.get(&(place, address)).is_some()
    }

    /// `answers_are_seen` where an answer to its sender could not be missed.
    pub fn take(&mut self, control: &Control, place: BroadcastDomain, answers_are_seen: bool) {
        let now = control.time;
        match control.kind {
            ControlKind::RouterAdvertisement => self.advertisement(control, place),
            ControlKind::RouterSolicitation => *self.solicited.at(place, now, || now) = now,
            ControlKind::DhcpAck | ControlKind::DhcpOffer if control.router != Addr::UNSPECIFIED => {
                self.gateway(control, place, control.router, false);
            }
            ControlKind::ArpRequest | ControlKind::NeighbourSolicitation if !control.is_gratuitous() => {
                self.question(control, place, answers_are_seen);
            }
            _ => {}
        }
        // Whatever it says under its own name shows that it lives.
        let claims = !matches!(control.kind, ControlKind::DhcpAsk | ControlKind::DhcpOffer | ControlKind::DhcpAck);
        if claims
            && !control.is_probe()
            && let Some(gateway) = self.gateways.get_mut(&(place, control.address))
        {
            gateway.mac = Some(control.mac).filter(|mac| *mac != Mac::ZERO).or(gateway.mac);
            lives(gateway, now);
        }
    }

    fn gateway(&mut self, control: &Control, place: BroadcastDomain, address: Addr, is_given: bool) -> &mut Gateway {
        self.gateways.at((place, address), control.time, || Gateway {
            place,
            interface: control.interface,
            address,
            is_given,
            mac: None,
            alive: None,
            asked: None,
            last_asked: control.time,
            questions: 0,
            questions_now: 0,
            askers: Vec::new(),
            expired: None,
        })
    }

    fn question(&mut self, control: &Control, place: BroadcastDomain, counts: bool) {
        let (target, now) = (control.target, control.time);
        if self.given.contains(&target) {
            self.gateway(control, place, target, true);
        }
        let Some(gateway) = self.gateways.get_mut(&(place, target)) else { return };
        if !counts || gateway.mac == Some(control.source_mac) || control.is_probe() {
            return;
        }
        if now.seconds_since(gateway.last_asked) > TOGETHER {
            // One question now and then is another matter each time.
            gateway.asked = None;
            gateway.questions = 0;
            gateway.askers.clear();
        }
        gateway.last_asked = now;
        gateway.interface = control.interface;
        gateway.asked.get_or_insert(now);
        gateway.questions = gateway.questions.saturating_add(1);
        gateway.questions_now += 1;
        if gateway.askers.len() < ASKERS && !gateway.askers.contains(&control.source_mac) {
            gateway.askers.push(control.source_mac);
        }
    }

    fn advertisement(&mut self, control: &Control, place: BroadcastDomain) {
        let now = control.time;
        let solicited = self.solicited.get(&place).is_some_and(|at| now.seconds_since(*at) <= ANSWERS);
        let key = (place, control.address, control.source_mac);
        if self.routers.len() >= ROUTERS && self.routers.get(&key).is_none() {
            // Made-up routers come all at once: those that were there before stay.
            self.routers.drop_all_but(|router| now.seconds_since(router.first) > ANSWERS);
        }
        let router = self.routers.at(key, now, || Router {
            place,
            interface: control.interface,
            mac: control.source_mac,
            address: control.address,
            first: now,
            last: now,
            advertisements: 0,
            advertisements_now: 0,
            lifetime: 0,
            hasty: 0,
            answered: 0,
        });
        let apart = now.seconds_since(router.last);
        let hasty = router.advertisements > 0 && apart < LEAST_APART * 0.9 && control.destination_mac.is_group();
        router.hasty = if hasty { router.hasty + 1 } else { 0 };
        router.answered += u32::from(solicited);
        router.advertisements += 1;
        router.advertisements_now += 1;
        router.lifetime = control.value;
        router.last = now;
        if control.value > 0 {
            let gateway = self.gateway(control, place, control.address, false);
            gateway.expired = None;
        } else if let Some(gateway) = self.gateways.get_mut(&(place, control.address)) {
            // It says itself that it no longer routes.
            gateway.expired = None;
        }
    }

    /// All frames of the tick have been told.
    pub fn close(&mut self, now: Timestamp, heard: &HeardAll) {
        for (_, gateway) in self.gateways.values_mut() {
            // Each family for itself: it is when one of them goes that it must be noticed.
            let family = usize::from(!gateway.address.is_v4());
            let known = gateway.mac.and_then(|mac| heard.of(gateway.place, mac));
            let spoke = known.and_then(|heard| heard.last.get(family).copied());
            if let Some(spoke) = spoke
                && gateway.asked.is_some_and(|asked| spoke > asked)
            {
                lives(gateway, spoke);
            }
        }
        for ((place, address, _), router) in self.routers.iter() {
            let ends = router.last.plus_seconds(f64::from(router.lifetime));
            if router.lifetime > 0
                && now > ends
                && let Some(gateway) = self.gateways.get_mut(&(*place, *address))
            {
                gateway.expired = Some(ends);
            }
        }
    }
}

fn lives(gateway: &mut Gateway, now: Timestamp) {
    gateway.alive = Some(now);
    gateway.asked = None;
    gateway.questions = 0;
    gateway.askers.clear();
}
