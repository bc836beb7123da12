//! `mac_not_allowed`: a frame left an uplink with a source MAC address that is not allowed there.
//!
//! Providers that police MAC addresses block the whole host for it, so the first frame counts, whatever it carries.
//! Allowed are the addresses on the interface's list (`allowed_macs`), else those on the provider's list of granted ones, else
//! those of this host and its guests.

use super::super::evidence::context;
use super::super::{Detector, DetectorSpec, Evidence, Finding, LimitFrom, Merging, Mitigation, Threshold};
use super::common::{Subject, describe_station};
use crate::base::{Addr, Direction, Mac, Severity, Vector};
use crate::inventory::{InterfacePolicy, Site, Uplink, UplinkRule};
use crate::meter::{Count, Span, StationCounts, Window};
use crate::packet::Class;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "mac_not_allowed",
    vectors: &[Vector::MacNotAllowed],
    summary: "a frame that leaves an uplink with a source MAC address that is neither this host's nor a known guest's, or \
              not on the list of granted addresses ([inventory] tables, or [[interface]] allowed_macs)",
    settings: &[],
    needs: &[],
    thresholds: &[STATIONS_ALONE],
    claims: &[],
    yields_to: &[],
    // Many foreign MAC addresses at once are one incident about the segment.
    merging: Merging::AbsorbsStations(&[Vector::MacNotAllowed]),
    mitigation: Mitigation::Station(None),
    build: |_, site| Box::new(MacNotAllowed { site: Arc::clone(site) }),
};

const STATIONS_ALONE: Threshold = Threshold {
    name: "stations with their own findings",
    value: 16.0,
    unit: "stations per tick",
    reason: "a bridge that leaks lets out a few; more are made up by a flood, which is one incident about the segment",
    guarded_by: "l2_mac_flood",
};

struct MacNotAllowed {
    site: Arc<Site>,
}

/// A station that is not allowed, its frames that left in this tick, and the uplink that they left.
type Leak<'a> = (&'a StationCounts, Count, Uplink<'a>);

impl Detector for MacNotAllowed {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let mut known: Option<(u16, Option<Uplink<'_>>)> = None;
        let mut leaks: Vec<Leak<'_>> = Vec::new();
        for station in window.stations {
            if known.as_ref().is_none_or(|(interface, _)| *interface != station.interface) {
                known = Some((station.interface, self.site.uplink(window.interface(station.interface))));
            }
            let Some((_, Some(uplink))) = &known else { continue };
            let count = left(station, self.site.policy(window.interface(station.interface)));
            if !count.is_zero() && !uplink.allows(station.mac) {
                leaks.push((station, count, *uplink));
            }
        }
        if leaks.len() as f64 > STATIONS_ALONE.value {
            findings.extend(self.segment_finding(&leaks, window));
            return;
        }
        findings.extend(leaks.iter().map(|leak| self.station_finding(leak, window)));
    }
}

/// Frames of a station that left the interface. Without directions in the capture, those of every station count that is
/// not upstream, where the operator names the stations upstream.
fn left(station: &StationCounts, policy: Option<&InterfacePolicy>) -> Count {
    let has_direction = station.left.packets + station.entered.packets > 0;
    let upstream = policy.map(|policy| &policy.upstream_macs).filter(|macs| !macs.is_empty());
    match upstream {
        Some(upstream) if !has_direction && !upstream.contains(&station.mac) => station.sent,
        _ => station.left,
    }
}

impl MacNotAllowed {
    fn station_finding(&self, (station, left, uplink): &Leak<'_>, window: &Window<'_>) -> Finding {
        let subject = Subject {
            window,
            site: &self.site,
            interface: station.interface,
            vlan: station.vlan,
            vector: Vector::MacNotAllowed,
            count: *left,
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
            "{} frame(s) left {} with source MAC {}, {}{}; first: {carried}",
            left.packets,
            subject.interface(),
            describe_station(window, &self.site, station.interface, station.mac),
            rule(uplink),
            cause(&self.site, uplink, station.mac)
        );
        let kinds = context(
            "broadcast_frames",
            f64::from(station.broadcast),
            Span::Tick.seconds(),
            format!(
                "of its frames in this tick, {} were broadcast, {} multicast, {} ARP, {} ND, {} DHCP",
                station.broadcast, station.multicast, station.arp, station.nd, station.dhcp
            ),
        );
        let finding = subject.station_finding(station.mac, vec![foreign_frames(*left, uplink, message), kinds]);
        graded(finding, uplink, Some(station.mac))
    }

    /// One finding for all: a flood with made-up addresses is one incident.
    fn segment_finding(&self, leaks: &[Leak<'_>], window: &Window<'_>) -> Option<Finding> {
        let (first, _, uplink) = leaks.first()?;
        let left = Count::sum(leaks.iter().map(|(_, count, _)| *count));
        let subject = Subject {
            window,
            site: &self.site,
            interface: first.interface,
            vlan: 0,
            vector: Vector::MacNotAllowed,
            count: left,
            since: leaks.iter().map(|(station, ..)| station.first).min().unwrap_or(window.end),
        };
        let message = format!(
            "{} frames left {} with {} or more different source MACs, {}; one of them: {}",
            left.packets,
            subject.interface(),
            leaks.len(),
            rule(uplink),
            first.mac
        );
        Some(graded(subject.segment_finding(vec![foreign_frames(left, uplink, message)]), uplink, None))
    }
}

/// Which rule the frames violate, and where it comes from.
fn rule(uplink: &Uplink<'_>) -> &'static str {
    match uplink.rule {
        UplinkRule::Configured => "not in its allowed_macs (config)",
        UplinkRule::ProviderList => "not on the list of granted MAC addresses (config: [inventory] tables)",
        UplinkRule::Known => "neither this host's nor a known guest's (default)",
        UplinkRule::OwnOnly => "not this host's; no guests are known, see `pegel guests` (default)",
    }
}

/// Where a MAC address that may not leave probably comes from.
fn cause(site: &Site, uplink: &Uplink<'_>, mac: Mac) -> String {
    if uplink.is_own(mac) {
        let links = site.inventory().kernel.links.iter().filter(|link| link.mac == mac);
        let names: Vec<&str> = links.clone().map(|link| link.name.as_str()).collect();
        let random = if mac.is_local() && links.clone().any(|link| link.kind == "bridge") {
            ", a bridge with a random MAC"
        } else {
            ""
        };
        return format!(
            "; it is this host's own ({}{random}): if it was granted, it has to be on the list as well",
            names.join(", ")
        );
    }
    if site.guest_of_mac(mac).is_some() {
        return String::new();
    }
    match mac.0 {
        [0x52, 0x54, 0x00, ..] => "; QEMU and libvirt give such addresses to virtual machines",
        [0xbc, 0x24, 0x11, ..] => "; Proxmox VE gives such addresses to guests",
        _ if mac.is_local() => {
            "; locally administered: probably a container or macvlan interface, or a bridge with a random MAC"
        }
        _ => "",
    }
    .to_owned()
}

fn foreign_frames(left: Count, uplink: &Uplink<'_>, message: String) -> Evidence {
    Evidence {
        measure: "foreign_frames",
        value: left.packets as f64,
        limit: Some(0.0),
        limit_from: Some(match uplink.rule {
            UplinkRule::Configured | UplinkRule::ProviderList => LimitFrom::Config,
            UplinkRule::Known | UplinkRule::OwnOnly => LimitFrom::Default,
        }),
        window_seconds: Span::Tick.seconds(),
        message,
    }
}

/// Where no guest is known, every guest's MAC address is foreign. That is information, no alarm. Where a provider lists only
/// the addresses that it granted in addition, the one of the machine's network card is missing in its list: a warning.
fn graded(finding: Finding, uplink: &Uplink<'_>, station: Option<Mac>) -> Finding {
    let is_card = station.is_some_and(|mac| uplink.is_own(mac) && !mac.is_local());
    let (severity, confidence) = match uplink.rule {
        UplinkRule::OwnOnly => (Severity::Info, 0.5),
        UplinkRule::ProviderList if is_card => (Severity::Warning, 0.7),
        UplinkRule::Configured | UplinkRule::ProviderList | UplinkRule::Known => (Severity::Critical, 0.99),
    };
    Finding { direction: Direction::Outbound, severity, confidence, ..finding }
}
