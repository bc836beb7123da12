//! What the detectors of layer 2 share: the subject of a finding, and how a station is described.

use super::super::evidence::{Evidence, context};
use super::super::{Finding, FrameMatch, Target, Traffic};
use crate::base::{Direction, InterfaceRole, Mac, Timestamp, Vector};
use crate::inventory::{Site, VirtualMac};
use crate::meter::lan::BroadcastDomain;
use crate::meter::{Count, Span, Window};

pub(super) const ARP_FRAMES: FrameMatch = FrameMatch { nftables: "ether type arp", pcap: "arp" };

/// Octets of the shortest Ethernet frame without its checksum: the length assumed where only the number of frames is
/// known.
pub(super) const MIN_FRAME_OCTETS: u64 = 60;

/// What a finding is about: where it was seen, as which vector, and which traffic belongs to it.
pub(super) struct Subject<'w> {
    pub window: &'w Window<'w>,
    pub site: &'w Site,
    pub interface: u16,
    /// 0: untagged.
    pub vlan: u16,
    pub vector: Vector,
    /// In this tick.
    pub count: Count,
    pub since: Timestamp,
}

impl Subject<'_> {
    /// Name of the interface.
    pub(crate) fn interface(&self) -> String {
        self.window.interface(self.interface).unwrap_or("unknown").to_owned()
    }

    /// A finding without evidence.
    pub(crate) fn finding(&self, target: Target) -> Finding {
        let traffic = Traffic { count: self.count, ..Traffic::default() };
        Finding {
            interface: Some(self.interface()),
            vlan: self.tag(),
            now: traffic.clone(),
            recent: traffic,
            ..Finding::about(target, Direction::Internal, self.vector, self.since)
        }
    }

    /// A finding about one station. The evidence of its location follows the caller's.
    pub(crate) fn station_finding(&self, mac: Mac, evidence: Vec<Evidence>) -> Finding {
        let mut finding = self.finding(Target::Station { mac, interface: self.segment_name() });
        finding.evidence = evidence;
        finding.evidence.push(location_evidence(self.window, self.site, self.interface, mac));
        finding
    }

    /// A finding about the segment as a whole.
    pub(crate) fn segment_finding(&self, evidence: Vec<Evidence>) -> Finding {
        let mut finding = self.finding(Target::Segment { interface: self.segment_name(), vlan: self.tag() });
        finding.evidence = evidence;
        finding
    }

    /// One name for all interfaces of a bridge, that of the first captured one, so that what several of them show is
    /// one incident.
    fn segment_name(&self) -> String {
        self.window.segment_name(self.interface)
    }

    fn tag(&self) -> Option<u16> {
        (self.vlan != 0).then_some(self.vlan)
    }
}

/// Frames of which only the number is known.
pub(super) fn control_frames(number: u32) -> Count {
    min_length_frames(number.into())
}

/// The same for any number of frames.
pub(super) fn min_length_frames(number: u64) -> Count {
    Count { packets: number, bytes: number * MIN_FRAME_OCTETS }
}

/// A station and what is known of it: `52:54:00:00:01:04 (guest 104 (shop), port tap104i0)`.
pub(super) fn describe_station(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> String {
    let mut known = Vec::new();
    if let Some((guest, _)) = site.guest_of_mac(mac) {
        known.push(format!("guest {guest}"));
    }
    if let Some(port) = port_name(window, site, interface, mac) {
        known.push(format!("port {port}"));
    }
    if let Some(kind) = VirtualMac::of(mac) {
        known.push(format!("virtual {} address", kind.name().to_uppercase()));
    }
    if known.is_empty() { mac.to_string() } else { format!("{mac} ({})", known.join(", ")) }
}

/// The port of a station, for an interface given by name.
pub(in super::super) fn port_of(window: &Window<'_>, site: &Site, interface: Option<&str>, mac: Mac) -> Option<String> {
    let index = window.interfaces.iter().position(|name| Some(name.as_str()) == interface)?;
    port_name(window, site, u16::try_from(index).ok()?, mac)
}

/// The port of a station: the one on which its frames entered last, else the one that the bridge learned, else the one
/// in the inventory.
fn port_name(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> Option<String> {
    let observed = observed_port(window, interface, mac).and_then(|port| window.interface(port));
    let learned = || site.learned_port(mac).map(str::to_owned);
    let in_inventory = || site.guest_of_mac(mac).and_then(|(_, nic)| nic.port.clone());
    observed.map(str::to_owned).or_else(learned).or_else(in_inventory)
}

/// Whether a station is a guest: by the inventory, or because its frames enter on a guest port.
pub(super) fn is_guest(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> bool {
    let is_guest_port = |port| window.lan().interface(port).role == InterfaceRole::Port;
    site.guest_of_mac(mac).is_some() || observed_port(window, interface, mac).is_some_and(is_guest_port)
}

/// The interface on which frames of a station entered last.
fn observed_port(window: &Window<'_>, interface: u16, mac: Mac) -> Option<u16> {
    let lan = window.lan();
    lan.port_of(lan.interface(interface).segment, mac)
}

/// Evidence for context: which station it is, on which interface, and since when it is known.
pub(super) fn location_evidence(window: &Window<'_>, site: &Site, interface: u16, mac: Mac) -> Evidence {
    let name = window.interface(interface).unwrap_or("unknown");
    let domain = BroadcastDomain { segment: window.lan().interface(interface).segment, vlan: 0 };
    let since = window.lan().known_since(domain, mac).filter(|since| *since < window.end);
    let first_seen = since.map_or_else(String::new, |since| format!(", first seen at {since}"));
    let station = describe_station(window, site, interface, mac);
    context("station", 1.0, Span::Tick.seconds(), format!("the station is {station} on {name}{first_seen}"))
}
