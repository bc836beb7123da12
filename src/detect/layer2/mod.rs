//! Detectors of what goes on in a segment: who claims which address, who lets which MAC out, who is too loud, who
//! answers for others. What they share about whom a finding is about stands here.
//!
//! Culprits are stations; what has no single culprit is about the segment. A guest is named by the inventory.

mod claims;
mod dhcp;
mod gateway_silent;
mod l2_loop;
mod mac_flap;
mod mac_flood;
mod mac_ip_mismatch;
mod mac_not_allowed;
mod rogue_ra;
mod storms;
mod stp_from_guest;
mod unknown_unicast;

use super::shape::context;
use super::{Evidence, Finding, Target, Traffic};
use crate::base::{Direction, InterfaceRole, Mac, Severity, Timestamp, Vector};
use crate::inventory::{Site, VirtualMac};
use crate::meter::lan::BroadcastDomain;
use crate::meter::{Count, Window};

pub(super) use claims::{ARP_SPOOF, GATEWAY_MAC_CHANGED, IP_CONFLICT, ND_SPOOF};
pub(super) use dhcp::{FLOOD as DHCP_FLOOD, ROGUE as ROGUE_DHCP, STARVATION as DHCP_STARVATION};
pub(super) use gateway_silent::SPEC as GATEWAY_SILENT;
pub(super) use l2_loop::SPEC as L2_LOOP;
pub(super) use mac_flap::SPEC as MAC_FLAP;
pub(super) use mac_flood::SPEC as MAC_FLOOD;
pub(super) use mac_ip_mismatch::SPEC as MAC_IP_MISMATCH;
pub(super) use mac_not_allowed::SPEC as MAC_NOT_ALLOWED;
pub(super) use rogue_ra::SPEC as ROGUE_RA;
pub(super) use storms::{
    ARP_FLOOD, BROADCAST as BROADCAST_STORM, GRATUITOUS as GRATUITOUS_ARP_STORM, MULTICAST as MULTICAST_STORM,
};
pub(super) use stp_from_guest::SPEC as STP_FROM_GUEST;
pub(super) use unknown_unicast::SPEC as UNKNOWN_UNICAST_FLOOD;

/// Octets that a control frame is taken to have: the least that Ethernet has.
const LEAST_FRAME: u64 = 60;

/// What a finding is about, before anything is said about it.
struct About<'w> {
    window: &'w Window<'w>,
    site: &'w Site,
    interface: u16,
    vlan: u16,
    vector: Vector,
    /// In this tick.
    count: Count,
    since: Timestamp,
}

impl About<'_> {
    fn interface(&self) -> String {
        self.window.interface(self.interface).unwrap_or("unknown").to_owned()
    }

    fn finding(&self, target: Target) -> Finding {
        let traffic = Traffic { count: self.count, ..Traffic::default() };
        Finding {
            target,
            interface: Some(self.interface()),
            vlan: (self.vlan != 0).then_some(self.vlan),
            direction: Direction::Internal,
            vector: self.vector,
            severity: Severity::Warning,
            confidence: 0.9,
            since: self.since,
            now: traffic.clone(),
            recent: traffic,
            spoofing_likely: false,
            pattern: None,
            names: Vec::new(),
            guest: None,
            evidence: Vec::new(),
        }
    }

    /// About a station; where it is plugged in is told as evidence, after what the caller has to say.
    fn station(&self, mac: Mac, evidence: Vec<Evidence>) -> Finding {
        let mut finding = self.finding(Target::Station { mac, interface: self.segment_name() });
        finding.evidence = evidence;
        finding.evidence.push(whereabouts(self.window, self.site, self.interface, mac));
        finding
    }

    /// About all stations of the segment.
    fn segment(&self, evidence: Vec<Evidence>) -> Finding {
        let vlan = (self.vlan != 0).then_some(self.vlan);
        let mut finding = self.finding(Target::Segment { interface: self.segment_name(), vlan });
        finding.evidence = evidence;
        finding
    }

    /// One name for all interfaces of a bridge: that of the first of them which is captured, so that what is seen on
    /// several of them is one.
    fn segment_name(&self) -> String {
        self.window.segment_name(self.interface)
    }
}

/// Frames of which only the number is known.
fn control_frames(number: u32) -> Count {
    Count { packets: number.into(), bytes: u64::from(number) * LEAST_FRAME }
}

/// Who a station is, as far as anyone knows: `52:54:00:00:01:04 (guest 104 (shop), port tap104i0)`.
fn who(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> String {
    let mut known = Vec::new();
    if let Some((guest, _)) = site.guest_of_mac(mac) {
        known.push(format!("guest {guest}"));
    }
    if let Some(port) = port(window, site, interface, mac) {
        known.push(format!("port {port}"));
    }
    if let Some(kind) = VirtualMac::of(mac) {
        known.push(format!("a virtual {} address", kind.name().to_uppercase()));
    }
    if known.is_empty() { mac.to_string() } else { format!("{mac} ({})", known.join(", ")) }
}

/// The same for an interface by name.
pub(super) fn port_of(window: &Window<'_>, site: &Site, interface: Option<&str>, mac: Mac) -> Option<String> {
    let index = window.interfaces.iter().position(|name| Some(name.as_str()) == interface)?;
    port(window, site, u16::try_from(index).ok()?, mac)
}

/// Where a station is plugged in: where its frames were seen to come in, else what the bridge learned, else what the
/// inventory says.
fn port(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> Option<String> {
    let segments = window.lan();
    let seen = segments.port_of(segments.interface(interface).segment, mac).and_then(|port| window.interface(port));
    let learned = || {
        let entry = site.inventory().kernel.fdb.iter().find(|entry| entry.mac == mac)?;
        Some(entry.port.clone())
    };
    let planned = || site.guest_of_mac(mac).and_then(|(_, nic)| nic.port.clone());
    seen.map(str::to_owned).or_else(learned).or_else(planned)
}

/// Whether a station is one of ours: a guest by the inventory, or plugged in where guests are.
fn is_guest(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> bool {
    let segments = window.lan();
    let seen = segments.port_of(segments.interface(interface).segment, mac);
    site.guest_of_mac(mac).is_some() || seen.is_some_and(|port| segments.interface(port).role == InterfaceRole::Port)
}

fn whereabouts(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> Evidence {
    let name = window.interface(interface).unwrap_or("unknown");
    let place = BroadcastDomain { segment: window.lan().interface(interface).segment, vlan: 0 };
    let since = window.lan().known_since(place, mac).filter(|since| *since < window.end);
    let heard = since.map_or_else(String::new, |since| format!(", heard since {since}"));
    let message = format!("the station is {} on {name}{heard}", who(window, site, interface, mac));
    context("station", 1.0, 0.1, message)
}
