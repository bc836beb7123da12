//! What the detectors share that inspect the connection attempts of one sender ([`ConnectionAttempts`]): target and direction
//! of the incident, and its traffic.

use super::evidence::context;
use super::{Evidence, Finding, Target, Threshold, Traffic};
use crate::base::{Addr, Direction, Severity, Vector};
use crate::inventory::Site;
use crate::meter::{ConnectionAttempts, Count, Sample, Span};
use crate::packet::Class;
use ipnet::IpNet;

pub(super) const THRESHOLDS: &[Threshold] = &[ANSWERED_SHARE];

pub(super) const ANSWERED_SHARE: Threshold = Threshold {
    name: "answered share",
    value: 0.5,
    unit: "share of attempts",
    reason: "clients, resolvers, crawlers and monitoring are answered by most hosts",
    guarded_by: "server_browser",
};

/// How certain the pattern of attempts makes it that this is what the vector says.
const CONFIDENCE: f64 = 0.8;

/// The direction of the attempts, or `None` where neither end is inside.
pub(super) fn direction(attempts: &ConnectionAttempts, site: &Site) -> Option<Direction> {
    if site.networks.is_unknown() {
        return Some(Direction::Inbound);
    }
    let ours = |address| site.networks.contains(address);
    match (ours(attempts.source), ours(attempts.low) || ours(attempts.high) || ours(attempts.target)) {
        (true, true) => Some(Direction::Internal),
        (true, false) => Some(Direction::Outbound),
        (false, true) => Some(Direction::Inbound),
        (false, false) => None,
    }
}

/// The target: the one host that is tried, or the smallest network that contains all of them; of outbound attempts our host.
pub(super) fn target(attempts: &ConnectionAttempts, direction: Direction) -> Target {
    match direction {
        Direction::Outbound => Target::Host(attempts.source),
        _ if attempts.low == attempts.high => Target::Host(attempts.low),
        _ => span(attempts.low, attempts.high).map_or(Target::Host(attempts.target), Target::Prefix),
    }
}

/// The smallest network that contains both addresses, of one family.
pub(super) fn span(low: Addr, high: Addr) -> Option<IpNet> {
    if low.is_v4() != high.is_v4() {
        return None;
    }
    let width = if low.is_v4() { 32 } else { 128 };
    // The upper 96 bits of IPv4 addresses are equal.
    let common = (low.bits() ^ high.bits()).leading_zeros().saturating_sub(128 - width).min(width);
    let length = u8::try_from(common).ok()?;
    IpNet::new(low.network(length).ip(), length).ok()
}

/// A finding about a sender of attempts, without evidence.
pub(super) fn finding(attempts: &ConnectionAttempts, direction: Direction, vector: Vector, class: Class) -> Finding {
    let outbound = direction == Direction::Outbound;
    let count = |packets: u32, bytes: u32| Count { packets: packets.into(), bytes: bytes.into() };
    let now = Traffic {
        count: count(attempts.opened_now, attempts.bytes_now),
        samples: vec![Sample {
            peer: if outbound { attempts.target } else { attempts.source },
            source_port: attempts.source_port,
            destination_port: attempts.port,
            weight: attempts.opened_now,
            class: class as u8,
            ..Sample::default()
        }],
        ..Traffic::default()
    };
    let mean = attempts.bytes_now / attempts.opened_now.max(1);
    let earlier = attempts.opened.saturating_sub(attempts.opened_now);
    Finding {
        vlan: (attempts.vlan != 0).then_some(attempts.vlan),
        severity: Severity::Info,
        confidence: CONFIDENCE,
        recent: now.clone(),
        now,
        earlier: count(earlier, earlier.saturating_mul(mean)),
        only_peer: (!outbound).then_some(attempts.source),
        ..Finding::about(target(attempts, direction), direction, vector, attempts.first)
    }
}

/// Evidence for context: the station that sends.
pub(super) fn station(attempts: &ConnectionAttempts) -> Evidence {
    let message = format!("sent from station {}", attempts.mac);
    context("attempts", attempts.opened.into(), seconds(attempts), message)
}

/// Seconds between the first and the last attempt, at least a tick.
pub(super) fn seconds(attempts: &ConnectionAttempts) -> f64 {
    (attempts.last.seconds_since(attempts.first)).max(Span::Tick.seconds())
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
