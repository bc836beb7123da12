//! Excessive frames that every station receives: `arp_flood`, `gratuitous_arp_storm`, `broadcast_storm`,
//! `multicast_storm`.
//!
//! The finding is about the one station that exceeds the limit, or about the segment where a few stations do so
//! together. Many stations that send a little each, as after a power cut, are no storm.

use super::super::evidence::measured;
use super::super::{
    Detector, DetectorSpec, Finding, FrameMatch, Merging, Mitigation, Setting, Threshold, limit::Limit,
    settings::Limits,
};
use super::common::{ARP_FRAMES, MIN_FRAME_OCTETS, Subject, describe_station};
use crate::base::{Mac, Vector};
use crate::inventory::Site;
use crate::meter::lan::{RateKind, Rates};
use crate::meter::{Count, Span, Window};
use std::sync::Arc;

const fn frames(default: f64, doc: &'static str) -> Setting {
    Setting { key: "frames_per_second", default, min: 5.0, max: 1e7, unit: "frames/s", doc, learns: None }
}

pub(in super::super) const ARP_FLOOD: DetectorSpec = DetectorSpec {
    name: "arp_flood",
    vectors: &[Vector::ArpFlood],
    summary: "one station that sends far more ARP than a router needs",
    settings: &[ARP_FLOOD_FRAMES_LIMIT],
    needs: &[],
    thresholds: &[FAILOVER_SECONDS],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ARP_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::ArpFlood, RateKind::Arp, settings.limit(&ARP_FLOOD_FRAMES_LIMIT), site)
    },
};
const ARP_FLOOD_FRAMES_LIMIT: Setting = frames(1500.0, "ARP frames per second of one station.");

pub(in super::super) const GRATUITOUS: DetectorSpec = DetectorSpec {
    name: "gratuitous_arp_storm",
    vectors: &[Vector::GratuitousArpStorm],
    summary: "one station that repeatedly announces the same addresses",
    settings: &[GRATUITOUS_FRAMES_LIMIT],
    needs: &[],
    thresholds: &[ANNOUNCEMENTS_OF_EACH],
    build: |settings, site| {
        Storm::boxed(Vector::GratuitousArpStorm, RateKind::Gratuitous, settings.limit(&GRATUITOUS_FRAMES_LIMIT), site)
    },
    ..ARP_FLOOD
};
const GRATUITOUS_FRAMES_LIMIT: Setting =
    frames(50.0, "Announcements per second of one station, at least ten of each address.");

pub(in super::super) const BROADCAST: DetectorSpec = DetectorSpec {
    name: "broadcast_storm",
    vectors: &[Vector::BroadcastStorm],
    summary: "excessive broadcast frames of one station, or of a few together",
    settings: &[BROADCAST_FRAMES_LIMIT],
    needs: &[],
    thresholds: &[SEGMENT_FACTOR, FRAMES_PER_STATION],
    mitigation: Mitigation::Station(Some(BROADCAST_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::BroadcastStorm, RateKind::Broadcast, settings.limit(&BROADCAST_FRAMES_LIMIT), site)
    },
    ..ARP_FLOOD
};
const BROADCAST_FRAMES_LIMIT: Setting =
    frames(1500.0, "Broadcast frames per second of one station; three times as many of a few stations together.");

pub(in super::super) const MULTICAST: DetectorSpec = DetectorSpec {
    name: "multicast_storm",
    vectors: &[Vector::MulticastStorm],
    summary: "excessive multicast frames of one station, or of a few together; more than video streams need",
    settings: &[MULTICAST_FRAMES_LIMIT],
    mitigation: Mitigation::Station(Some(MULTICAST_FRAMES)),
    build: |settings, site| {
        Storm::boxed(Vector::MulticastStorm, RateKind::Multicast, settings.limit(&MULTICAST_FRAMES_LIMIT), site)
    },
    ..BROADCAST
};
const MULTICAST_FRAMES_LIMIT: Setting = frames(
    5000.0,
    "Multicast frames per second of one station; three times as many of a few stations together. Of frames to groups that stations have joined, only those of the busiest group count.",
);

const BROADCAST_FRAMES: FrameMatch = FrameMatch { nftables: "ether daddr ff:ff:ff:ff:ff:ff", pcap: "ether broadcast" };
const MULTICAST_FRAMES: FrameMatch =
    FrameMatch { nftables: "ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00", pcap: "ether multicast" };

const ANNOUNCEMENTS_OF_EACH: Threshold = Threshold {
    name: "announcements of each address",
    value: 10.0,
    unit: "announcements within a second",
    reason: "a failover announces hundreds of addresses, but each only a few times",
    guarded_by: "l2_garp_failover",
};
const FAILOVER_SECONDS: Threshold = Threshold {
    name: "longest failover",
    value: 3.0,
    unit: "seconds of announcements",
    reason: "a router that takes over announces all addresses at once, some repeat it after seconds; a flood of made-up ones goes on",
    guarded_by: "l2_garp_failover",
};
const SEGMENT_FACTOR: Threshold = Threshold {
    name: "segment factor",
    value: 3.0,
    unit: "times a station's limit",
    reason: "the honest broadcast of a segment is the sum over its stations",
    guarded_by: "l2_broadcast_storm_many",
};
const FRAMES_PER_STATION: Threshold = Threshold {
    name: "frames per station",
    value: 50.0,
    unit: "frames/s per station",
    reason: "many stations that send a little each are a large network, or guests that boot together",
    guarded_by: "l2_chatty_broadcast",
};

/// `frames` frames of the mean length.
fn traffic(frames: u32, rates: &Rates) -> Count {
    let packets = u64::from(frames);
    Count { packets, bytes: packets * rates.mean_length().max(MIN_FRAME_OCTETS) }
}

/// Whether a station announces many addresses, each a few times, which it has just taken over.
fn is_failover(rates: &Rates) -> bool {
    rates.mostly_announces()
        && rates.announcements_of_each() < ANNOUNCEMENTS_OF_EACH.value
        && (rates.announcing_seconds() as f64) < FAILOVER_SECONDS.value
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
        let stations = self.stations(window);
        // ARP and announcements of a segment as a whole are `broadcast_storm`.
        let of_segment = stations.is_empty() && matches!(self.noise, RateKind::Broadcast | RateKind::Multicast);
        findings.extend(stations);
        if of_segment {
            findings.extend(self.segments(window));
        }
    }
}

impl Storm {
    /// Stations that alone exceed the limit.
    fn stations(&self, window: &Window<'_>) -> Vec<Finding> {
        let (limit, noise) = (self.limit.base(), self.noise);
        let mut findings = Vec::new();
        for (interface, mac, rates) in window.lan().station_rates() {
            let rate = f64::from(self.rate(rates));
            if rate < limit.value || rates.in_tick(noise) == 0 || self.is_mostly_arp(rates) {
                continue;
            }
            if noise == RateKind::Arp && is_failover(rates) {
                continue;
            }
            if noise == RateKind::Gratuitous && rates.announcements_of_each() < ANNOUNCEMENTS_OF_EACH.value {
                continue;
            }
            findings.push(self.station_finding(window, interface, mac, rates));
        }
        findings
    }

    /// Segments on which a few stations exceed the limit together.
    fn segments(&self, window: &Window<'_>) -> Vec<Finding> {
        let (limit, noise) = (self.limit.base().times(SEGMENT_FACTOR.value), self.noise);
        let mut findings = Vec::new();
        for (interface, rates) in window.lan().interface_rates() {
            let rate = f64::from(self.rate(rates));
            if rate < limit.value || rates.in_tick(noise) == 0 || self.is_mostly_arp(rates) {
                continue;
            }
            let noisy =
                window.lan().station_rates().filter(|(at, _, rates)| *at == interface && rates.per_second(noise) > 0);
            let (stations, frames) = noisy.fold((0u32, 0u32), |(stations, frames), (_, _, rates)| {
                (stations + 1, frames.saturating_add(rates.per_second(noise)))
            });
            let (frames, per_station) = (f64::from(frames), f64::from(frames) / f64::from(stations.max(1)));
            if frames >= rate / 2.0 && per_station >= FRAMES_PER_STATION.value {
                findings.push(self.segment_finding(window, interface, rates, limit, stations));
            }
        }
        findings
    }

    /// The rate that counts. A station that sends many wanted streams sends each of them at an honest rate.
    fn rate(&self, rates: &Rates) -> u32 {
        match self.noise {
            RateKind::Multicast => rates.multicast_per_group(),
            noise => rates.per_second(noise),
        }
    }

    /// ARP is broadcast: `arp_flood` reports a broadcast storm that consists of it.
    fn is_mostly_arp(&self, rates: &Rates) -> bool {
        let [arp, broadcast] = [RateKind::Arp, RateKind::Broadcast].map(|noise| f64::from(rates.per_second(noise)));
        self.noise == RateKind::Broadcast && arp > broadcast / 2.0
    }

    fn subject<'w>(&'w self, window: &'w Window<'w>, interface: u16, rates: &Rates) -> Subject<'w> {
        Subject {
            window,
            site: &self.site,
            interface,
            vlan: rates.vlan(),
            vector: self.vector,
            count: traffic(rates.in_tick(self.noise), rates),
            since: rates.onset(self.noise),
        }
    }

    /// Name of the measurement, and what it counts.
    fn measure(&self) -> (&'static str, &'static str) {
        match self.noise {
            RateKind::Broadcast => ("broadcast_frames_per_second", "broadcast frames"),
            RateKind::Multicast => ("multicast_frames_per_second", "multicast frames"),
            RateKind::Arp => ("arp_frames_per_second", "ARP frames"),
            RateKind::Gratuitous => ("announcements_per_second", "announcements of its own addresses"),
        }
    }

    fn station_finding(&self, window: &Window<'_>, interface: u16, mac: Mac, rates: &Rates) -> Finding {
        let limit = self.limit.base();
        let (measure, what) = self.measure();
        let rate = f64::from(self.rate(rates));
        let message = format!(
            "{} sent {rate:.0} {what} within a second, limit {} ({})",
            describe_station(window, &self.site, interface, mac),
            limit.value,
            limit.from.name()
        );
        let main = measured(measure, rate, limit, Span::Second.seconds(), message);
        let subject = self.subject(window, interface, rates);
        let mut finding = subject.station_finding(mac, vec![main]).graded(rate, limit.value);
        finding.recent.count = traffic(rates.per_second(self.noise), rates);
        finding
    }

    fn segment_finding(
        &self,
        window: &Window<'_>,
        interface: u16,
        rates: &Rates,
        limit: Limit,
        stations: u32,
    ) -> Finding {
        let (measure, what) = self.measure();
        let rate = f64::from(self.rate(rates));
        let subject = self.subject(window, interface, rates);
        let message = format!(
            "{rate:.0} {what} within a second on {}, at least half of them of {stations} stations, limit {} ({})",
            subject.interface(),
            limit.value,
            limit.from.name()
        );
        let main = measured(measure, rate, limit, Span::Second.seconds(), message);
        let mut finding = subject.segment_finding(vec![main]).graded(rate, limit.value);
        finding.recent.count = traffic(rates.per_second(self.noise), rates);
        finding
    }
}
