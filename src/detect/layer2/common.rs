//! What the detectors of layer 2 share: the subject of a finding, and how a station is described.

use super::super::evidence::{Evidence, context};
use super::super::{Finding, FrameMatch, Target, Traffic};
use crate::base::{Direction, InterfaceRole, Mac, Severity, Timestamp, Vector};
use crate::inventory::{Site, VirtualMac};
use crate::meter::lan::BroadcastDomain;
use crate::meter::{Count, Window};

pub(super) const ARP_FRAMES: FrameMatch = FrameMatch { nftables: "ether type arp", pcap: "arp" };

/// Octets that a control frame is taken to have: the least that Ethernet has.
pub(super) const LEAST_FRAME: u64 = 60;

/// What a finding is about, before anything is said about it.
pub(super) struct About<'w> {
    pub window: &'w Window<'w>,
    pub site: &'w Site,
    pub interface: u16,
    pub vlan: u16,
    pub vector: Vector,
    /// In this tick.
    pub count: Count,
    pub since: Timestamp,
}

impl About<'_> {
    pub fn interface(&self) -> String {
        self.window.interface(self.interface).unwrap_or("unknown").to_owned()
    }

    pub fn finding(&self, target: Target) -> Finding {
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
    pub fn station(&self, mac: Mac, evidence: Vec<Evidence>) -> Finding {
        let mut finding = self.finding(Target::Station { mac, interface: self.segment_name() });
        finding.evidence = evidence;
        finding.evidence.push(whereabouts(self.window, self.site, self.interface, mac));
        finding
    }

    /// About all stations of the segment.
    pub fn segment(&self, evidence: Vec<Evidence>) -> Finding {
        let vlan = (self.vlan != 0).then_some(self.vlan);
        let mut finding = self.finding(Target::Segment { interface: self.segment_name(), vlan });
        finding.evidence = evidence;
        finding
    }

    /// One name for all interfaces of a bridge: that of the first of them which is captured, so that what is seen on
    /// several of them is one.
    pub fn segment_name(&self) -> String {
        self.window.segment_name(self.interface)
    }
}

/// Frames of which only the number is known.
pub(super) fn control_frames(number: u32) -> Count {
    Count { packets: number.into(), bytes: u64::from(number) * LEAST_FRAME }
}

/// Who a station is, as far as anyone knows: `52:54:00:00:01:04 (guest 104 (shop), port tap104i0)`.
pub(super) fn who(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> String {
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
pub(in super::super) fn port_of(window: &Window<'_>, site: &Site, interface: Option<&str>, mac: Mac) -> Option<String> {
    let index = window.interfaces.iter().position(|name| Some(name.as_str()) == interface)?;
    port(window, site, u16::try_from(index).ok()?, mac)
}

/// Where a station is plugged in: where its frames were seen to come in, else what the bridge learned, else what the
/// inventory says.
pub(super) fn port(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> Option<String> {
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
pub(super) fn is_guest(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> bool {
    let segments = window.lan();
    let seen = segments.port_of(segments.interface(interface).segment, mac);
    site.guest_of_mac(mac).is_some() || seen.is_some_and(|port| segments.interface(port).role == InterfaceRole::Port)
}

pub(super) fn whereabouts(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> Evidence {
    let name = window.interface(interface).unwrap_or("unknown");
    let place = BroadcastDomain { segment: window.lan().interface(interface).segment, vlan: 0 };
    let since = window.lan().known_since(place, mac).filter(|since| *since < window.end);
    let heard = since.map_or_else(String::new, |since| format!(", heard since {since}"));
    let message = format!("the station is {} on {name}{heard}", who(window, site, interface, mac));
    context("station", 1.0, 0.1, message)
}
