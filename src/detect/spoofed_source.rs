//! `spoofed_source`: packets leave that carry a source address which is not inside (RFC 2827, BCP 38).
//!
//! Many cannot come from an honest guest: it floods with spoofed sources, or makes reflectors answer a victim. A few that do
//! not end leak: of a container or guest whose private address is not translated. The target is the station that sends them,
//! since the address is false. Needs known networks, and a capture that gives the direction of frames.

use super::evidence::{context, measured};
use super::{Detector, DetectorSpec, Evidence, Finding, Merging, Mitigation, Setting, Target, Threshold, Traffic};
use super::{Limit, settings::Limits};
use crate::base::{Addr, Direction, Severity, Vector};
use crate::inventory::Site;
use crate::meter::lan::Leak;
use crate::meter::{Count, Sample, Span, SpoofedPacket, StationCounts, Window};
use crate::packet::{Class, Service};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "spoofed_source",
    vectors: &[Vector::SpoofedSource],
    summary: "packets that leave with a source address outside our networks, to a destination outside them: many at once, or a \
              few that do not end",
    settings: &[PACKETS_PER_TICK, PACKETS_PER_MINUTE],
    needs: &[],
    thresholds: &[STEADY_PERIODS, PACKETS_PER_PERIOD],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(None),
    build: |settings, site| {
        Box::new(SpoofedSource {
            limit: settings.limit(&PACKETS_PER_TICK),
            per_minute: settings.limit(&PACKETS_PER_MINUTE),
            site: Arc::clone(site),
        })
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

const PACKETS_PER_MINUTE: Setting = Setting {
    key: "packets_per_minute",
    default: 10.0,
    min: 2.0,
    max: 1e9,
    unit: "packets/minute",
    doc: "Such packets of one station to hosts of the Internet within a minute, if they go on: at least two in each of three \
          periods of ten seconds.",
    learns: None,
};

const STEADY_PERIODS: Threshold = Threshold {
    name: "periods of a leak",
    value: 3.0,
    unit: "of the last minute's six periods of 10 s",
    reason: "what leaks goes on; a connection that outlived its translation ends, and repeats its last packet less and less \
             often",
    guarded_by: "private_source_stray",
};

const PACKETS_PER_PERIOD: Threshold = Threshold {
    name: "packets in such a period",
    value: 2.0,
    unit: "packets/10 s",
    reason: "more than a single stray packet; a leak of one packet in five seconds has them",
    guarded_by: "private_source_leak",
};

struct SpoofedSource {
    limit: Limits,
    per_minute: Limits,
    site: Arc<Site>,
}

impl Detector for SpoofedSource {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let (limit, per_minute) = (self.limit.base(), self.per_minute.base());
        let mut by_station: BTreeMap<_, StationCounts> = BTreeMap::new();
        for station in window.stations.iter().filter(|station| station.spoofed > 0) {
            by_station.insert((station.interface, station.mac), *station);
        }
        let is_flood = |station: &StationCounts| f64::from(station.spoofed) >= limit.value;
        for station in by_station.values().filter(|station| is_flood(station)) {
            findings.extend(self.flood(station, limit, window));
        }
        let goes_on = |leak: &&Leak| {
            leak.packets() as f64 >= per_minute.value
                && leak.periods_with(PACKETS_PER_PERIOD.value) as f64 >= STEADY_PERIODS.value
        };
        for leak in window.lan().leaks().iter().filter(goes_on).filter(|leak| !is_flood(&leak.station)) {
            findings.extend(self.leak(leak, per_minute, window));
        }
    }
}

impl SpoofedSource {
    /// Whether the packets leave our networks: the capture says so, or they go to a router of the provider from a station that
    /// is none.
    fn leave(&self, station: &StationCounts, interface: &str) -> bool {
        station.spoofed_as.source.is_group()
            || station.spoofed_to.is_none_or(|router| {
                let upstream = self.site.policy(Some(interface)).map(|policy| &policy.upstream_macs);
                upstream.is_some_and(|macs| macs.contains(&router) && !macs.contains(&station.mac))
            })
    }

    fn flood(&self, station: &StationCounts, limit: Limit, window: &Window<'_>) -> Option<Finding> {
        let SpoofedPacket { source, destination, port, .. } = station.spoofed_as;
        let reflector = Service::of_port(port)
            .and_then(Service::row)
            .map_or_else(String::new, |row| format!("; UDP port {port} is {}, a service of reflectors", row.service));
        let what = if source.is_group() { "a group address as their source" } else { "sources outside our networks" };
        let mut finding = self.finding(station, window, |interface| {
            measured(
                "foreign_source_packets",
                station.spoofed.into(),
                limit,
                Span::Tick.seconds(),
                format!(
                    "{} packets in 0.1 s left {interface} from station {} with {what}, limit {} ({})",
                    station.spoofed,
                    station.mac,
                    limit.value,
                    limit.from.name()
                ),
            )
        })?;
        finding.evidence.push(context(
            "example_packet",
            1.0,
            Span::Tick.seconds(),
            format!("one was sent as {source} to {destination} port {port}{reflector}"),
        ));
        Some(finding)
    }

    fn leak(&self, leak: &Leak, limit: Limit, window: &Window<'_>) -> Option<Finding> {
        let station = &leak.station;
        let SpoofedPacket { source, destination, port, .. } = station.spoofed_as;
        let guest =
            self.site.guest_of_mac(station.mac).map_or_else(String::new, |(guest, _)| format!(" (guest {guest})"));
        let mut finding = self.finding(station, window, |interface| {
            measured(
                "leaked_packets",
                leak.packets() as f64,
                limit,
                Span::Minute.seconds(),
                format!(
                    "{} packets within a minute left {interface} from station {}{guest} with sources outside our networks, \
                     slowly but steadily, limit {} ({}); the last was sent as {source}",
                    leak.packets(),
                    station.mac,
                    limit.value,
                    limit.from.name()
                ),
            )
        })?;
        let kind = source.private_use();
        let meaning = match kind {
            Some(kind) if source.is_valid_on_any_link() => format!("the source is {kind}, and may not leave its link"),
            Some(kind) => format!(
                "the source is {kind}: probably of a container or guest whose traffic is not translated (masqueraded)"
            ),
            None => "the source is not ours; if it is, complete networks".to_owned(),
        };
        finding.evidence.push(context(
            "example_packet",
            1.0,
            Span::Tick.seconds(),
            format!("the last one was sent as {source} to {destination} port {port}; {meaning}"),
        ));
        // Where our own networks are private, another one of ours may be missing among them.
        let are_private = |network: &ipnet::IpNet| Addr::from(network.network()).private_use().is_some();
        let is_clear = kind.is_some() && !self.site.networks.iter().any(are_private);
        finding.severity = if is_clear { Severity::Warning } else { Severity::Info };
        finding.spoofing_likely = kind.is_none();
        finding.since = leak.first;
        Some(finding)
    }

    /// A finding about a station with its packets of this tick; `main` writes the evidence for an interface. `None` if they stay
    /// in our networks.
    fn finding(
        &self,
        station: &StationCounts,
        window: &Window<'_>,
        main: impl FnOnce(&str) -> Evidence,
    ) -> Option<Finding> {
        let interface = window.interface(station.interface).unwrap_or("unknown").to_owned();
        if !self.leave(station, &interface) {
            return None;
        }
        let count = Count {
            packets: station.spoofed.into(),
            bytes: station.sent.bytes * u64::from(station.spoofed) / station.sent.packets.max(1),
        };
        let SpoofedPacket { destination, port, .. } = station.spoofed_as;
        let sample = Sample {
            peer: destination,
            source_port: 0,
            destination_port: port,
            weight: station.spoofed,
            class: Class::IpOther as u8,
            ..Sample::default()
        };
        let traffic = Traffic { count, samples: vec![sample], ..Traffic::default() };
        let target = Target::Station { mac: station.mac, interface: window.segment_name(station.interface) };
        Some(Finding {
            vlan: (station.vlan != 0).then_some(station.vlan),
            now: traffic.clone(),
            recent: traffic,
            spoofing_likely: true,
            evidence: vec![main(&interface)],
            interface: Some(interface),
            ..Finding::about(target, Direction::Outbound, Vector::SpoofedSource, station.first)
        })
    }
}
