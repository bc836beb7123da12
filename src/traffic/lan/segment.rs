//! One LAN and what happens on it.

use super::super::agenda::{Agenda, Model, Pacing};
use super::super::frames::{GATEWAY, station};
use super::super::setting::{Params, Setting};
use super::station::{Card, inside};
use crate::base::{Addr, Mac};
use ipnet::IpNet;
use std::net::IpAddr;

/// What a model does when it begins for the `count`-th time.
pub type Act = fn(segment: &Lan, now: u64, count: u64, agenda: &mut Agenda);

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
    pub fn hosts(&self) -> impl Iterator<Item = Card> {
        let others = (0..self.count.clamp(1, 50) as u8 - 1).map(|number| Card::host(201 + number));
        std::iter::once(self.victim).chain(others)
    }

    /// Moments from `first` after the start on, every so often, to the end; in nanoseconds.
    pub fn every(&self, first: u64, step: u64) -> impl Iterator<Item = u64> + use<> {
        (self.start + first..self.end).step_by(step.max(1) as usize)
    }

    /// The middle of the span.
    pub const fn middle(&self) -> u64 {
        self.start / 2 + self.end / 2
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
