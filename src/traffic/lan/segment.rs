//! One LAN and what happens on it.

use super::super::frames::{GATEWAY, mac_for};
use super::super::schedule::{Model, Pacing, Schedule};
use super::super::setting::{Params, Setting};
use super::station::{Station, inside};
use crate::base::{Addr, Mac};
use ipnet::IpNet;
use std::net::IpAddr;

/// Plans the frames of call number `count` of a model.
pub(crate) type Act = fn(segment: &Lan, now: u64, count: u64, schedule: &mut Schedule);

/// The stations of a segment, and the parameters of the part.
#[derive(Clone, Debug)]
pub(crate) struct Lan {
    /// `source_mac` and `source_network`; default: 52:54:00:00:00:66 with 203.0.113.66.
    pub(crate) attacker: Station,
    /// `target` and `target_mac`; default: 203.0.113.7.
    pub(crate) victim: Station,
    /// 203.0.113.1 and fe80::1.
    pub(crate) gateway: Station,
    /// `source_mac`, if set.
    pub(crate) source_mac: Option<Mac>,
    /// `sources`: number of participating stations.
    pub(crate) count: u64,
    pub(crate) rate: f64,
    /// `payload`, in octets.
    pub(crate) payload: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Lan {
    pub(crate) fn new(setting: &Setting, params: &Params) -> Lan {
        let v4 = |network: Option<IpNet>| match network.map(|network| network.addr()) {
            Some(IpAddr::V4(address)) => Some(Addr::from_v4_bits(address.to_bits())),
            _ => None,
        };
        let attacker_mac = params.source_mac.unwrap_or(Mac([0x52, 0x54, 0, 0, 0, 0x66]));
        let victim = v4(params.target).unwrap_or(inside(7));
        Lan {
            attacker: Station::new(attacker_mac, v4(params.source_network).unwrap_or(inside(66))),
            victim: Station::new(params.target_mac.unwrap_or(mac_for(victim)), victim),
            gateway: Station::new(GATEWAY, inside(1)),
            source_mac: params.source_mac,
            count: setting.sources.count,
            rate: setting.rate,
            payload: setting.payload,
            start: setting.start,
            end: setting.start + (setting.seconds * 1e9) as u64,
        }
    }

    /// The victim and its neighbours, 203.0.113.201 and following: `count` hosts, at most 50.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = Station> {
        let others = (0..self.count.clamp(1, 50) as u8 - 1).map(|number| Station::host(201 + number));
        std::iter::once(self.victim).chain(others)
    }

    /// Times from `first` after the start to the end, `step` apart; in nanoseconds.
    pub(crate) fn every(&self, first: u64, step: u64) -> impl Iterator<Item = u64> + use<> {
        (self.start + first..self.end).step_by(step.max(1) as usize)
    }

    /// The middle of the span.
    pub(crate) const fn middle(&self) -> u64 {
        self.start / 2 + self.end / 2
    }
}

/// A model of a segment while it is played.
struct LanModel {
    segment: Lan,
    act: Act,
    count: u64,
}

/// Plans everything at the start.
pub(crate) fn planned_once(segment: Lan, act: Act) -> (Box<dyn Model>, Pacing) {
    (Box::new(LanModel { segment, act, count: 0 }), Pacing::Once)
}

/// Plans frames `rate` times per second.
pub(crate) fn repeated(segment: Lan, act: Act) -> (Box<dyn Model>, Pacing) {
    let pacing = Pacing::Rate(segment.rate);
    (Box::new(LanModel { segment, act, count: 0 }), pacing)
}

impl Model for LanModel {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        (self.act)(&self.segment, now, self.count, schedule);
        self.count += 1;
    }
}
