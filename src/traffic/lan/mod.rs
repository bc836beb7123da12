//! Life and abuse on one network segment: who answers for which address, who leads the tree, who leases addresses.
//!
//! Everything happens among a few stations ([`Lan`]) that are the same in every model, so that the parts of a
//! scenario tell one story: `segment_life` is what the others go along with. An [`Act`] writes whole frames, octet by
//! octet: `ethernet`, `neighbour` and `lease` have the writers, the other files what is done with them.

pub mod boot;
pub mod conflict;
mod ethernet;
pub mod gateway;
mod lease;
pub mod life;
mod neighbour;
pub mod servers;
pub mod spoof;
pub mod storm;
pub mod switch;
#[cfg(test)]
mod tests;

use super::agenda::{Agenda, Model, Pacing, Ready};
use super::frames::{GATEWAY, Way, station};
use super::rng::mix;
use super::setting::{Params, Setting};
use crate::base::{Addr, Mac};
use ethernet::Path;
use ipnet::IpNet;
use std::net::IpAddr;

/// What a model does when it begins for the `count`-th time.
pub type Act = fn(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda);

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;

/// 2001:db8:10::/64, the prefix of the segment.
const PREFIX: u128 = 0x2001_0db8_0010 << 80;
const LINK_LOCAL: u128 = 0xfe80 << 112;
const ALL_NODES: Addr = Addr::from_v6_bits(0xff02 << 112 | 1);
const ALL_ROUTERS: Addr = Addr::from_v6_bits(0xff02 << 112 | 2);
/// 0.0.0.0 and 255.255.255.255.
const NOBODY: Addr = Addr::from_v4_bits(0);
const EVERYBODY: Addr = Addr::from_v4_bits(u32::MAX);
/// Who asks for the frames that leave the segment: 198.51.100.20.
const ELSEWHERE: Addr = Addr::from_v4_bits(0xc633_6414);

/// 203.0.113.`number`.
const fn inside(number: u8) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 | number as u32)
}

/// A station with its addresses.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    pub mac: Mac,
    pub v4: Addr,
    pub v6: Addr,
    pub local: Addr,
}

impl Card {
    /// The host with this IPv4 address; the last octet of it is also the last of its IPv6 addresses.
    pub const fn new(mac: Mac, v4: Addr) -> Card {
        let number = v4.bits() & 0xff;
        Card { mac, v4, v6: Addr::from_v6_bits(PREFIX | number), local: Addr::from_v6_bits(LINK_LOCAL | number) }
    }

    /// Host `number` of 203.0.113.0/24 with the MAC that other models give it.
    pub const fn host(number: u8) -> Card {
        Card::new(station(inside(number)), inside(number))
    }

    /// A guest whose IPv6 addresses are made of its MAC (RFC 4291 appendix A).
    pub const fn slaac(mac: Mac, v4: Addr) -> Card {
        let [a, b, c, d, e, f] = mac.0;
        let identifier = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]) as u128;
        Card {
            mac,
            v4,
            v6: Addr::from_v6_bits(PREFIX | identifier),
            local: Addr::from_v6_bits(LINK_LOCAL | identifier),
        }
    }
}

/// A locally administered MAC as hypervisors and container engines draw them; the same for the same number.
const fn drawn_mac(number: u64) -> Mac {
    let [a, b, c, d, e, f, ..] = mix(number).to_le_bytes();
    Mac([a & 0xfc | 2, b, c, d, e, f])
}

/// A guest's card as the examples have it: 52:54:00:00:01:04 is 203.0.113.104.
const fn guest(number: u8) -> Card {
    let digits = number - 100;
    Card::new(Mac([0x52, 0x54, 0, 0, 1, digits]), inside(number))
}

/// The stations of a segment, and what the part asks for.
#[derive(Clone, Debug)]
pub struct Lan {
    /// `source_mac` and `source_network` where they are given: 52:54:00:00:00:66 with 203.0.113.66.
    pub attacker: Card,
    /// `target` and `target_mac`: 203.0.113.7.
    pub victim: Card,
    /// 203.0.113.1 and fe80::1.
    pub gateway: Card,
    /// Whether `source_mac` was given.
    pub named: Option<Mac>,
    /// `sources`: how many take part.
    pub count: u64,
    pub rate: f64,
    /// `payload`, in octets.
    pub payload: usize,
    pub start: u64,
    pub end: u64,
}

impl Lan {
    pub fn new(setting: &Setting, params: &Params) -> Lan {
        let v4 = |network: Option<IpNet>| match network.map(|network| network.addr()) {
            Some(IpAddr::V4(address)) => Some(Addr::from_v4_bits(address.to_bits())),
            _ => None,
        };
        let attacker_mac = params.source_mac.unwrap_or(Mac([0x52, 0x54, 0, 0, 0, 0x66]));
        let victim = v4(params.target).unwrap_or(inside(7));
        Lan {
            attacker: Card::new(attacker_mac, v4(params.source_network).unwrap_or(inside(66))),
            victim: Card::new(params.target_mac.unwrap_or(station(victim)), victim),
            gateway: Card::new(GATEWAY, inside(1)),
            named: params.source_mac,
            count: setting.sources.count,
            rate: setting.rate,
            payload: setting.payload,
            start: setting.start,
            end: setting.start + (setting.seconds * 1e9) as u64,
        }
    }

    /// The victim and its neighbours, 203.0.113.201 and following: `count` hosts, at most 50.
    fn hosts(&self) -> impl Iterator<Item = Card> {
        let others = (0..self.count.clamp(1, 50) as u8 - 1).map(|number| Card::host(201 + number));
        std::iter::once(self.victim).chain(others)
    }

    /// Moments from `first` after the start on, every so often, to the end; in nanoseconds.
    fn every(&self, first: u64, step: u64) -> impl Iterator<Item = u64> + use<> {
        (self.start + first..self.end).step_by(step.max(1) as usize)
    }

    /// The middle of the span.
    const fn middle(&self) -> u64 {
        self.start / 2 + self.end / 2
    }
}

/// Shorthands for [`Agenda::frame`], by who sends. A guest's frames leave by the line to the outside, the gateway's enter.
trait Cable {
    fn inside_sends(&mut self, time: u64, data: Vec<u8>);
    fn outside_sends(&mut self, time: u64, data: Vec<u8>);
    /// From one guest to another.
    fn between(&mut self, time: u64, data: Vec<u8>);
    /// On interface number `port` of those of the part.
    fn on_port(&mut self, time: u64, port: u16, way: Way, data: Vec<u8>);
}

impl Cable for Agenda {
    fn inside_sends(&mut self, time: u64, data: Vec<u8>) {
        self.on_port(time, 0, Way::Outward, data);
    }

    fn outside_sends(&mut self, time: u64, data: Vec<u8>) {
        self.on_port(time, 0, Way::Inward, data);
    }

    fn between(&mut self, time: u64, data: Vec<u8>) {
        self.on_port(time, 0, Way::Internal, data);
    }

    fn on_port(&mut self, time: u64, port: u16, way: Way, data: Vec<u8>) {
        self.frame(time, Ready { way, port, data });
    }
}

/// A model of a segment at play.
struct Scene {
    segment: Lan,
    act: Act,
    count: u64,
}

/// All of it planned at the start.
pub fn script(segment: Lan, act: Act) -> (Box<dyn Model>, Pacing) {
    (Box::new(Scene { segment, act, count: 0 }), Pacing::Once)
}

/// `rate` times a second.
pub fn stream(segment: Lan, act: Act) -> (Box<dyn Model>, Pacing) {
    let pacing = Pacing::Rate(segment.rate);
    (Box::new(Scene { segment, act, count: 0 }), pacing)
}

impl Model for Scene {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        (self.act)(&self.segment, now, self.count, agenda);
        self.count += 1;
    }
}

/// A datagram of `card` to somewhere else by way of `gateway`, and its answer: a tunnel that both keep busy.
fn talk(time: u64, card: &Card, gateway: &Card, agenda: &mut Agenda) {
    let out = Path::new((card.mac, card.v4), (gateway.mac, ELSEWHERE), agenda.rng.next_u16());
    let back = Path::new((gateway.mac, ELSEWHERE), (card.mac, card.v4), agenda.rng.next_u16());
    let mut octets = Vec::new();
    agenda.rng.fill(&mut octets, 96);
    agenda.inside_sends(time, out.udp((51_820, 51_820), &octets));
    agenda.outside_sends(time + 12 * MILLISECOND, Path { ttl: 53, ..back }.udp((51_820, 51_820), &octets));
}
