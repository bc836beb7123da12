//! What the detectors share that judge senders by their openings ([`ConnectionAttempts`]): whom an incident is about, which way it
//! goes, and what it carries.

use super::evidence::context;
use super::{Evidence, Finding, Target, Traffic};
use crate::base::{Addr, Direction, Severity, Vector};
use crate::inventory::Site;
use crate::meter::{ConnectionAttempts, Count, Registers, Sample};
use crate::packet::Class;
use ipnet::IpNet;

/// Which way the contacts go, or `None` where neither end is ours.
pub(super) fn direction(contact: &ConnectionAttempts, site: &Site) -> Option<Direction> {
    if site.networks.is_unknown() {
        return Some(Direction::Inbound);
    }
    let ours = |address| site.networks.contains(address);
    match (ours(contact.source), ours(contact.low) || ours(contact.high) || ours(contact.target)) {
        (true, true) => Some(Direction::Internal),
        (true, false) => Some(Direction::Outbound),
        (false, true) => Some(Direction::Inbound),
        (false, false) => None,
    }
}

/// The target: the one host that is contacted, or the smallest network that holds all; of outgoing ones our host.
pub(super) fn target(contact: &ConnectionAttempts, direction: Direction) -> Target {
    match direction {
        Direction::Outbound => Target::Host(contact.source),
        _ if contact.low == contact.high => Target::Host(contact.low),
        _ => span(contact.low, contact.high).map_or(Target::Host(contact.target), Target::Prefix),
    }
}

/// The smallest network with both addresses, of one family.
pub(super) fn span(low: Addr, high: Addr) -> Option<IpNet> {
    if low.is_v4() != high.is_v4() {
        return None;
    }
    let width = if low.is_v4() { 32 } else { 128 };
    // Of IPv4 the upper 96 bits are alike.
    let common = (low.bits() ^ high.bits()).leading_zeros().saturating_sub(128 - width).min(width);
    let length = u8::try_from(common).ok()?;
    IpNet::new(low.network(length).ip(), length).ok()
}

/// A finding about a sender of openings; evidence is left to the caller.
pub(super) fn finding(contact: &ConnectionAttempts, direction: Direction, vector: Vector, class: Class) -> Finding {
    let traffic = |packets: u32, bytes: u32| Traffic {
        count: Count { packets: packets.into(), bytes: bytes.into() },
        samples: vec![Sample {
            peer: if direction == Direction::Outbound { contact.target } else { contact.source },
            source_port: contact.source_port,
            destination_port: contact.port,
            weight: packets,
            class: class as u8,
            ..Sample::default()
        }],
        peers: Registers::default(),
    };
    let mean = contact.bytes_now / contact.opened_now.max(1);
    Finding {
        target: target(contact, direction),
        interface: None,
        vlan: (contact.vlan != 0).then_some(contact.vlan),
        direction,
        vector,
        severity: Severity::Info,
        confidence: 0.8,
        since: contact.first,
        now: traffic(contact.opened_now, contact.bytes_now),
        recent: traffic(contact.opened, contact.opened.saturating_mul(mean)),
        spoofing_likely: false,
        pattern: None,
        names: Vec::new(),
        guest: None,
        evidence: Vec::new(),
    }
}

/// Evidence for context: which station it is.
pub(super) fn station(contact: &ConnectionAttempts) -> Evidence {
    let message = format!("it sends from station {}", contact.mac);
    context("openings", contact.opened.into(), seconds(contact), message)
}

/// Seconds that the sender's memory spans.
pub(super) fn seconds(contact: &ConnectionAttempts) -> f64 {
    (contact.last.seconds_since(contact.first)).max(0.1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn networks_span_their_ends() {
        let span = |low: &str, high: &str| {
            super::span(low.parse().unwrap(), high.parse().unwrap()).map(|network| network.to_string())
        };
        assert_eq!(span("10.0.0.1", "10.0.0.254").as_deref(), Some("10.0.0.0/24"));
        assert_eq!(span("10.33.64.2", "10.33.79.250").as_deref(), Some("10.33.64.0/20"));
        assert_eq!(span("1.2.3.4", "200.0.0.1").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(span("2001:db8::1", "2001:db8::ff").as_deref(), Some("2001:db8::/120"));
        assert_eq!(span("10.0.0.1", "10.0.0.1").as_deref(), Some("10.0.0.1/32"));
        assert_eq!(span("10.0.0.1", "2001:db8::1"), None);
    }
}
