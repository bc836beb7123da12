//! Carpet bombing: a flood spread over a network so thinly that none of its hosts is over a limit.
//!
//! It is no detector of its own: a prefix of which many hosts receive is measured like a host, and every detector judges
//! it like one, with limits twice as high. What a scan sends to a network is told apart by its few senders, each of
//! which asks every host once or twice.

use super::shape::SampleProfile;
use super::{EnabledDetector, Finding, HostContext, Target};
use crate::base::{Direction, Pattern, Vector, VectorClass};
use crate::inventory::Site;
use crate::meter::{Span, Window};

/// Packets a second and host that no scan sends to one port, and to all ports.
const TO_ONE_PORT: f64 = 3.0;
const TO_ALL_PORTS: f64 = 50.0;
/// Packets a second to a network that never answers, from which on they are a flood even if they may be answers.
const ONE_WAY: u64 = 50_000;

/// Leads the detectors through the busy prefixes of a window.
pub(super) fn inspect_prefixes(
    detectors: &[EnabledDetector],
    site: &Site,
    window: &Window<'_>,
    findings: &mut Vec<Finding>,
) {
    for (prefix, hosts) in window.prefixes() {
        let host = prefix.in_direction(Direction::Inbound);
        let length = window.prefix_length(prefix.address());
        if host.forward_packets() == 0 {
            continue;
        }
        // The count is an estimate, and there are no more hosts than addresses.
        let width = if prefix.address().is_v4() { 32 } else { 128 } - i32::from(length);
        let hosts = hosts.min(2f64.powi(width));
        let Some(host) = HostContext::of_prefix(host, Direction::Inbound, length, hosts) else { continue };
        let host = host.at(site, None);
        let before = findings.len();
        super::inspect(detectors, &host, site, window, findings);
        let of_hosts = findings.drain(before..).filter(|finding| is_flood(finding, &host));
        let found: Vec<Finding> = of_hosts.map(|finding| marked(finding, hosts)).collect();
        findings.extend(found);
    }
}

/// Whether a finding rests on answers that are not seen where nothing of the whole network's is: a network of clients of
/// which one direction is captured receives what it asked for.
fn needs_answers(vector: Vector) -> bool {
    matches!(
        vector,
        Vector::AckFlood
            | Vector::SynAckFlood
            | Vector::FinFlood
            | Vector::RstFlood
            | Vector::TcpFlood
            | Vector::TcpReflection
            | Vector::UdpFlood
            | Vector::QuicFlood
            | Vector::OtherAmplification
    )
}

/// Whether a finding about a prefix is a flood and no scan.
fn is_flood(finding: &Finding, host: &HostContext<'_>) -> bool {
    if !matches!(finding.vector.class(), VectorClass::Flood | VectorClass::Amplification) {
        return false;
    }
    let silent = host.reverse(Span::TenSeconds).packets() == 0 && host.reverse(Span::Second).packets() == 0;
    if silent && needs_answers(finding.vector) && finding.recent.count.packets < ONE_WAY {
        return false;
    }
    let profile = SampleProfile::of(finding.recent.samples.iter());
    let hosts = host.hosts().unwrap_or(1.0).max(1.0);
    let each = finding.recent.count.packets as f64 / hosts;
    // Without ports (ICMP, other protocols) nothing tells a sweep's one packet for each host from the next.
    let one_port = profile.top_port.is_some_and(|(port, share)| port != 0 && share >= 0.5);
    profile.many_sources() || (one_port && each >= TO_ONE_PORT) || each >= TO_ALL_PORTS
}

fn marked(mut finding: Finding, hosts: f64) -> Finding {
    let packets = finding.recent.count.packets as f64;
    finding.pattern = Some(Pattern::CarpetBombing);
    let message = match &finding.target {
        Target::Prefix(network) => format!(
            "spread over about {hosts:.0} hosts of {network}, {:.1} packets/s each; no host gets a third of it",
            packets / hosts.max(1.0)
        ),
        other => format!("spread over {other}"),
    };
    finding.evidence.push(super::shape::context("receiving_hosts", hosts.round(), 1.0, message));
    finding
}
