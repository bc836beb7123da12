//! Detect: from one tick's [`Window`] to findings. Every detector asks for *rate and shape*, and says what it measured.
//!
//! [`DETECTORS`] is the registry: the command line, the configuration, the documentation and the metrics' label values
//! all come from it. One file per detector; what they share about the shape of traffic is in [`shape`].

mod ack_flood;
mod allow;
mod amplification;
mod asked;
mod attempts;
mod backscatter;
pub mod baseline;
mod brute_force;
mod carpet;
mod connection_flood;
mod dns;
mod dns_query_flood;
mod dns_water_torture;
mod finding;
mod fragment_flood;
mod host_context;
mod http_flood;
mod icmp_flood;
mod land_attack;
mod layer2;
mod open_reflector;
mod other_amplification;
mod posture;
mod protocol_flood;
mod rst_flood;
mod scan;
pub mod settings;
mod shape;
mod slow_http;
mod smurf;
mod spoofed_source;
mod syn_ack_flood;
mod syn_flood;
mod tcp_flags;
mod tcp_reflection;
mod tls_handshake_flood;
mod total;
mod udp_flood;

pub use allow::{AllowList, AllowRule, Allowed};
pub use baseline::Baseline;
pub use finding::{Evidence, Finding, LimitFrom, NameCount, Target, Traffic};
pub use host_context::HostContext;
pub use settings::{GroupLimit, Limit, Setting, Settings};

use crate::base::{PostureResult, Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use std::sync::Arc;

/// Inspects what was measured, at the end of each tick. Must not read a clock: the window carries the time.
pub trait Detector: Send {
    /// Inspects one busy host in one direction. Called for each of them, so it must be quick to find nothing.
    fn inspect_host(&self, _host: &HostContext<'_>, _window: &Window<'_>, _findings: &mut Vec<Finding>) {}

    /// Inspects the tick as a whole: stations, totals.
    fn inspect_tick(&self, _window: &Window<'_>, _findings: &mut Vec<Finding>) {}

    /// Inspects the latest results of the checks of this host, which no packet carries.
    fn inspect_host_checks(&self, _checks: &[PostureResult], _findings: &mut Vec<Finding>) {}
}

/// A detector that the configuration leaves on.
pub struct EnabledDetector {
    detector: Box<dyn Detector>,
    /// Severity of all its findings, where the operator sets one.
    severity: Option<Severity>,
}

impl EnabledDetector {
    /// Runs one inspection and applies the configured severity to what it found: the only place that overrides one.
    fn run(
        &self,
        group: Option<&str>,
        findings: &mut Vec<Finding>,
        inspect: impl FnOnce(&dyn Detector, &mut Vec<Finding>),
    ) {
        let before = findings.len();
        inspect(&*self.detector, findings);
        for finding in findings.iter_mut().skip(before) {
            finding.severity = self.severity.unwrap_or(finding.severity);
            if let Some(group) = group {
                finding.name_group(group);
            }
        }
    }
}

/// Runs all detectors on a window. A finding is made anew every tick for as long as it lasts.
pub fn run(
    detectors: &[EnabledDetector],
    site: &Site,
    baseline: Option<&Baseline>,
    window: &Window<'_>,
    findings: &mut Vec<Finding>,
) {
    for host in window.hosts() {
        for &direction in site.directions() {
            let traffic = host.in_direction(direction);
            if traffic.forward_packets() == 0 {
                continue;
            }
            let learned = baseline.and_then(|baseline| baseline.levels(host.address(), direction));
            let context = HostContext::of_host(traffic, direction).at(site, learned);
            inspect(detectors, &context, site, window, findings);
        }
    }
    carpet::inspect_prefixes(detectors, site, window, findings);
    for enabled in detectors {
        enabled.run(None, findings, |detector, findings| detector.inspect_tick(window, findings));
    }
    for finding in findings {
        finding.guest = guest(finding, site, window);
    }
}

/// Runs all detectors on the latest results of the checks of this host, with the same severities as [`run`].
pub fn run_host_checks(detectors: &[EnabledDetector], checks: &[PostureResult], findings: &mut Vec<Finding>) {
    for enabled in detectors {
        enabled.run(None, findings, |detector, findings| detector.inspect_host_checks(checks, findings));
    }
}

/// The guest that a finding is about: the station's, or that of the port where an unknown MAC enters, or the one that has
/// the address.
fn guest(finding: &Finding, site: &Site, window: &Window<'_>) -> Option<String> {
    let guest = match &finding.target {
        Target::Station { mac, .. } => {
            let known = site.guest_of_mac(*mac).map(|(guest, _)| guest);
            known.or_else(|| site.guest_of_port(&layer2::port_of(window, site, finding.interface.as_deref(), *mac)?))
        }
        Target::Host(address) => site.guest_of_address(*address),
        _ => None,
    };
    guest.map(ToString::to_string)
}

/// Runs every detector on one host or prefix.
fn inspect(
    detectors: &[EnabledDetector],
    host: &HostContext<'_>,
    site: &Site,
    window: &Window<'_>,
    findings: &mut Vec<Finding>,
) {
    let group = host.group().map(|id| site.group_name(id));
    for enabled in detectors {
        enabled.run(group, findings, |detector, findings| detector.inspect_host(host, window, findings));
    }
}

/// A row of the registry.
pub struct DetectorSpec {
    /// Name in the configuration (`[detect.NAME]`), lists and metrics.
    pub name: &'static str,
    /// What it raises.
    pub vectors: &'static [Vector],
    /// One line: what it recognises, and by which shape.
    pub summary: &'static str,
    /// Its settings; every detector also has `enabled` and `severity`.
    pub settings: &'static [Setting],
    pub build: fn(&Settings, &Arc<Site>) -> Box<dyn Detector>,
}

/// Every detector, in the order in which they run and are listed.
pub const DETECTORS: &[DetectorSpec] = &[
    syn_flood::SPEC,
    syn_ack_flood::SPEC,
    ack_flood::SPEC,
    rst_flood::SPEC,
    tcp_flags::SPEC,
    udp_flood::UDP,
    udp_flood::QUIC,
    icmp_flood::ICMP,
    icmp_flood::ICMPV6,
    smurf::SPEC,
    fragment_flood::SPEC,
    protocol_flood::GRE,
    protocol_flood::OTHER,
    land_attack::SPEC,
    amplification::SPEC,
    other_amplification::SPEC,
    tcp_reflection::SPEC,
    open_reflector::SPEC,
    http_flood::SPEC,
    tls_handshake_flood::SPEC,
    dns_query_flood::SPEC,
    dns_water_torture::SPEC,
    connection_flood::SPEC,
    slow_http::SPEC,
    scan::SPEC,
    brute_force::SPEC,
    backscatter::SPEC,
    spoofed_source::SPEC,
    layer2::MAC_NOT_ALLOWED,
    layer2::MAC_IP_MISMATCH,
    layer2::ARP_SPOOF,
    layer2::ND_SPOOF,
    layer2::GATEWAY_MAC_CHANGED,
    layer2::IP_CONFLICT,
    layer2::MAC_FLAP,
    layer2::MAC_FLOOD,
    layer2::ARP_FLOOD,
    layer2::GRATUITOUS_ARP_STORM,
    layer2::BROADCAST_STORM,
    layer2::MULTICAST_STORM,
    layer2::ROGUE_DHCP,
    layer2::DHCP_STARVATION,
    layer2::DHCP_FLOOD,
    layer2::ROGUE_RA,
    layer2::STP_FROM_GUEST,
    layer2::UNKNOWN_UNICAST_FLOOD,
    layer2::L2_LOOP,
    layer2::GATEWAY_SILENT,
    posture::SPEC,
    // Last: the vectors that it raises are those of others.
    total::SPEC,
];

/// Builds every enabled detector.
pub fn build(settings: &[Settings], site: &Arc<Site>) -> Vec<EnabledDetector> {
    DETECTORS
        .iter()
        .zip(settings)
        .filter(|(_, settings)| settings.enabled)
        .map(|(spec, settings)| EnabledDetector { detector: (spec.build)(settings, site), severity: settings.severity })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_vector_has_exactly_one_detector() {
        // `total` has no shape of its own: it calls what it finds by the protocol that dominates, in the words of others.
        let mut raised = BTreeSet::new();
        for spec in DETECTORS.iter().filter(|spec| spec.name != "total") {
            assert!(!spec.vectors.is_empty(), "{} raises nothing", spec.name);
            for vector in spec.vectors {
                assert!(raised.insert(*vector), "{vector} is raised by two detectors");
            }
        }
        assert_eq!(raised, Vector::ALL.iter().copied().collect(), "a vector that no detector raises");
    }

    #[test]
    fn names_and_settings_are_unique_and_defaults_in_range() {
        let mut names = BTreeSet::new();
        for spec in DETECTORS {
            assert!(names.insert(spec.name));
            let mut keys = BTreeSet::new();
            for setting in spec.settings {
                assert!(keys.insert(setting.key), "{}.{} twice", spec.name, setting.key);
                assert!(!matches!(setting.key, "enabled" | "severity"));
                assert!((setting.min..=setting.max).contains(&setting.default), "{}.{}", spec.name, setting.key);
            }
        }
    }
}
