//! `mac_not_allowed`: a frame left an uplink with a source MAC address that may not leave there.
//!
//! Providers that police MAC addresses block the whole machine for it, so the first frame counts, whatever it carries.
//! What may leave is the operator's list, or else what this machine and its guests carry.

use super::super::evidence::context;
use super::super::{Detector, DetectorSpec, Evidence, Finding, LimitFrom, Merging, Mitigation};
use super::common::{About, who};
use crate::base::{Addr, Direction, Severity, Vector};
use crate::inventory::{InterfacePolicy, Site, Uplink};
use crate::meter::{Count, StationCounts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_not_allowed",
    vectors: &[Vector::MacNotAllowed],
    summary: "a frame that leaves an uplink with a MAC address that is neither this machine's nor a known guest's, or not \
              on the interface's list ([[interface]] allowed_macs)",
    settings: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(None),
    build: |_, site| Box::new(MacNotAllowed { site: Arc::clone(site) }),
};

struct MacNotAllowed {
    site: Arc<Site>,
}

/// Stations that leave in one tick from which on they are told as one.
const MANY: usize = 16;

impl Detector for MacNotAllowed {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let mut known: Option<(u16, Option<Uplink<'_>>)> = None;
        let mut strangers: Vec<(&StationCounts, Count, Uplink<'_>)> = Vec::new();
        for station in window.stations {
            if known.as_ref().is_none_or(|(interface, _)| *interface != station.interface) {
                known = Some((station.interface, self.site.uplink(window.interface(station.interface))));
            }
            let Some((_, Some(uplink))) = &known else { continue };
            let count = left(station, self.site.policy(window.interface(station.interface)));
            if !count.is_zero() && !uplink.allows(station.mac) {
                strangers.push((station, count, *uplink));
            }
        }
        if strangers.len() > MANY {
            findings.extend(self.many(&strangers, window));
            return;
        }
        findings.extend(strangers.iter().map(|(station, count, uplink)| self.one(station, *count, uplink, window)));
    }
}

/// Frames of a station that left the interface.
fn left(station: &StationCounts, policy: Option<&InterfacePolicy>) -> Count {
    let told = station.left.packets + station.entered.packets;
    let upstream = policy.map(|policy| &policy.upstream_macs).filter(|macs| !macs.is_empty());
    match upstream {
        Some(upstream) if told == 0 && !upstream.contains(&station.mac) => station.sent,
        _ => station.left,
    }
}

impl MacNotAllowed {
    fn one(&self, station: &StationCounts, left: Count, uplink: &Uplink<'_>, window: &Window<'_>) -> Finding {
        let about = About {
            window,
            site: &self.site,
            interface: station.interface,
            vlan: station.vlan,
            vector: Vector::MacNotAllowed,
            count: left,
            since: station.first,
        };
        let kind = Class::ALL.get(usize::from(station.class)).map_or("unparsed", |class| class.name());
        let carried = match (station.address, station.vlan) {
            (Addr::UNSPECIFIED, 0) => kind.to_owned(),
            (Addr::UNSPECIFIED, vlan) => format!("{kind} in VLAN {vlan}"),
            (address, 0) => format!("{kind} from {address}"),
            (address, vlan) => format!("{kind} from {address} in VLAN {vlan}"),
        };
        let message = format!(
            "{} frame(s) left {} with MAC {}, {}; first: {carried}",
            left.packets,
            about.interface(),
            who(window, &self.site, station.interface, station.mac),
            rule(uplink)
        );
        let kinds = context(
            "broadcast_frames",
            f64::from(station.broadcast),
            0.1,
            format!(
                "of all its frames in this tick {} were broadcast, {} multicast, {} ARP, {} ND, {} DHCP",
                station.broadcast, station.multicast, station.arp, station.nd, station.dhcp
            ),
        );
        graded(about.station(station.mac, vec![foreign(left, uplink, message), kinds]), uplink)
    }

    /// One finding for all: what floods with made-up addresses is one incident.
    fn many(&self, strangers: &[(&StationCounts, Count, Uplink<'_>)], window: &Window<'_>) -> Option<Finding> {
        let (first, _, uplink) = strangers.first()?;
        let left = Count::sum(strangers.iter().map(|(_, count, _)| *count));
        let about = About {
            window,
            site: &self.site,
            interface: first.interface,
            vlan: 0,
            vector: Vector::MacNotAllowed,
            count: left,
            since: strangers.iter().map(|(station, ..)| station.first).min().unwrap_or(window.end),
        };
        let message = format!(
            "{} frames left {} with {} or more different MACs, {}; one of them: {}",
            left.packets,
            about.interface(),
            strangers.len(),
            rule(uplink),
            first.mac
        );
        Some(graded(about.segment(vec![foreign(left, uplink, message)]), uplink))
    }
}

fn rule(uplink: &Uplink<'_>) -> &'static str {
    match (uplink.is_configured, uplink.knows_guests) {
        (true, _) => "which is not on its list (config)",
        (false, true) => "which is neither this machine's nor a known guest's (default)",
        (false, false) => "which is not this machine's; no guests are known: see pegel guests (default)",
    }
}

fn foreign(left: Count, uplink: &Uplink<'_>, message: String) -> Evidence {
    Evidence {
        measure: "foreign_frames",
        value: left.packets as f64,
        limit: Some(0.0),
        limit_from: Some(if uplink.is_configured { LimitFrom::Config } else { LimitFrom::Default }),
        window_seconds: 0.1,
        message,
    }
}

/// Where no guest at all is known, each is a stranger, and nobody is to be woken for that.
fn graded(finding: Finding, uplink: &Uplink<'_>) -> Finding {
    let sure = uplink.is_configured || uplink.knows_guests;
    Finding {
        direction: Direction::Outbound,
        severity: if sure { Severity::Critical } else { Severity::Info },
        confidence: if sure { 0.99 } else { 0.5 },
        ..finding
    }
}
