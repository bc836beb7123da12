//! `mac_not_allowed`: a frame left an interface with a source MAC address that is not on the interface's list.
//!
//! Providers that police MAC addresses block the whole machine for it, so the first frame counts, whatever it carries.

use super::shape::context;
use super::{Detector, DetectorSpec, Evidence, Finding, LimitFrom, Target, Traffic};
use crate::base::{Addr, Direction, Severity, Vector};
use crate::inventory::{InterfacePolicy, Site};
use crate::meter::{Count, StationCounts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_not_allowed",
    vectors: &[Vector::MacNotAllowed],
    summary: "a frame that leaves with a MAC address outside the interface's list ([[interface]] allowed_macs)",
    settings: &[],
    build: |_, site| Box::new(MacNotAllowed { site: Arc::clone(site) }),
};

struct MacNotAllowed {
    site: Arc<Site>,
}

impl Detector for MacNotAllowed {
    fn survey(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        if !self.site.has_mac_rules() {
            return;
        }
        for station in window.stations {
            let interface = window.interface(station.interface);
            let Some(policy) = self.site.policy(interface) else { continue };
            if policy.allowed_macs.is_empty() || policy.allowed_macs.contains(&station.mac) {
                continue;
            }
            let left = left(station, policy);
            if !left.is_zero() {
                findings.push(finding(station, left, interface));
            }
        }
    }
}

/// Frames of a station that left the interface.
fn left(station: &StationCounts, policy: &InterfacePolicy) -> Count {
    let told = station.left.packets + station.entered.packets;
    if told == 0 && !policy.upstream_macs.is_empty() && !policy.upstream_macs.contains(&station.mac) {
        station.sent
    } else {
        station.left
    }
}

fn finding(station: &StationCounts, left: Count, interface: Option<&str>) -> Finding {
    let interface = interface.unwrap_or("unknown").to_owned();
    let kind = Class::ALL.get(usize::from(station.class)).map_or("unparsed", |class| class.name());
    let vlan = (station.vlan != 0).then_some(station.vlan);
    let carried = match (station.address, vlan) {
        (Addr::UNSPECIFIED, None) => kind.to_owned(),
        (Addr::UNSPECIFIED, Some(vlan)) => format!("{kind} in VLAN {vlan}"),
        (address, None) => format!("{kind} from {address}"),
        (address, Some(vlan)) => format!("{kind} from {address} in VLAN {vlan}"),
    };
    let traffic = Traffic { count: left, ..Traffic::default() };
    Finding {
        target: Target::Station { mac: station.mac, interface: interface.clone() },
        interface: Some(interface.clone()),
        vlan,
        direction: Direction::Outbound,
        vector: Vector::MacNotAllowed,
        severity: Severity::Critical,
        confidence: 0.99,
        since: station.first,
        now: traffic.clone(),
        recent: traffic,
        spoofing_likely: false,
        pattern: None,
        names: Vec::new(),
        evidence: vec![
            Evidence {
                measure: "foreign_frames",
                value: left.packets as f64,
                limit: Some(0.0),
                limit_from: Some(LimitFrom::Config),
                window_seconds: 0.1,
                says: format!(
                    "{} frame(s) left {interface} with MAC {}, which is not on its list (config); first: {carried}",
                    left.packets, station.mac
                ),
            },
            context(
                "broadcast_frames",
                f64::from(station.broadcast),
                0.1,
                format!(
                    "of all its frames in this tick {} were broadcast, {} multicast, {} ARP, {} ND, {} DHCP",
                    station.broadcast, station.multicast, station.arp, station.nd, station.dhcp
                ),
            ),
        ],
    }
}
