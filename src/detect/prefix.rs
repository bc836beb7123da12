//! Carpet bombing: a flood spread over a network so thinly that none of its hosts exceeds a limit.
//!
//! It is no detector of its own: a prefix of which many hosts receive is measured like a host, and every detector inspects
//! it like one, with limits twice as high. A scan of a network differs by its few senders, each of which tries every host
//! once or twice.

use super::evidence::context;
use super::finding::Finding;
use super::host_context::HostContext;
use super::shape::SampleProfile;
use super::target::Target;
use super::threshold::Threshold;
use crate::base::{Pattern, VectorClass};

pub(super) const THRESHOLDS: &[Threshold] = &[TO_ONE_PORT, TO_ALL_PORTS, ONE_PORT_SHARE];

const TO_ONE_PORT: Threshold = Threshold {
    name: "packets to one port",
    value: 3.0,
    unit: "packets/s per host",
    reason: "no scan sends more to the same port of each host",
    guarded_by: "host_sweep",
};
const TO_ALL_PORTS: Threshold = Threshold {
    name: "packets to all ports",
    value: 50.0,
    unit: "packets/s per host",
    reason: "no scan of a whole network is faster; without ports (ICMP, other protocols) nothing else separates a sweep",
    guarded_by: "ping_monitor_network",
};
const ONE_PORT_SHARE: Threshold = Threshold {
    name: "share of one port",
    value: 0.5,
    unit: "share of packets",
    reason: "a flood of one service among other traffic",
    guarded_by: "carpet_bombing",
};
/// Whether a finding about a prefix is a flood and no scan.
pub(super) fn is_flood(finding: &Finding, prefix: &HostContext<'_>) -> bool {
    if !matches!(finding.vector.class(), VectorClass::Flood | VectorClass::Amplification) {
        return false;
    }
    if finding.beyond_ceiling {
        return true;
    }
    let packets = finding.recent.count.packets as f64;
    let profile = SampleProfile::of(finding.recent.samples.iter());
    let each = packets / prefix.hosts().unwrap_or(1.0).max(1.0);
    let one_port = profile.top_port.is_some_and(|(port, share)| port != 0 && share >= ONE_PORT_SHARE.value);
    profile.many_sources() || (one_port && each >= TO_ONE_PORT.value) || each >= TO_ALL_PORTS.value
}

/// The finding as one of carpet bombing, about `hosts` hosts of the prefix.
pub(super) fn with_pattern(mut finding: Finding, hosts: f64) -> Finding {
    let packets = finding.recent.count.packets as f64;
    finding.pattern = Some(Pattern::CarpetBombing);
    let message = match &finding.target {
        Target::Prefix(network) => format!(
            "spread over about {hosts:.0} hosts of {network}, {:.1} packets/s each; no host receives a third of it",
            packets / hosts.max(1.0)
        ),
        other => format!("spread over {other}"),
    };
    finding.evidence.push(context("receiving_hosts", hosts.round(), 1.0, message));
    finding
}
