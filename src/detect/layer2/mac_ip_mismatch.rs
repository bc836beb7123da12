//! `mac_ip_mismatch`: a guest uses a source address that it was not given: in IP packets, by ARP, by neighbour discovery.
//!
//! Judged for guests of which the inventory knows addresses; what they leased by DHCP is theirs, too.

use super::super::evidence::context;
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, LimitFrom, Merging, Mitigation, Setting, settings::Limits,
};
use super::common::{About, who};
use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{Count, ForeignUse, Window};
use crate::packet::ControlKind;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_ip_mismatch",
    vectors: &[Vector::MacIpMismatch],
    summary: "a guest whose addresses are known uses another as its source, in IP, ARP or neighbour discovery",
    settings: &[PACKETS_PER_TICK],
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
    doc: "Packets of one guest with such addresses within a tenth of a second.",
    learns: None,
};

struct MacIpMismatch {
    site: Arc<Site>,
    limit: Limits,
}

impl Detector for MacIpMismatch {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let segments = window.lan();
        let data = segments.foreign_sources().iter().map(|used| (used, None));
        let claims = segments.foreign_claims().iter().map(|(used, kind)| (used, Some(*kind)));
        let mut by_station: BTreeMap<_, Vec<(&ForeignUse, Option<ControlKind>)>> = BTreeMap::new();
        for (used, kind) in data.chain(claims) {
            by_station.entry((used.mac, used.interface)).or_default().push((used, kind));
        }
        for ((mac, interface), uses) in by_station {
            let count = Count::sum(uses.iter().map(|(used, _)| used.count));
            let limit = self.limit.base();
            let Some((first, kind)) = uses.iter().min_by_key(|(used, _)| used.first) else { continue };
            if (count.packets as f64) < limit.value {
                continue;
            }
            let about = About {
                window,
                site: &self.site,
                interface,
                vlan: first.vlan,
                vector: Vector::MacIpMismatch,
                count,
                since: first.first,
            };
            let own = self
                .site
                .guest_of_mac(mac)
                .map(|(_, nic)| nic.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            let how = kind.map_or("IP packets", ControlKind::name);
            let message = format!(
                "{} sent {} packets in 0.1 s with {} address(es) that it was not given, limit {} ({}); one: {} ({how}) to \
                 {}; its own: {}",
                who(window, &self.site, interface, mac),
                count.packets,
                uses.len(),
                limit.value - 1.0,
                LimitFrom::name(limit.from),
                first.address,
                first.destination,
                own.unwrap_or_default()
            );
            let evidence = Evidence {
                measure: "foreign_source_packets",
                value: count.packets as f64,
                limit: Some(limit.value - 1.0),
                limit_from: Some(limit.from),
                window_seconds: 0.1,
                message,
            };
            let kinds = context(
                "foreign_addresses",
                uses.len() as f64,
                0.1,
                format!(
                    "{} of them by ARP or neighbour discovery",
                    uses.iter().filter(|(_, kind)| kind.is_some()).count()
                ),
            );
            let mut finding = about.station(mac, vec![evidence, kinds]);
            finding.direction = Direction::Outbound;
            finding.spoofing_likely = true;
            findings.push(finding);
        }
    }
}
