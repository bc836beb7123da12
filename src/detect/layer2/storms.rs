//! Too much of what everybody hears: `arp_flood`, `gratuitous_arp_storm`, `broadcast_storm`, `multicast_storm`.
//!
//! One station that sends most of it is the culprit; where none stands out the whole segment is told of. What many
//! stations send a little of each, as after a power cut, is no storm.

use super::super::evidence::measured;
use super::super::{
    Detector, DetectorSpec, Finding, FrameMatch, Merging, Mitigation, Setting, settings::Limit, settings::Limits,
};
use super::common::{ARP_FRAMES, About, LEAST_FRAME, who};
use crate::base::{Mac, Vector};
use crate::inventory::Site;
use crate::meter::lan::{RateKind, Rates};
use crate::meter::{Count, Window};
use std::sync::Arc;

const fn frames(default: f64, doc: &'static str) -> Setting {
    Setting { key: "frames_per_second", default, min: 5.0, max: 1e7, unit: "frames/s", doc, learns: None }
}

pub(in super::super) const ARP_FLOOD: DetectorSpec = DetectorSpec {
    name: "arp_flood",
    vectors: &[Vector::ArpFlood],
    summary: "one station that sends far more ARP than any router needs",
    settings: &[ARP_FLOOD_FRAMES_LIMIT],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ARP_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::ArpFlood, RateKind::Arp, settings.limit(&ARP_FLOOD_FRAMES_LIMIT), site)
    },
};
const ARP_FLOOD_FRAMES_LIMIT: Setting = frames(1500.0, "ARP frames of one station.");

pub(in super::super) const GRATUITOUS: DetectorSpec = DetectorSpec {
    name: "gratuitous_arp_storm",
    vectors: &[Vector::GratuitousArpStorm],
    summary: "one station that announces the same addresses over and over",
    settings: &[GRATUITOUS_FRAMES_LIMIT],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ARP_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::GratuitousArpStorm, RateKind::Gratuitous, settings.limit(&GRATUITOUS_FRAMES_LIMIT), site)
    },
};
const GRATUITOUS_FRAMES_LIMIT: Setting =
    frames(50.0, "Announcements of one station, ten or more of each address within a second.");

pub(in super::super) const BROADCAST: DetectorSpec = DetectorSpec {
    name: "broadcast_storm",
    vectors: &[Vector::BroadcastStorm],
    summary: "so much broadcast, of one station or of few, that every other station suffers",
    settings: &[BROADCAST_FRAMES_LIMIT],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(BROADCAST_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::BroadcastStorm, RateKind::Broadcast, settings.limit(&BROADCAST_FRAMES_LIMIT), site)
    },
};
const BROADCAST_FRAMES_LIMIT: Setting =
    frames(1500.0, "Broadcast frames of one station; of a segment, three times as many by few stations.");

pub(in super::super) const MULTICAST: DetectorSpec = DetectorSpec {
    name: "multicast_storm",
    vectors: &[Vector::MulticastStorm],
    summary: "the same of multicast; streams of video need less",
    settings: &[MULTICAST_FRAMES_LIMIT],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(MULTICAST_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::MulticastStorm, RateKind::Multicast, settings.limit(&MULTICAST_FRAMES_LIMIT), site)
    },
};
const MULTICAST_FRAMES_LIMIT: Setting =
    frames(5000.0, "Multicast frames of one station; of a segment, three times as many by few stations.");

const BROADCAST_FRAMES: FrameMatch = FrameMatch { nftables: "ether daddr ff:ff:ff:ff:ff:ff", pcap: "ether broadcast" };
const MULTICAST_FRAMES: FrameMatch =
    FrameMatch { nftables: "ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00", pcap: "ether multicast" };

/// How often an address must be announced within a second: failovers announce each a few times.
const OF_EACH: f64 = 10.0;
/// How much louder than one station a segment may be.
const SEGMENT: f64 = 3.0;
/// Frames a second and station from which on few stations make the noise.
const FEW: f64 = 50.0;

/// So many frames of such a length.
fn traffic(frames: u32, rates: &Rates) -> Count {
    let packets = u64::from(frames);
    Count { packets, bytes: packets * rates.mean_length().max(LEAST_FRAME) }
}

struct Storm {
    vector: Vector,
    noise: RateKind,
    limit: Limits,
    site: Arc<Site>,
}

impl Storm {
    fn boxed(vector: Vector, noise: RateKind, limit: Limits, site: &Arc<Site>) -> Box<dyn Detector> {
        Box::new(Storm { vector, noise, limit, site: Arc::clone(site) })
    }
}

impl Detector for Storm {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let (limit, noise) = (self.limit.base(), self.noise);
        let before = findings.len();
        for (interface, mac, rates) in window.lan().station_rates() {
            let rate = f64::from(rates.per_second(noise));
            if rate < limit.value || rates.in_tick(noise) == 0 {
                continue;
            }
            if noise == RateKind::Gratuitous && rates.announcements_of_each() < OF_EACH {
                continue;
            }
            // ARP is broadcast: what floods by ARP is told as that.
            if noise == RateKind::Broadcast && f64::from(rates.per_second(RateKind::Arp)) > rate / 2.0 {
                continue;
            }
            findings.push(self.station(window, interface, mac, rates, limit));
        }
        if findings.len() > before || matches!(noise, RateKind::Arp | RateKind::Gratuitous) {
            return;
        }
        for (interface, rates) in window.lan().interface_rates() {
            let rate = f64::from(rates.per_second(noise));
            if noise == RateKind::Broadcast && f64::from(rates.per_second(RateKind::Arp)) > rate / 2.0 {
                continue;
            }
            let limit = limit.times(SEGMENT);
            let loud =
                window.lan().station_rates().filter(|(at, _, loud)| *at == interface && loud.per_second(noise) > 0);
            let (number, theirs) = loud.fold((0u32, 0u32), |(number, sum), (_, _, loud)| {
                (number + 1, sum.saturating_add(loud.per_second(noise)))
            });
            let few = f64::from(theirs) >= rate / 2.0 && f64::from(theirs) / f64::from(number.max(1)) >= FEW;
            if rate >= limit.value && rates.in_tick(noise) > 0 && few {
                findings.push(self.segment(window, interface, rates, limit, number));
            }
        }
    }
}

impl Storm {
    fn about<'w>(&'w self, window: &'w Window<'w>, interface: u16, rates: &Rates) -> About<'w> {
        About {
            window,
            site: &self.site,
            interface,
            vlan: rates.vlan(),
            vector: self.vector,
            count: traffic(rates.in_tick(self.noise), rates),
            since: rates.onset(self.noise),
        }
    }

    fn what(&self) -> (&'static str, &'static str) {
        match self.noise {
            RateKind::Broadcast => ("broadcast_frames_per_second", "broadcast frames"),
            RateKind::Multicast => ("multicast_frames_per_second", "multicast frames"),
            RateKind::Arp => ("arp_frames_per_second", "ARP frames"),
            RateKind::Gratuitous => ("announcements_per_second", "announcements of its own addresses"),
        }
    }

    fn station(&self, window: &Window<'_>, interface: u16, mac: Mac, rates: &Rates, limit: Limit) -> Finding {
        let (measure, what) = self.what();
        let rate = f64::from(rates.per_second(self.noise));
        let message = format!(
            "{} sent {rate:.0} {what} within a second, limit {} ({})",
            who(window, &self.site, interface, mac),
            limit.value,
            limit.from.name()
        );
        let about = self.about(window, interface, rates);
        let mut finding =
            about.station(mac, vec![measured(measure, rate, limit, 1.0, message)]).graded(rate, limit.value);
        finding.recent.count = traffic(rates.per_second(self.noise), rates);
        finding
    }

    fn segment(&self, window: &Window<'_>, interface: u16, rates: &Rates, limit: Limit, stations: u32) -> Finding {
        let (measure, what) = self.what();
        let rate = f64::from(rates.per_second(self.noise));
        let about = self.about(window, interface, rates);
        let message = format!(
            "{rate:.0} {what} within a second on {}, most of them of {stations} stations, limit {} ({})",
            about.interface(),
            limit.value,
            limit.from.name()
        );
        let mut finding = about.segment(vec![measured(measure, rate, limit, 1.0, message)]).graded(rate, limit.value);
        finding.recent.count = traffic(rates.per_second(self.noise), rates);
        finding
    }
}
