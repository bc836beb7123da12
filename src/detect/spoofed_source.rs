//! `spoofed_source`: packets leave that carry a source address which is not inside (RFC 2827, BCP 38).
//!
//! They cannot come from an honest guest: it floods with spoofed sources, or makes reflectors answer a victim. The target is
//! the station that sends them, since the address is false. Needs known networks, and a capture that gives the direction of
//! frames.

use super::evidence::{context, measured};
use super::{Detector, DetectorSpec, Finding, Merging, Mitigation, Setting, Target, Traffic, settings::Limits};
use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{Count, Sample, Span, StationCounts, Window};
use crate::packet::{Class, Service};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "spoofed_source",
    vectors: &[Vector::SpoofedSource],
    summary: "packets that leave with a source address outside our networks, to a destination outside them",
    settings: &[PACKETS_PER_TICK],
    inspects_hosts: false,
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(None),
    build: |settings, site| {
        Box::new(SpoofedSource { limit: settings.limit(&PACKETS_PER_TICK), site: Arc::clone(site) })
    },
};

const PACKETS_PER_TICK: Setting = Setting {
    key: "packets_per_tick",
    default: 5.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/0.1 s",
    doc: "Such packets of one station within a tenth of a second.",
    learns: None,
};

struct SpoofedSource {
    limit: Limits,
    site: Arc<Site>,
}

impl SpoofedSource {
    /// Whether the packets leave our networks: the capture says so, or they go to a router of the provider from a station that
    /// is none.
    fn leave(&self, station: &StationCounts, interface: &str) -> bool {
        let (source, ..) = station.spoofed_as;
        source.is_group()
            || station.spoofed_to.is_none_or(|router| {
                let upstream = self.site.policy(Some(interface)).map(|policy| &policy.upstream_macs);
                upstream.is_some_and(|macs| macs.contains(&router) && !macs.contains(&station.mac))
            })
    }
}

impl Detector for SpoofedSource {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base();
        let mut by_station: BTreeMap<_, StationCounts> = BTreeMap::new();
        for station in window.stations.iter().filter(|station| station.spoofed > 0) {
            by_station.insert((station.interface, station.mac), *station);
        }
        for station in by_station.values().filter(|station| f64::from(station.spoofed) >= limit.value) {
            let interface = window.interface(station.interface).unwrap_or("unknown").to_owned();
            if !self.leave(station, &interface) {
                continue;
            }
            let segment = window.segment_name(station.interface);
            let count = Count {
                packets: station.spoofed.into(),
                bytes: station.sent.bytes * u64::from(station.spoofed) / station.sent.packets.max(1),
            };
            let (source, victim, port) = station.spoofed_as;
            let sample = Sample {
                peer: victim,
                source_port: 0,
                destination_port: port,
                weight: station.spoofed,
                class: Class::IpOther as u8,
                ..Sample::default()
            };
            let traffic = Traffic { count, samples: vec![sample], ..Traffic::default() };
            let vlan = (station.vlan != 0).then_some(station.vlan);
            let reflector = Service::of_port(port).and_then(Service::row).map_or_else(String::new, |row| {
                format!("; UDP port {port} is {}, a service of reflectors", row.service)
            });
            let target = Target::Station { mac: station.mac, interface: segment };
            findings.push(Finding {
                interface: Some(interface.clone()),
                vlan,
                now: traffic.clone(),
                recent: traffic,
                spoofing_likely: true,
                evidence: vec![
                    measured(
                        "foreign_source_packets",
                        station.spoofed.into(),
                        limit,
                        Span::Tick.seconds(),
                        format!(
                            "{} packets in 0.1 s left {interface} from station {} with {}, limit {} ({})",
                            station.spoofed,
                            station.mac,
                            if source.is_group() {
                                "a group address as their source"
                            } else {
                                "sources outside our networks"
                            },
                            limit.value,
                            limit.from.name()
                        ),
                    ),
                    context(
                        "example_packet",
                        1.0,
                        Span::Tick.seconds(),
                        format!("one was sent as {source} to {victim} port {port}{reflector}"),
                    ),
                ],
                ..Finding::about(target, Direction::Outbound, Vector::SpoofedSource, station.first)
            });
        }
    }
}
