//! `mac_ip_mismatch`: a guest uses a source address that is not assigned to it, in IP packets, ARP or neighbour
//! discovery.
//!
//! Only guests with addresses in the inventory are inspected. Addresses that they lease by DHCP are assigned as well.

use super::super::evidence::context;
use super::super::{Detector, DetectorSpec, Evidence, Finding, Merging, Mitigation, Setting, settings::Limits};
use super::common::{Subject, describe_station};
use crate::base::{Direction, Mac, Vector};
use crate::inventory::Site;
use crate::meter::{Count, ForeignUse, Span, Window};
use crate::packet::ControlKind;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_ip_mismatch",
    vectors: &[Vector::MacIpMismatch],
    summary: "a guest with known addresses that uses another one as its source, in IP, ARP or neighbour discovery",
    settings: &[PACKETS_PER_TICK],
    needs: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(None),
    build: |settings, site| {
        Box::new(MacIpMismatch { site: Arc::clone(site), limit: settings.limit(&PACKETS_PER_TICK) })
    },
};

const PACKETS_PER_TICK: Setting = Setting {
    key: "packets_per_tick",
    default: 1.0,
    min: 1.0,
    max: 1e6,
    unit: "packets/0.1 s",
    doc: "Packets of one guest from addresses that are not assigned to it, within a tenth of a second.",
    learns: None,
};

struct MacIpMismatch {
    site: Arc<Site>,
    limit: Limits,
}

/// An address that a station used, and for a control frame of which kind.
type Used<'a> = (&'a ForeignUse, Option<ControlKind>);

impl Detector for MacIpMismatch {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let segments = window.lan();
        let data = segments.foreign_sources().iter().map(|used| (used, None));
        let claims = segments.foreign_claims().iter().map(|(used, kind)| (used, Some(*kind)));
        let mut by_station: BTreeMap<_, Vec<Used<'_>>> = BTreeMap::new();
        for (used, kind) in data.chain(claims) {
            by_station.entry((used.mac, used.interface)).or_default().push((used, kind));
        }
        for ((mac, interface), uses) in by_station {
            let count = Count::sum(uses.iter().map(|(used, _)| used.count));
            if (count.packets as f64) >= self.limit.base().value {
                findings.extend(self.finding(window, (mac, interface), &uses, count));
            }
        }
    }
}

impl MacIpMismatch {
    fn finding(
        &self,
        window: &Window<'_>,
        (mac, interface): (Mac, u16),
        uses: &[Used<'_>],
        count: Count,
    ) -> Option<Finding> {
        let (first, kind) = uses.iter().min_by_key(|(used, _)| used.first)?;
        let limit = self.limit.base();
        let subject = Subject {
            window,
            site: &self.site,
            interface,
            vlan: first.vlan,
            vector: Vector::MacIpMismatch,
            count,
            since: first.first,
        };
        let assigned = self
            .site
            .guest_of_mac(mac)
            .map(|(_, nic)| nic.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        let how = kind.map_or("IP packets", ControlKind::name);
        let message = format!(
            "{} sent {} packets in 0.1 s from {} address(es) not assigned to it, limit {} ({}); first: {} ({how}) to {}; \
             assigned: {}",
            describe_station(window, &self.site, interface, mac),
            count.packets,
            uses.len(),
            limit.value - 1.0,
            limit.from.name(),
            first.address,
            first.destination,
            assigned.unwrap_or_default()
        );
        let main = Evidence {
            measure: "foreign_source_packets",
            value: count.packets as f64,
            limit: Some(limit.value - 1.0),
            limit_from: Some(limit.from),
            window_seconds: Span::Tick.seconds(),
            message,
        };
        let by_control = uses.iter().filter(|(_, kind)| kind.is_some()).count();
        let message = format!("{by_control} of these addresses were used in ARP or neighbour discovery");
        let addresses = context("foreign_addresses", uses.len() as f64, Span::Tick.seconds(), message);
        let mut finding = subject.station_finding(mac, vec![main, addresses]);
        finding.direction = Direction::Outbound;
        finding.spoofing_likely = true;
        Some(finding)
    }
}
